"""What all workbooks that are written share."""
