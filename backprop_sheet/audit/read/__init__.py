"""What is in the file? Reading the parts of an untrusted workbook; see ``audit/reading.py``."""
