"""Find the one column of the student's own that several wrong columns are computed from.

People compute parts of the formulas in columns of their own: 1 - a_o1, the squared error, the
denominator of softmax. A mistake in such a column is reported there, once, and not in all columns
that correctly use it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE, Numbers, mostly_agree
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.compare.table_data import numbers_at, plain
from backprop_sheet.audit.diagnose.cell_formulas import formula_in_cells
from backprop_sheet.audit.diagnose.diagnosis import Diagnosis
from backprop_sheet.audit.diagnose.helper_mistake import is_of_each_output, own_column_meaning
from backprop_sheet.audit.diagnose.mistakes import simple_mistakes
from backprop_sheet.audit.diagnose.name_mistakes import wrong_names
from backprop_sheet.audit.diagnose.needed_numbers import needed_numbers
from backprop_sheet.audit.read.labels import references
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.audit.read.workbook import Address, number
from backprop_sheet.audit.results import Finding
from backprop_sheet.equations.names import ERROR_KINDS, LEARNING_RATE, kind_of
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Call,
    CellReference,
    Expression,
    Name,
    Number,
    names,
    transform,
    walk,
)
from backprop_sheet.symbolic.functions import FUNCTIONS, spell_out
from backprop_sheet.symbolic.rendering import to_text

MAX_RECORDS = 8  # that show which column it is
MAX_REACHED = 40  # own cells that one cell is computed from
MAX_PARTS = 400  # of the right formulas, any of which an own column may be
MAX_MISTAKES = 600  # that are tried in the formula of an own column
_OWN = Name("own")


@dataclass(frozen=True)
class _Candidate:
    """An own column with wrong numbers.

    Attributes:
        columns: the wrong columns that it explains, which are all that are computed from it.
        cells: some of its cells.
        right: what has the numbers that it should have.
    """

    columns: tuple[str, ...]
    cells: list[Address]
    right: Expression


class SharedHelpers:
    """The columns of the student's own that wrong columns of one table are computed from."""

    def __init__(self, comparison: Comparison, diagnosis: Diagnosis) -> None:
        self.comparison, self.data, self.diagnosis = comparison, comparison.data, diagnosis
        self.table, self.system = comparison.data.table, comparison.data.system
        self.formulas = comparison.translator.formulas
        self._compared = comparison.by_column

    def merged(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return the findings, with one for all columns that use the same wrong own column."""
        left = {finding.column: finding for finding in findings if self._is_in_column(finding)}
        result = list(findings)
        while left:
            candidates = [*self._candidates(left)]
            if not candidates:
                break
            best = max(candidates, key=lambda one: len(one.columns))
            finding = self._finding(best, findings)
            if finding is None:
                break
            for column in best.columns:
                result.remove(left.pop(column))
            result.append(finding)
        return result

    def _is_in_column(self, finding: Finding) -> bool:
        """Whether a finding is about the cells of its own column, which have formulas."""
        comparison = self._compared.get(finding.column)
        if comparison is None or finding.formula is None:
            return False
        if finding.column in self.system.updates and self.system.rows_per_iteration > 1:
            return False
        first = int(np.flatnonzero(comparison.wrong)[0])
        return self.table.cell(finding.column, first) == finding.cells[0]

    def _candidates(self, wrong: dict[str, Finding]) -> Iterator[_Candidate]:
        """Yield the own columns that explain wrong columns."""
        last = max(self._rows(column)[-1] for column in wrong)
        users: dict[Address, list[str]] = {}
        for column in self.data.columns:
            for line in self._helpers(
                column, min(last, self.data.records - 1 - self._shift(column))
            ):
                users.setdefault(line, []).append(column)
        for line, columns in users.items():
            # That of one update may be a step, or a new weight.
            is_of_several = len(columns) > 1 or not self._shift(columns[0])
            if is_of_several and set(columns) <= wrong.keys():
                candidate = self._candidate(line, columns)
                if candidate is not None:
                    yield candidate

    def _shift(self, column: str) -> int:
        """Return how many records the cells that a column is computed from are above it."""
        return int(column in self.system.updates)

    def _rows(self, column: str) -> list[int]:
        """Return the records that the wrong cells of a column are computed from."""
        rows = np.flatnonzero(self._compared[column].wrong) - self._shift(column)
        known: list[int] = rows[rows >= 0].tolist()
        return known or [0]

    def _helpers(self, column: str, record: int) -> dict[Address, Address]:
        """Return the own cells of a record that a column is computed from, by their lines."""
        home = self.table.cell(column, record)
        user = self.table.cell(column, record + self._shift(column))
        found: dict[Address, Address] = {}
        waiting = [] if user is None else [user]
        while waiting and home is not None:
            cell = waiting.pop()
            for used in references(self.table.formula_at(cell) or "", cell.sheet):
                is_beside = used.sheet == home.sheet and (
                    used.row == home.row or used.column == home.column
                )
                line = self.table.in_first_record(used)
                if line in found or not is_beside or len(found) >= MAX_REACHED:
                    continue
                if self.table.is_helper(used) and self.table.formula_at(used) is not None:
                    found[line] = used
                    waiting.append(used)
        return found

    def _candidate(self, line: Address, columns: Sequence[str]) -> _Candidate | None:
        rows = sorted(set.intersection(*(set(self._rows(column)) for column in columns)))
        cells = [self._helpers(columns[0], row).get(line) for row in rows[:MAX_RECORDS]]
        known = [cell for cell in cells if cell is not None]
        if not rows or len(known) < len(cells):
            return None
        beside = self._helpers(columns[0], rows[0]).values()
        is_of_errors = all(kind_of(column) in ERROR_KINDS for column in columns)
        if is_of_errors and is_of_each_output(self.formulas, known[0], beside, rows[0]):
            return None
        some = rows[:MAX_RECORDS]
        needed, *others = (self._needed(column, some, known) for column in columns)
        for numbers in needed:
            if not all(any(mostly_agree(one, numbers) for one in other) for other in others):
                continue
            right = self._part_with(numbers, some)
            if right is not None:
                return _Candidate(tuple(columns), known, right)
        return None

    def _needed(self, column: str, rows: list[int], cells: list[Address]) -> list[Numbers]:
        """Return the numbers of own cells with which a column is right; [] if unclear."""
        rows = [row + self._shift(column) for row in rows]
        home = self.table.cell(column, rows[0])
        if home is None:
            return []
        expression = self.formulas.with_cells(home, rows[0], {cells[0]: _OWN})
        if expression is not None and self._shift(column):
            expression = transform(expression, self._with_rate)
        if expression is None or _OWN not in set(names(expression)):
            return []
        values = self.comparison.values.of_records(rows)
        values[_OWN.key] = numbers_at(self.table, cells)
        return needed_numbers(expression, values, _OWN, self._compared[column].expected[rows])

    def _with_rate(self, node: Expression) -> Expression:
        """Write η for the cell or the number that it is read from."""
        source = self.comparison.rate.source
        if isinstance(node, CellReference):
            address = Address.of(node, self.table.sheet)
            return Name(LEARNING_RATE) if address == source.cell else node
        is_rate = isinstance(node, Number) and node.value == source.number
        return Name(LEARNING_RATE) if is_rate else node

    @cached_property
    def _parts(self) -> tuple[Expression, ...]:
        """The parts of the right formulas that an own column may compute."""
        whole = (*self.system.intermediates.values(), *self.system.definitions.values())
        parts = itertools.chain.from_iterable(
            walk(transform(expression, _written_out)) for expression in whole
        )
        parts = itertools.chain.from_iterable((part, *_inside(part)) for part in parts)
        several = (part for part in parts if next(iter(names(part)), None) is not None)
        return tuple(dict.fromkeys(itertools.islice(several, 4 * MAX_PARTS)))[:MAX_PARTS]

    def _part_with(self, numbers: Numbers, rows: list[int]) -> Expression | None:
        """Return the shortest part of the right formulas that has some numbers."""
        values = self.comparison.values.of_records(rows)
        fitting: list[Expression] = []
        for part in self._parts:
            try:
                with np.errstate(all="ignore"):
                    found = np.broadcast_to(np.asarray(evaluate(part, values)), numbers.shape)
            except KeyError:
                continue
            if mostly_agree(numbers, found):
                fitting.append(part)
        return min(fitting, key=lambda part: sum(1 for _ in walk(part)), default=None)

    def _wrong_cells(self, best: _Candidate) -> list[tuple[int, Address, float]]:
        """Return the wrong cells of an own column with their records and right numbers."""
        line = self.table.in_first_record(best.cells[0])
        with np.errstate(all="ignore"):
            right = np.broadcast_to(
                np.asarray(evaluate(best.right, self.comparison.values)), (self.data.records,)
            )
        found = []
        for record in range(self.data.records - self._shift(best.columns[0])):
            cell = self._helpers(best.columns[0], record).get(line)
            shown = None if cell is None else number(self.table.value_at(cell))
            if cell is None or shown is None or np.isnan(right[record]):
                continue
            if not np.isclose(shown, right[record], rtol=TOLERANCE, atol=1e-12):
                found.append((record, cell, float(right[record])))
        return found

    def _finding(self, best: _Candidate, findings: Sequence[Finding]) -> Finding | None:
        [first, *_] = (one for one in findings if one.column in best.columns)
        wrong = self._wrong_cells(best)
        if not wrong:
            return None
        record, cell, expected = wrong[0]
        found = self.formulas.with_cells(cell, record)
        return replace(
            first,
            cells=tuple(one for _, one, _ in wrong),
            first_cell=cell.text(self.table.sheet),
            found=plain(self.table.value_at(cell)),
            expected=plain(expected),
            formula=None if found is None else to_text(found, cell=reference_text),
            expected_formula=to_text(best.right),
            cause=self._cause(best, found) or first.cause,
            expected_in_cells=formula_in_cells(self.comparison, best.right, record, cell.sheet),
            meaning=own_column_meaning(self.table, cell, best.columns),
        )

    def _cause(self, best: _Candidate, found: Expression | None) -> str:
        """Describe the mistake in the formula of an own column."""
        if found is None:
            return ""
        wanted = self.diagnosis.fingerprints.of(found)
        used = dict.fromkeys(name.name for name in names(found))
        mistakes = itertools.chain(
            wrong_names(self.system, best.right, used), simple_mistakes(self.system, best.right)
        )
        for mistake in itertools.islice(mistakes, MAX_MISTAKES):
            if self.diagnosis.fingerprints.of(mistake.expression) == wanted:
                return mistake.cause
        return ""


def _written_out(node: Expression) -> Expression:
    """Write a function of a whole layer out, such as softmax."""
    if isinstance(node, Call) and len(node.arguments) > 1:
        function = FUNCTIONS.get(node.function)
        if function is not None and function.written is not None:
            return function.written(node)
    return node


def _inside(node: Expression) -> Iterator[Expression]:
    """Yield the parts of a function by simpler ones: 1 + exp(-h1) and exp(-h1) of σ(h1)."""
    definition = spell_out(node) if isinstance(node, Call) else None
    if definition is not None:
        yield from walk(transform(definition, _without_bound))


def _without_bound(node: Expression) -> Expression:
    match node:
        case Call("min" | "max", (argument, Number())):
            return argument
    return node
