"""What both packages need: moving a finished file into place, and the look of a workbook."""
