"""Learning rates that change from row to row on purpose: by a formula, or in steps."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import groupby, pairwise
from operator import or_

import numpy as np

from backprop_sheet.audit.compare.record_values import Mask, Numbers
from backprop_sheet.audit.compare.table_data import column_numbers
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.labels import is_reference
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.used_cells import used_cells
from backprop_sheet.equations.names import LEARNING_RATE

MIN_RATES = 3  # different typed rates that fall: two may be one typing error


def typed_over_schedule(table: Table) -> Mask | None:
    """Return the typed cells in a column of rates that change on purpose; None if they do not.

    Either a formula computes each rate from its row, or from the row above, in the same way; or
    the numbers are those of a schedule. One row with another number is a typing error, and a rate
    that grows by the same step per row is a constant that changed when it was filled down.
    """
    rates, _ = column_numbers(table, LEARNING_RATE)
    known = rates[~np.isnan(rates)]
    if len(known) < MIN_RATES or not (known > 0).all() or np.ptp(known) == 0:
        return None
    formulas = [
        formula is not None and not is_reference(formula)
        for formula in table.formulas_of(LEARNING_RATE)
    ]
    computed = [record for record in range(1, table.records) if formulas[record]]
    if 2 * len(computed) >= table.records and _are_alike(table, computed):
        typed = ~np.array(formulas) & ~np.isnan(rates)
        typed[0] = False
        return typed
    is_schedule = not computed and _is_typed_schedule(known)
    return np.zeros(table.records, dtype=bool) if is_schedule else None


def _is_typed_schedule(rates: Numbers) -> bool:
    """Whether rates hold for some rows each and never return, or only fall."""
    runs = [(rate, len(list(group))) for rate, group in groupby(rates.tolist())]
    values = [rate for rate, _ in runs]
    if len(set(values)) < len(values):
        return False
    falls = all(after < before for before, after in pairwise(values))
    return all(length > 1 for _, length in runs) or (falls and len(values) >= MIN_RATES)


def _are_alike(table: Table, records: list[int]) -> bool:
    """Whether the formulas of some rates use the same cells, as seen from their rows.

    A reference that slides over cells outside the table is none of a schedule.
    """
    used: list[list[Address]] = []
    places: list[list[Hashable]] = []
    for record in records:
        home = table.cell(LEARNING_RATE, record)
        assert home is not None  # it has a formula
        used.append(used_cells(table.sheets[home.sheet], home[1:]))
        places.append([_from_row(table, address, record) for address in used[-1]])
    if len({len(cells) for cells in used}) > 1:
        return False
    if not used[0]:  # =IF(ROW()<12,0.5,0.1)
        return len({table.formula(LEARNING_RATE, record) for record in records}) == 1
    fixed = [len(set(cells)) == 1 for cells in zip(*used, strict=True)]
    same = [len(set(seen)) == 1 for seen in zip(*places, strict=True)]
    return not all(fixed) and all(map(or_, fixed, same))


def _from_row(table: Table, address: Address, record: int) -> Hashable:
    """Return where a cell stands as seen from a record: its column, and how many records away."""
    located = table.locate(address)
    if located is not None:
        return located[0], located[1] - record
    return table.in_first_record(address) if table.is_helper(address) else address
