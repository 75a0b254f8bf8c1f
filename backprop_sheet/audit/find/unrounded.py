"""What the formula of a column gives before it is rounded.

Rounded to three decimals, a small derivative is 0.000 in most records, from which nothing can be
told. Its formula still gives all digits.
"""

from __future__ import annotations

import numpy as np

from backprop_sheet.audit.compare.record_values import mostly_agree
from backprop_sheet.audit.find.column_formulas import name_of_column
from backprop_sheet.audit.find.column_numbers import Array, Values
from backprop_sheet.audit.find.judging import Judge
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import cell_references


def formula_gives(judge: Judge, index: int, predicted: Array) -> bool:
    """Whether a column's formula, not rounded, gives what is predicted in most records."""
    expression = judge.formulas.expression(index)
    if expression is None or not np.any(np.nan_to_num(predicted)):
        return False
    values = Values(
        {name_of_column(at).key: column for at, column in enumerate(judge.numbers.columns)}
    )
    for cell in cell_references(expression):
        found = number(judge.table.value_at(Address.of(cell)))
        values[cell.key] = np.asarray(np.nan if found is None else found)
    with np.errstate(all="ignore"):
        given = np.broadcast_to(np.asarray(evaluate(expression, values)), predicted.shape)
    return mostly_agree(given, predicted)
