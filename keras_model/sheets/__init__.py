"""The sheets of the digits workbook, a room each."""
