"""The sheets of the digits workbook: one module per kind of sheet."""
