"""What both packages need: errors, writing files, and the styles of workbooks."""

__version__ = "0.5.0"
