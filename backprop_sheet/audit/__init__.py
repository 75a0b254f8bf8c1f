"""The audit: students' workbooks compared with the equations of an exercise."""
