"""Annotated copies of workbooks: wrong cells filled, notes, and a sheet that lists the findings."""
