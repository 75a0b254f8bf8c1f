"""Which cells are wrong?"""
