"""The audit: students' workbooks compared with the equations of an exercise. Its words:

- region: a set of columns with numbers that are filled down, wherever it stands on a sheet.
- table: a region, or the blocks of a form, that holds the quantities of an exercise.
- record: one row of a table: one iteration, or one sample of an iteration.
- quantity: what a column holds, by its name in the equations: w1, a_h1, ∂E/∂w1.
- proposal: a quantity that a column may hold, with a weight and a reason.
- comparison: which cells differ from the values that follow from the other cells of their row.
- finding: the wrong cells of one column, with their cause.
- cause: the mistake that explains the wrong cells, in words.
- note: what is worth knowing and no mistake, or what was not checked.
- verdict: right, wrong or incomplete, of one table.
"""
