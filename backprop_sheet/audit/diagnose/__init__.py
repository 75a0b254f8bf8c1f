"""Why are they wrong?"""
