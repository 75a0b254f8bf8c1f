"""Anybody's workbook against the equations: each cell judged from its own row, as the sheet has it.

A mistake is reported where it is made. What follows from it is computed rightly from wrong numbers,
and that is right.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from backprop_sheet.equations import COLUMNS, LEARNING_RATE, UPDATES, WEIGHTS, WITHIN_ROW, Role
from backprop_sheet.excel import Resolve, UnreadableError, in_names, outside, read_formula
from backprop_sheet.expression import Expression, Name, Negative, Number, evaluate, names, text
from backprop_sheet.expression import Operation as Op
from backprop_sheet.headers import Table, column_of, find_tables, learning_rate_beside
from backprop_sheet.reading import CannotJudgeError, Cell, Sheet, address, number, read_sheets
from backprop_sheet.slips import RIGHT, follows_from_others, name_the_slip, renamed, same, slips

DEFAULT_TOLERANCE = 1e-6
_ROUNDING = 1e-15  # of the terms that a value is summed from: spellings differ in the last bit
MOST_HELPERS = 12  # helper cells that one formula is read through
_ROWS_TO_EXPLAIN = 8  # wrong rows on which a typed column's cause is sought


@dataclass
class Fault:
    """What is wrong with a column, told by its first wrong cell."""

    column: str
    first_cell: str
    count: int
    found: Any
    expected: float | None
    formula: str | None
    expected_formula: str
    cause: str


@dataclass
class Judgement:
    """One table of one workbook."""

    file: str
    sheet: str
    verdict: str
    rows: int
    lr: float | None
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def judge_workbook(path: Path, tolerance: float = DEFAULT_TOLERANCE) -> list[Judgement]:
    """Judge every table of the exercise in a workbook.

    Args:
        tolerance: the largest relative difference that still is right.

    Raises:
        CannotJudgeError: the file cannot be read, or holds no such table with values.
    """
    judgements = []
    unvalued = False
    for sheet in read_sheets(path):
        for table in find_tables(sheet):
            if not _has_values(sheet, table):
                unvalued = True
                continue
            judgements.append(_TableAudit(str(path), sheet, table, tolerance).judge())
    if judgements:
        return judgements
    if unvalued:
        raise CannotJudgeError(
            "has formulas without stored values: open and save it once in Excel or LibreOffice"
        )
    raise CannotJudgeError(
        "has no table of the exercise (a header row with names like w1, a_h1, E_total, ∂E/∂w1)"
    )


def _has_values(sheet: Sheet, table: Table) -> bool:
    computed = [at for name, at in table.columns.items() if name in WITHIN_ROW]
    cells = [(row, at) for row in range(table.first_row, table.last_row + 1) for at in computed]
    return any(cell in sheet.values for cell in cells)


class _TableAudit:
    """The audit of one table; arrays have one entry for each row of it."""

    def __init__(self, file: str, sheet: Sheet, table: Table, tolerance: float) -> None:
        self.file, self.sheet, self.table, self.tolerance = file, sheet, table, tolerance
        self.size = table.last_row - table.first_row + 1
        self.columns = [name for name in COLUMNS if name in table.columns]
        self.as_text: dict[str, None] = {}  # columns with numbers stored as text
        self.values: dict[str, np.ndarray] = {
            name: self._numbers(table.columns[name]) for name in self.columns
        }
        self.present = dict(self.values)
        self.faults: list[Fault] = []
        self.warnings: list[str] = []
        self.rate_cell: Cell | None = None
        self.rate_elsewhere: Name | None = None  # a cell of another sheet
        self.rate_number: float | None = None  # typed into the formulas
        self.rounded: list[str] = []
        self.outside_cells: dict[str, Cell] = {}

    # --- the sheet's numbers ---

    def _numbers(self, column: int) -> np.ndarray:
        numbers = np.full(self.size, np.nan)
        for index in range(self.size):
            value = self.sheet.values.get((self.table.first_row + index, column))
            if (known := number(value)) is not None:
                numbers[index] = known
                if isinstance(value, str):
                    self.as_text[self.table.by_column[column]] = None
        return numbers

    def cell(self, name: str, index: int) -> Cell:
        return self.table.first_row + int(index), self.table.columns[name]

    def is_typed(self, name: str, index: int) -> bool:
        return self.cell(name, index) not in self.sheet.formulas

    # --- the judgement ---

    def judge(self) -> Judgement:
        missing = [name for name in COLUMNS if name not in self.table.columns]
        if missing:
            self.warnings.append(f"missing columns: {', '.join(missing)}")
        rows = self._finished_rows()
        self._fill_in_missing(missing)
        above = {f"{name}[n-1]": _shifted(column) for name, column in self.values.items()}
        rate = self._learning_rate(above)
        with np.errstate(all="ignore"):
            self._judge_given()
            for name, right in WITHIN_ROW.items():
                self._judge_column(name, right, self.values)
            if rate is not None:
                above[LEARNING_RATE] = rate
                for name, right in UPDATES.items():
                    self._judge_column(name, right, above)
        self._say_what_is_typed()
        order = {name: at for at, name in enumerate((LEARNING_RATE, *COLUMNS))}
        self.faults.sort(key=lambda fault: order[fault.column])
        updates_judged = rate is not None and self.size > 1
        if not updates_judged:
            self.warnings.append(
                "only one row: no update of the weights to judge"
                if self.size == 1
                else "no learning rate to be found: the weights' updates are not judged"
            )
        verdict = "right"
        if self.faults:
            verdict = "wrong"
        elif missing or (self.size > 1 and rate is None):
            verdict = "incomplete"
        return Judgement(
            file=self.file,
            sheet=self.sheet.title,
            verdict=verdict,
            rows=rows,
            lr=None if rate is None else _tidy(float(rate[0])),
            faults=self.faults,
            warnings=self.warnings,
        )

    def _finished_rows(self) -> int:
        """How many rows are whole, an unfinished end not counted."""
        whole = np.ones(self.size, dtype=bool)
        for name in self.columns:
            for index in np.flatnonzero(np.isnan(self.values[name])):
                whole[index] &= self.cell(name, index) in self.sheet.values  # an error or a text
        rows = self.size
        while rows and not whole[rows - 1]:
            rows -= 1
        if rows < self.size and rows:
            first, last = self.table.first_row + rows, self.table.last_row
            which = f"row {first} is" if first == last else f"rows {first} to {last} are"
            self.warnings.append(f"{which} unfinished")
        holes = int((~whole[:rows]).sum())
        if holes:
            self.warnings.append(f"{holes} rows have blank cells")
        return rows

    def _fill_in_missing(self, missing: list[str]) -> None:
        """A column that the table leaves out is computed, so that the others can be judged."""
        with np.errstate(all="ignore"):
            for name in missing:
                self._computed(name)

    def _computed(self, name: str) -> np.ndarray | None:
        if name in self.values:
            return self.values[name]
        if name not in WITHIN_ROW:
            return None
        for used in names(WITHIN_ROW[name]):
            if self._computed(used.name) is None:
                return None
        self.values[name] = np.asarray(evaluate(WITHIN_ROW[name], self.values), dtype=float)
        return self.values[name]

    def _judge_column(self, name: str, right: Expression, values: dict[str, np.ndarray]) -> None:
        if name not in self.present or any(used.key not in values for used in names(right)):
            return
        found = self.values[name]
        expected = np.broadcast_to(np.asarray(evaluate(right, values), dtype=float), found.shape)
        terms = evaluate(
            _of_magnitudes(right), {key: np.abs(column) for key, column in values.items()}
        )
        judged = ~np.isnan(expected)
        allowed = self.tolerance * np.maximum(np.abs(found), np.abs(expected))
        allowed = np.maximum(allowed, _ROUNDING * np.nan_to_num(terms, posinf=0.0)) + 1e-300
        wrong = judged & ~(np.abs(found - expected) <= allowed) & (found != expected)
        for index in np.flatnonzero(judged & np.isnan(found)):
            # Blank cells are unfinished, not wrong; texts and error values are wrong.
            wrong[index] = self.cell(name, index) in self.sheet.values
        wrong = self._but_for_rounding(name, right, values, expected, wrong)
        if wrong.any():
            self._report(name, right, values, expected, wrong)

    def _judge_given(self) -> None:
        """Inputs and targets, and a column of learning rates, stay what they are at first."""
        for name, column in self.table.columns.items():
            if name != LEARNING_RATE and COLUMNS.get(name) is not Role.GIVEN:
                continue
            found = self._numbers(column)
            known = np.flatnonzero(~np.isnan(found))
            if not len(known):
                continue
            first = float(found[known[0]])
            wrong = ~np.isnan(found) & (np.abs(found - first) > self.tolerance * abs(first))
            if not wrong.any():
                continue
            index = int(np.flatnonzero(wrong)[0])
            self.faults.append(
                Fault(
                    column=name,
                    first_cell=address(self.cell(name, index)),
                    count=int(wrong.sum()),
                    found=_tidy(float(found[index])),
                    expected=_tidy(first),
                    formula=self._translated(name, index)[0],
                    expected_formula=f"{name}[n-1]",
                    cause=_given_cause(name, found, first, wrong),
                )
            )

    # --- numbers that somebody typed ---

    def _half_units(self, name: str) -> np.ndarray:
        """Half of the last digit typed, for each typed cell of a computed column; else 0."""
        units = np.zeros(self.size)
        if name not in self.present or COLUMNS[name] is Role.GIVEN:
            return units
        for index in range(1 if name in WEIGHTS else 0, self.size):
            value = number(self.sheet.values.get(self.cell(name, index)))
            if value is not None and math.isfinite(value) and self.is_typed(name, index):
                units[index] = _half_unit(value)
        zeros = (self.values[name] == 0) & (units > 0)
        units[zeros] = min(units[~zeros & (units > 0)], default=0.0)  # rounded like its neighbours
        return units

    def _half_units_as_typed(self, name: str) -> np.ndarray:
        """The same, as fine as the column's finest: 0.15 among 0.1498 was typed as 0.1500."""
        units = self._half_units(name)
        if (typed := units > 0).any():
            units[typed] = units[typed].min()
        return units

    def _but_for_rounding(
        self,
        name: str,
        right: Expression,
        values: dict[str, np.ndarray],
        expected: np.ndarray,
        wrong: np.ndarray,
    ) -> np.ndarray:
        """Typed numbers that agree to the digits typed are no faults."""
        typed = np.array([w and self.is_typed(name, i) for i, w in enumerate(wrong)])
        if not typed.any():
            return wrong
        if self._is_never_updated(name, typed):
            return wrong
        allowed = self._half_units(name)
        for used in dict.fromkeys(names(right)):
            half = self._half_units_as_typed(used.name)
            if used.shift:
                half = _shifted(half)
            if half.any() and used.key in values:
                moved = {**values, used.key: values[used.key] + half}
                allowed = allowed + np.abs(evaluate(right, moved) - expected)
        agrees = typed & (np.abs(self.values[name] - expected) <= allowed * (1 + 1e-9))
        if sum(self.is_typed(name, index) for index in range(self.size)) < self.size / 2:
            # One digit typed over a formula, 0.1 for 0.142, is a number of its own, not a rounding.
            agrees &= self._half_units(name) < 0.05 * np.abs(self.values[name])
        if agrees.any():
            self.rounded.append(name)
        return wrong & ~agrees

    def _is_never_updated(self, name: str, typed: np.ndarray) -> bool:
        """A weight typed on and on, while other weights are computed, was not rounded."""
        if name not in UPDATES or np.ptp(self.values[name][~np.isnan(self.values[name])]) > 0:
            return False
        others = [other for other in WEIGHTS if other != name and other in self.present]
        last = self.size - 1
        return bool(typed.any()) and any(not self.is_typed(other, last) for other in others)

    def _say_what_is_typed(self) -> None:
        wholly, partly = [], []
        for name in self.columns:
            if COLUMNS[name] is Role.GIVEN:
                continue
            first = 1 if name in WEIGHTS else 0
            filled = [i for i in range(first, self.size) if not np.isnan(self.values[name][i])]
            typed = [index for index in filled if self.is_typed(name, index)]
            if typed and len(typed) == len(filled):
                wholly.append(name)
            elif typed:
                where = address(self.cell(name, typed[0]))
                more = f" and {len(typed) - 1} more" if len(typed) > 1 else ""
                partly.append(f"{name}: {where}{more} typed over the column's formula")
        judged = [name for name in self.columns if COLUMNS[name] is not Role.GIVEN]
        if wholly and len(wholly) == len(judged):
            self.warnings.append("the whole table is typed: numbers without a formula")
        elif wholly:
            self.warnings.append(f"typed, not computed: {', '.join(wholly)}")
        self.warnings.extend(partly)
        if self.as_text:
            self.warnings.append(f"numbers stored as text: {', '.join(self.as_text)}")
        if self.rounded:
            self.warnings.append(
                f"rounded numbers, right to the digits typed: {', '.join(self.rounded)}"
            )

    # --- the learning rate ---

    def _learning_rate(self, above: dict[str, np.ndarray]) -> np.ndarray | None:
        """The rate that the updates use, one for each row; a sheet that says another is at fault.

        Where it is read: in a column of the table; from the cell or the number in the updates'
        own formulas; from a label; else from the numbers, (w[n-1] - w[n]) / gradient.
        """
        if LEARNING_RATE in self.table.columns:
            column = self._numbers(self.table.columns[LEARNING_RATE])
            previous = _shifted(column)
            known = np.flatnonzero(~np.isnan(column))
            if len(known):
                previous[np.isnan(previous)] = column[known[0]]
                return previous
        used, where = self._rate_in_formulas()
        said = learning_rate_beside(self.sheet, self.table)
        inferred, uncertain = self._inferred_rate(above)
        if used is None:
            near = _nearest(said, self.table)
            if inferred is None:
                used = said[near] if near else None
            else:
                agreeing = [
                    value
                    for value in said.values()
                    if abs(value - inferred) <= max(uncertain, 1e-6 * abs(inferred))
                ]
                used = agreeing[0] if agreeing else _simplest(inferred, uncertain)
            where = "the weights"
        if used is None:
            return None
        labelled = self.rate_cell is not None and self.rate_cell in said
        if said and not labelled and not any(_close(used, value) for value in said.values()):
            at = _nearest(said, self.table)
            self.faults.append(
                Fault(
                    column=LEARNING_RATE,
                    first_cell=address(at),
                    count=1,
                    found=said[at],
                    expected=_tidy(used),
                    formula=None,
                    expected_formula=LEARNING_RATE,
                    cause=f"the sheet says {said[at]:g} at {address(at)}, the updates use "
                    f"{_tidy(used):g} (from {where})",
                )
            )
        return np.full(self.size, float(used))

    def _rate_in_formulas(self) -> tuple[float | None, str]:
        """What most of the weights' first updates take for η: a cell's value, or a number."""
        cells: Counter[Cell] = Counter()
        elsewhere: Counter[Name] = Counter()
        numbers: Counter[float] = Counter()
        for name in WEIGHTS:
            if name not in self.present or self.size < 2 or self.is_typed(name, 1):
                continue
            seen: list[Cell] = []
            try:
                expression = self._read(name, 1, seen)
            except UnreadableError:
                continue
            cells.update(set(seen))
            elsewhere.update({used for used in names(expression) if "!" in used.name})
            # The 1 of a spelled-out minus, -1*η, is η only where no other number is.
            plain = set(_numbers_in(expression))
            numbers.update(plain - {1.0} or plain)
        for cell, _ in cells.most_common():
            value = number(self.sheet.values.get(cell))
            if value is not None:
                self.rate_cell = cell
                return value, address(cell)
        if elsewhere:
            self.rate_elsewhere = elsewhere.most_common(1)[0][0]
        elif numbers:
            self.rate_number = numbers.most_common(1)[0][0]
            return self.rate_number, "a number in their formulas"
        return None, ""

    def _inferred_rate(self, above: dict[str, np.ndarray]) -> tuple[float | None, float]:
        """η from the updates themselves and how far it may be off, by the largest steps."""
        estimates: list[tuple[float, float]] = []  # one a weight, and how far it may be off
        for name in WEIGHTS:
            gradient = above.get(f"∂E/∂{name}[n-1]")
            if name not in self.present or gradient is None:
                continue
            step = above[f"{name}[n-1]"] - self.values[name]
            with np.errstate(all="ignore"):
                rates = np.abs(step / gradient)
                half = self._half_units_as_typed(name)
                off = half + np.nan_to_num(_shifted(half))
                off = off + rates * _shifted(self._half_units_as_typed(f"∂E/∂{name}"))
                off = (off + 4e-16 * np.abs(self.values[name])) / np.abs(gradient)
            best = np.argsort(np.where(np.isfinite(rates) & np.isfinite(off), off, np.inf))[:9]
            best = best[np.isfinite(rates[best]) & np.isfinite(off[best])]
            if len(best):
                rate = float(np.median(rates[best]))
                if rate > 0:  # a weight that stands still is never updated
                    estimates.append((rate, 4 * float(off[best].max()) + 1e-9 * rate))

        def agreeing(estimate: tuple[float, float]) -> int:
            return sum(abs(rate - estimate[0]) <= off + estimate[1] for rate, off in estimates)

        # The rate of most weights; among those, the surest.
        return max(estimates, key=lambda e: (agreeing(e), -e[1]), default=(None, 0.0))

    # --- formulas ---

    def _resolver(self, cell: Cell, seen: list[Cell] | None = None) -> Resolve:
        """How references in a cell read in the exercise's names; unnamed cells go to ``seen``."""
        inlined = 0

        def resolve(sheet: str | None, reference: Cell) -> Expression:
            nonlocal inlined
            if sheet is not None and sheet != self.sheet.title:
                name = outside(sheet, reference)
                return Name(LEARNING_RATE) if name == self.rate_elsewhere else name
            if reference == self.rate_cell:
                return Name(LEARNING_RATE)
            quantity = self.table.name_at(reference)
            if quantity is not None:  # η is one and the same in a column of learning rates
                shift = 0 if quantity == LEARNING_RATE else reference[0] - cell[0]
                return Name(quantity, shift)
            if reference in self.sheet.formulas and self._is_helper(reference):
                inlined += 1
                if inlined > MOST_HELPERS:
                    raise UnreadableError("too many helper cells")
                return read_formula(self.sheet.formulas[reference], resolve)
            if seen is not None:
                seen.append(reference)
            name = outside(None, reference)
            self.outside_cells[name.name] = reference
            return name

        return resolve

    def _read(self, name: str, index: int, seen: list[Cell] | None = None) -> Expression:
        """The formula of a cell in the exercise's names.

        Raises:
            UnreadableError: it is not arithmetic.
        """

        def header(written: str) -> Expression | None:
            quantity = column_of(written)
            return None if quantity is None else Name(quantity)

        cell = self.cell(name, index)
        return read_formula(
            self.sheet.formulas[cell],
            self._resolver(cell, seen),
            defined_names=self.sheet.defined_names,
            header=header,
        )

    def _is_helper(self, cell: Cell) -> bool:
        """A cell of the table's rows in a column of the student's own, like ∂E/∂a_h1."""
        return self.table.first_row <= cell[0] <= self.table.last_row

    def _translated(self, name: str, index: int) -> tuple[str | None, Expression | None]:
        """The cell's formula in the exercise's names, as text and, if it can be read, as a tree."""
        cell = self.cell(name, index)
        if cell not in self.sheet.formulas:
            return None, None
        try:
            expression = self._read(name, index)
        except UnreadableError:
            return in_names(self.sheet.formulas[cell], self._resolver(cell)), None
        return text(expression).replace("$", ""), expression

    # --- the report ---

    def _report(
        self,
        name: str,
        right: Expression,
        values: dict[str, np.ndarray],
        expected: np.ndarray,
        wrong: np.ndarray,
    ) -> None:
        rows = np.flatnonzero(wrong)
        index = int(rows[0])
        shown = self.sheet.values.get(self.cell(name, index))
        formula, expression = self._translated(name, index)
        if expression is not None and follows_from_others(name, expression):
            return  # the mistake is in the other column, and told there
        if isinstance(shown, str) and number(shown) is None:
            cause = (
                f"the cell shows {shown}"
                if shown.startswith("#")
                else f"a text ({shown[:20]!r}) where a number belongs"
            )
        elif expression is not None:
            cause = self._cause_of(name, index, expression)
        elif formula is not None:
            cause = "the formula is not the exercise's"
        else:
            cause = self._cause_of_typed(name, right, values, rows)
        self.faults.append(
            Fault(
                column=name,
                first_cell=address(self.cell(name, index)),
                count=len(rows),
                found=_tidy(shown),
                expected=_tidy(float(expected[index])),
                formula=formula,
                expected_formula=text(right),
                cause=cause,
            )
        )

    def _cause_of(self, name: str, index: int, expression: Expression) -> str:
        cause = self._slid_rate(name, expression) or name_the_slip(
            name, self._with_given(index, expression, is_update=name in UPDATES)
        )
        if cause:
            slid = self._dragged_sideways(name, index)
            return slid or cause
        return "the formula is right, its stored value is not: recalculate and save the workbook"

    def _with_given(self, index: int, expression: Expression, *, is_update: bool) -> Expression:
        """Cells outside the table become the input or target whose value they hold."""
        given = {
            self.values[name][index]: name for name in self.columns if COLUMNS[name] is Role.GIVEN
        }

        def known(name: Name) -> Name:
            cells = self.outside_cells
            value = self.sheet.values.get(cells[name.name]) if name.name in cells else None
            return Name(given[value]) if value in given else name

        expression = renamed(expression, known)
        return _with_rate(expression, self.rate_number) if is_update else expression

    def _slid_rate(self, name: str, expression: Expression) -> str:
        """A reference to η that went along when the formula was filled down."""
        if name not in UPDATES or self.rate_cell is None:
            return ""
        for used in dict.fromkeys(names(expression)):
            if used.name == LEARNING_RATE or (used.name in COLUMNS and used.shift == -1):
                continue
            back = renamed(expression, lambda n, slid=used: Name(LEARNING_RATE) if n == slid else n)
            if same(back, RIGHT[name]):
                where = used.key.replace("$", "")
                home = address(self.rate_cell)
                fixed = re.sub(r"([A-Z]+)(\d+)", r"$\1$\2", home)
                return (
                    f"a reference that points at the wrong row: η is read from {where} instead of "
                    f"{home}; filling down moved it (write {fixed})"
                )
        return ""

    def _dragged_sideways(self, name: str, index: int) -> str:
        """A neighbour's formula whose every reference moved with it."""
        column = self.table.columns[name]
        formula = self.sheet.formulas[self.cell(name, index)]
        if "$" in formula:
            return ""
        row = self.table.first_row + index
        for other, at in self.table.columns.items():
            if other == name or other not in RIGHT or abs(at - column) > 8:
                continue

            def resolve(sheet: str | None, cell: Cell, back: int = at - column) -> Expression:
                moved = (cell[0], cell[1] + back)
                quantity = self.table.name_at(moved)
                if sheet is not None or quantity is None:
                    raise UnreadableError("outside the table")
                return Name(quantity, cell[0] - row)

            try:
                moved = read_formula(formula, resolve)
            except UnreadableError:
                continue
            if same(moved, RIGHT[other]) and len(set(names(moved))) > 2:
                return (
                    f"the formula of {other} copied sideways: without $ every reference moved "
                    "along by as many columns"
                )
        return ""

    def _cause_of_typed(
        self,
        name: str,
        right: Expression,
        values: dict[str, np.ndarray],
        rows: np.ndarray,
    ) -> str:
        """Typed numbers: the slip that gives all of them, if there is one."""
        judged = np.flatnonzero(~np.isnan(self.values[name]))
        if len(rows) < 2 or len(rows) * 2 < len(judged):
            return "a number typed over the column's formula"
        if self._is_never_updated(name, np.isin(np.arange(self.size), rows)):
            return "the weight is never updated: the same number is typed in every row"
        some = rows[:_ROWS_TO_EXPLAIN]
        here = {key: column[some] for key, column in values.items()}
        for other, column in self.values.items():
            here.setdefault(other, column[some])
            here.setdefault(f"{other}[n-1]", _shifted(column)[some])
        found = self.values[name][some]
        allowed = np.maximum(1e-6 * np.abs(found), self._half_units_as_typed(name)[some] * 2)
        if np.any(allowed > 1e-3 * np.abs(found)):
            return "typed numbers that do not follow from their rows"  # too coarse to tell more
        for slip in slips(name).values():
            try:
                value = evaluate(slip.expression, here)
            except KeyError:
                continue
            if np.all(np.abs(value - found) <= allowed):
                return slip.words
        return "typed numbers that do not follow from their rows"


