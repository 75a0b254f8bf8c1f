"""What ROUND and the like in a formula leave unknown of its value."""

from __future__ import annotations

import math
import re

import numpy as np

from backprop_sheet.audit.compare.record_values import Numbers
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.read.formula_functions import ROUNDED, without_rounding
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Call,
    Expression,
    Number,
    Operation,
    nodes_with_paths,
    replace_at,
)

ROUNDING_CALL = re.compile(r"\b(MROUND|ROUNDUP|ROUNDDOWN|ROUND|TRUNC|FIXED)\(", re.IGNORECASE)


def left_open(rounded: Expression, data: TableData) -> Numbers:
    """Return what each ROUND in a formula leaves unknown of its value."""
    result = np.zeros(data.records)
    exact = without_rounding(rounded)
    for path, node in nodes_with_paths(rounded):
        match node:
            case Call("rounded", (value, Number(unit))):
                if not path:
                    result = result + unit / 2
                    continue
                changed = replace_at(rounded, path, Operation("+", value, Number(unit / 2)))
                try:
                    with np.errstate(all="ignore"):
                        high = evaluate(without_rounding(changed), data.values)
                        result = result + np.nan_to_num(np.abs(high - evaluate(exact, data.values)))
                except KeyError:  # a cell that is no known quantity
                    result = result + unit / 2
    return result


def rounding_words(formula: str, rounded: Expression) -> str:
    """Say how a formula is rounded: ``ROUND(…, 4)``."""
    function = ROUNDING_CALL.search(formula)
    name = function[1].upper() if function else "ROUND"
    units = [
        node.arguments[1] for _, node in nodes_with_paths(rounded)
        if isinstance(node, Call) and node.function == ROUNDED
    ]  # fmt: skip
    unit = units[0].value if units and isinstance(units[0], Number) else 1.0
    if name == "MROUND":
        return f"MROUND(…, {unit:g})"
    if name in ("ROUNDUP", "ROUNDDOWN", "TRUNC"):
        unit /= 2
    return f"{name}(…, {round(-math.log10(unit)) if unit > 0 else 0})"
