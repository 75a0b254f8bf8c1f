"""Where is the table, and what is each column?"""
