"""What is in the file?"""
