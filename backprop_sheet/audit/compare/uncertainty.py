"""How exact the numbers of a table are."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from backprop_sheet.audit.compare.record_values import Numbers
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.equations.columns import Role


def half_units(data: TableData, name: str) -> Numbers:
    """Return half a unit of the last digit of each typed cell of a computed column, else 0."""
    units = np.zeros(data.records)
    if name not in data.columns or data.system.columns.get(name) is Role.GIVEN:
        return units
    if name in data.system.parameters and name not in data.system.trained:
        return units
    first = data.system.rows_per_iteration if name in data.system.updates else 0
    for record in range(first, data.records):
        value = number(data.table.value(name, record))
        if value is not None and math.isfinite(value) and data.is_typed(name, record):
            units[record] = _half_unit(value)
    zeros = (data.values[name] == 0) & (units > 0)
    units[zeros] = min(units[~zeros & (units > 0)], default=0.0)  # as for the other numbers
    return units


def half_units_as_typed(data: TableData, name: str) -> Numbers:
    """Return :func:`half_units`, with the smallest for all: next to 0.1498, 0.15 means 0.1500."""
    units = half_units(data, name)
    if (typed := units > 0).any():
        units[typed] = units[typed].min()
    return units


def _half_unit(value: float) -> float:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) and value else 0.5
