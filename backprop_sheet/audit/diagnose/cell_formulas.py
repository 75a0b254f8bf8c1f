"""The right formula as a student can type it, with the references of the sheet."""

from __future__ import annotations

import numpy as np

from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression, Name, names, substitute
from backprop_sheet.symbolic.functions import without_bounds
from backprop_sheet.symbolic.rendering import to_excel


class _NoCellError(Exception):
    pass


def formula_in_cells(comparison: Comparison, right: Expression, record: int, home: str = "") -> str:
    """Write a formula with the references of the sheet; "" if a quantity has no cell.

    Args:
        home: the sheet of the formula's cell, if it is not the table's own.
    """
    system, table, rate = comparison.data.system, comparison.data.table, comparison.rate

    def reference(name: Name) -> str:
        if name.name == LEARNING_RATE and rate.source.number is not None:
            return f"{rate.source.number:g}"
        address = _reference(comparison, name, record, home)
        if address is None:
            raise _NoCellError
        return address

    absent = {
        name.name: system.definitions[name.name]
        for name in names(right)
        if name.name not in table.names and name.name in system.definitions
    }
    written_out = substitute(right, absent)
    plain = without_bounds(written_out)
    if not _is_same(comparison, plain, written_out, record):
        plain = written_out  # a number so large that EXP overflows
    try:
        return "=" + to_excel(plain, reference)
    except _NoCellError:
        return ""


def _is_same(comparison: Comparison, one: Expression, other: Expression, record: int) -> bool:
    """Whether two expressions have the same value in a record, or no known value."""
    if one == other:
        return True
    values = comparison.values.of_records([record])
    try:
        with np.errstate(all="ignore"):
            return np.allclose(evaluate(one, values), evaluate(other, values), rtol=1e-9, atol=0)
    except KeyError:
        return True


def _reference(comparison: Comparison, name: Name, record: int, home: str) -> str | None:
    """Return the reference to a quantity in a formula of a sheet."""
    table, system = comparison.data.table, comparison.data.system
    source = comparison.rate.source
    home = home or table.header(table.names[0]).sheet
    if name.name == LEARNING_RATE and source.external is not None:
        return reference_text(source.external, is_absolute=True)
    if name.name == LEARNING_RATE and source.cell is not None:
        return source.cell.absolute(home)
    for address, constant in comparison.translator.formulas.constants.items():
        if constant == name.name:
            return address.absolute(home)
    if name.name in system.hyperparameters:
        return f"{system.hyperparameters[name.name]:g}"
    if name.name not in table.names or not 0 <= record + name.shift < table.records:
        return None
    shift = -1 if name.name == LEARNING_RATE else name.shift
    cell = table.cell(name.name, max(record + shift, 0))
    return cell.text(home) if cell is not None else None
