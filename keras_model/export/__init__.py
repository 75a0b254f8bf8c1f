"""A trained network as a workbook or a web page."""