def _shifted(column: np.ndarray) -> np.ndarray:
    """The row above's values; the first row has none."""
    return np.concatenate(([np.nan], column[:-1]))


def _of_magnitudes(expression: Expression) -> Expression:
    """The sum of the magnitudes of what an expression adds and subtracts."""
    match expression:
        case Negative(operand):
            return _of_magnitudes(operand)
        case Op("-" | "+", left, right):
            return Op("+", _of_magnitudes(left), _of_magnitudes(right))
        case Op(operator, left, right):
            return Op(operator, _of_magnitudes(left), _of_magnitudes(right))
    return expression


def _numbers_in(expression: Expression) -> list[float]:
    match expression:
        case Number(value):
            return [value]
        case Negative(operand):
            return _numbers_in(operand)
        case Op(_, left, right):
            return _numbers_in(left) + _numbers_in(right)
    return []


def _with_rate(expression: Expression, rate: float | None) -> Expression:
    """The number that stands for η in the updates' formulas becomes η."""
    match expression:
        case Number(value) if value == rate:
            return Name(LEARNING_RATE)
        case Negative(operand):
            return Negative(_with_rate(operand, rate))
        case Op(operator, left, right):
            return Op(operator, _with_rate(left, rate), _with_rate(right, rate))
    return expression


def _half_unit(value: float) -> float:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) and value else 0.5


def _given_cause(name: str, found: np.ndarray, first: float, wrong: np.ndarray) -> str:
    steps = np.diff(found[~np.isnan(found)])
    if len(steps) > 1 and steps[0] and np.allclose(steps, steps[0], rtol=1e-6):
        return (
            f"a constant that drag-filling changed: {name} grows by {steps[0]:g} a row instead of "
            f"staying {first:g}"
        )
    if wrong.sum() == 1:
        return f"{name} is given and the same in every row; here another number stands"
    return f"{name} is given and the same in every row, {first:g}; it changes"


def _nearest(said: dict[Cell, float], table: Table) -> Cell | None:
    """The label that most likely speaks of the table: above it and close, else the closest."""
    return min(
        said,
        key=lambda cell: (cell[0] > table.header_row, abs(cell[0] - table.header_row), cell[1]),
        default=None,
    )


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6)


def _simplest(value: float, off: float) -> float:
    """The number of the fewest digits within ``off`` of a value."""
    for digits in range(1, 11):
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded - value) <= off:
            return rounded
    return value


def _tidy(value: Any) -> Any:
    """As JSON can hold it, and without the last bits' noise of a division."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    value = float(value)
    return value if math.isfinite(value) else str(value)
