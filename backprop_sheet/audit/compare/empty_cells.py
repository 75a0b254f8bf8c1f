"""Cells that depend on empty cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.record_values import Mask, Numbers, RecordValues
from backprop_sheet.audit.compare.table_data import TableData
from backprop_sheet.audit.read.references import Address
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression, Name, names

# Formulas of one column that are read to decide whether they are wrong or use an empty cell.
MAX_FORMULAS = 2_000

# The formula of a cell as an expression, and the cells that it refers to without a known quantity;
# None if the cell has no formula, or one that cannot be read.
ReadFormula = Callable[[str, int], tuple[Expression, Sequence[Address]] | None]


class NearEmptyCells:
    """Decides about the cells of a column that depend on empty cells.

    A spreadsheet takes an empty cell as 0, so that the value of such a formula says nothing. The
    formula does: it is right if it agrees where the empty cells have numbers.
    """

    def __init__(
        self,
        data: TableData,
        values: RecordValues,
        column: str,
        expected: Numbers,
        read_formula: ReadFormula,
    ) -> None:
        """Prepare the decision.

        Args:
            values: the numbers of the table, and the learning rate if it is known.
            expected: the right values of the column.
        """
        self.data, self.values, self.column, self.expected = data, values, column, expected
        self.read_formula = read_formula
        self.needed = tuple(dict.fromkeys(names(row_rhs(data.system, column))))
        self.above = (Name(column, -1),)
        self.repeats = np.zeros(data.records, dtype=bool)  # which cells only repeat the one above
        if column in data.system.updates and data.system.rows_per_iteration > 1:
            self.repeats = data.position > 0
        self.replaced = self._any_needed(data.replaced)
        self.invented = self._any_needed(data.invented)
        self._agreements: dict[Expression, tuple[Mask, Mask] | None] = {}

    def _any_needed(self, cells: Mapping[str, Mask]) -> Mask:
        above = self.data.any_of(cells, self.above)
        return np.where(self.repeats, above, self.data.any_of(cells, self.needed))

    def decide(self, wrong: Mask, checked: Mask, uses_empty: Mask, found: Numbers) -> None:
        """Correct the masks in place."""
        is_filled = wrong | ~np.isnan(found)
        for count, record in enumerate(
            np.flatnonzero((wrong | self.invented) & is_filled).tolist()
        ):
            formula = self.read_formula(self.column, record) if count < MAX_FORMULAS else None
            if formula is not None and self._uses_empty_helper(formula[1]):
                verdict: bool | None = False
            else:
                verdict = self._verdict(formula and formula[0], record, found[record])
            if verdict is not None:
                wrong[record], checked[record] = verdict, verdict
                uses_empty[record] = not verdict
        # A value may be from before the cells were emptied, which its formula refers to.
        stale = self._refers_to_empty() & checked & ~wrong
        checked &= ~stale
        uses_empty |= stale

    def _refers_to_empty(self) -> Mask:
        """Return where the column's formulas refer to empty cells; a few of them are read."""
        near = np.zeros(self.data.records, dtype=bool)
        for mask in self.data.empty.values():
            near |= mask
        if self.column in self.data.system.updates:
            near = near | np.append(False, near[:-1])
        result = np.zeros(self.data.records, dtype=bool)
        records = np.flatnonzero(near & ~self.data.empty.get(self.column, result)).tolist()
        for record in dict.fromkeys([*records[:2], *records[-2:]]):
            formula = self.read_formula(self.column, record)
            if formula is not None:
                used = self.data.any_of(self.data.empty, names(formula[0]))
                if used[record]:
                    result |= used
        return result

    def starts_at_empty_helper(self, wrong: Mask) -> bool:
        """Whether the first wrong cell uses an empty cell of one of the student's own columns."""
        records = np.flatnonzero(wrong)[:1].tolist()
        formulas = (self.read_formula(self.column, record) for record in records)
        return any(formula and self._uses_empty_helper(formula[1]) for formula in formulas)

    def _uses_empty_helper(self, addresses: Sequence[Address]) -> bool:
        return any(self._is_empty_helper(address) for address in addresses)

    def _is_empty_helper(self, address: Address) -> bool:
        """Whether a cell is empty and belongs to a column that the student should have filled.

        Below a number that is typed once, as η, a cell is empty because the reference moved.
        """
        table = self.data.table
        if table.value_at(address) is not None:
            return False
        if table.locate(address) is not None:
            return True
        first = table.in_first_record(address)
        is_constant = table.value_at(first) is not None and table.formula_at(first) is None
        return table.is_helper(address) and not is_constant

    def _verdict(self, expression: Expression | None, record: int, found: float) -> bool | None:
        """Return whether a cell is wrong; None if its value decides."""
        if expression is not None and (known := self._agreement(expression)) is not None:
            agrees, refers_to_empty = known
            if refers_to_empty[record]:
                if agrees[record]:
                    return False
                if not self.invented[record] or self._uses_all_invented(expression, record):
                    return True
        if self.invented[record]:
            return False
        if self.replaced[record] and not self.data.is_typed(self.column, record):
            return False if self._follows_from_zeros(record, found) else None
        return None

    def _needed_in(self, record: int) -> tuple[Name, ...]:
        return self.above if self.repeats[record] else self.needed

    def _is_among(self, cells: Mapping[str, Mask], name: Name, record: int) -> bool:
        row = record + name.shift
        return name.name in cells and row >= 0 and bool(cells[name.name][row])

    def _uses_all_invented(self, expression: Expression, record: int) -> bool:
        """Whether a formula refers to all the cells whose values nobody knows.

        Otherwise, it may have their values as typed numbers.
        """
        used = set(names(expression))
        return all(
            name in used
            for name in self._needed_in(record)
            if self._is_among(self.data.invented, name, record)
        )

    def _agreement(self, expression: Expression) -> tuple[Mask, Mask] | None:
        """Return in which records a formula is right, and where it refers to empty cells.

        It is right if it has the expected value where empty cells have numbers. None if it uses a
        cell that is no known quantity.
        """
        if expression not in self._agreements:
            try:
                values = np.asarray(evaluate(expression, self.values), dtype=float)
                agrees = np.isclose(values, self.expected, rtol=1e-9, atol=1e-15)
                self._agreements[expression] = (
                    np.broadcast_to(agrees, (self.data.records,)),
                    self.data.any_of(self.data.empty, names(expression)),
                )
            except KeyError:
                self._agreements[expression] = None
        return self._agreements[expression]

    def _follows_from_zeros(self, record: int, found: float) -> bool:
        """Whether the cell has the value that the right formula has where empty cells are 0."""
        values = {
            name.key: 0.0
            if self._is_among(self.data.replaced, name, record)
            else self.values[name.key][record]
            for name in self._needed_in(record)
        }
        rhs = row_rhs(self.data.system, self.column, int(self.repeats[record]))
        value = float(np.asarray(evaluate(rhs, values), dtype=float))
        return bool(np.isclose(found, value, rtol=1e-9, atol=1e-15))
