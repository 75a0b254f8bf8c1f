"""Audit one table: find its learning rate, compare its cells, and diagnose the mistakes.

Each cell is compared with the value that follows from the other cells as they are, so that a
mistake is reported where it was made. Cells that correctly use a wrong value are not reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from openpyxl.cell.cell import ERROR_CODES

from backprop_sheet.audit.compare.comparison import ColumnComparison, compare, is_never_updated
from backprop_sheet.audit.compare.completeness import completeness
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.learning_rate import LearningRate, resolve_learning_rate
from backprop_sheet.audit.compare.table_data import (
    TableData,
    auditable,
    column_numbers,
    first_of_sample,
    half_units_as_typed,
    plain,
    read_table,
)
from backprop_sheet.audit.compare.translation import Translator
from backprop_sheet.audit.diagnose.diagnosis import Diagnosis, diagnosis_of
from backprop_sheet.audit.diagnose.mistakes import mistakes
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.read.formula_parser import (
    UnreadableFormulaError,
    parse_formula,
)
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.audit.read.workbook import Address, number
from backprop_sheet.audit.results import INCOMPLETE, RIGHT, WRONG, Finding, TableResult
from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    CellReference,
    Expression,
    Name,
    names,
    replace_leaf,
    substitute,
    transform,
    walk,
)
from backprop_sheet.symbolic.rendering import to_excel, to_text

ROWS_TO_EXPLAIN = 8  # wrong rows of a typed column that a mistake must reproduce
DEFAULT_TOLERANCE = 1e-6

Labels = Mapping[str, Mapping[Address, float]]


@dataclass(frozen=True)
class Comparison:
    """The comparison of a table with one equation system, before the diagnosis.

    Attributes:
        given: findings in columns whose values do not change: inputs, targets, fixed biases, η.
        columns: the comparisons of the computed columns.
    """

    data: TableData
    translator: Translator
    rate: LearningRate
    given: tuple[Finding, ...]
    columns: tuple[ColumnComparison, ...]

    @property
    def wrong_columns(self) -> int:
        """The number of columns with a wrong cell."""
        wrong = sum(bool(one.wrong.any()) for one in self.columns)
        return wrong + len(self.given) + (self.rate.finding is not None)


def compare_table(
    table: Table,
    system: EquationSystem,
    labels: Labels,
    tolerance: float = DEFAULT_TOLERANCE,
) -> Comparison:
    """Compare a table with an equation system.

    Args:
        labels: the values that the sheets have outside the table, by name and cell.
        tolerance: the largest relative difference that counts as right.
    """
    constants = {
        name: next(iter(cells.values()))
        for name, cells in labels.items()
        if name != LEARNING_RATE and _is_constant(table, system, name, cells)
    }
    data = read_table(table, system, constants)
    addresses = {
        cell: name for name, cells in labels.items() if name in constants for cell in cells
    }
    known = {*system.hyperparameters, *system.quantities}
    translator = Translator(
        table,
        system,
        {cell: name for cell, name in addresses.items() if name in known},
        numbers={float(data.values[symbol][0]): symbol for symbol in system.hyperparameters},
    )
    rate = resolve_learning_rate(data, translator, labels.get(LEARNING_RATE, {}))
    translator = replace(translator, rate=rate.source)
    return Comparison(
        data,
        translator,
        rate,
        tuple(_audit_given(data, translator, tolerance)),
        tuple(
            compare(
                data,
                rate.values,
                tolerance,
                translator.read,
            )
        ),
    )


def _is_constant(table: Table, system: EquationSystem, name: str, cells: Iterable[Address]) -> bool:
    """Whether the whole table has the value of a label, because it has no values of its own.

    The value of a trained parameter on a sheet of given values is only its first one.
    """
    is_empty = name in table.names and all(value is None for value in table.values_of(name))
    if name not in system.trained:
        return name not in table.names or is_empty
    return name not in table.names and any(one.sheet not in table.given_sheets for one in cells)


def diagnose(comparison: Comparison, file: str, exercise: str) -> TableResult:
    """Find the causes of the wrong cells, and return the result of the table."""
    data, rate = comparison.data, comparison.rate
    explainer = _Explainer(comparison)
    findings = [*comparison.given, *filter(None, map(explainer.finding, comparison.columns))]
    if rate.finding is not None:
        findings.append(rate.finding)
    order = {name: at for at, name in enumerate((LEARNING_RATE, *auditable(data.system)))}
    findings.sort(key=lambda finding: order[finding.column])
    whole = completeness(data, comparison.columns)
    several = data.records > data.system.rows_per_iteration
    typing = _typing(comparison, findings)
    warnings = [*whole.notes, *_error_notes(data), *typing.notes]
    if not several:
        unit = "row" if data.records == 1 else "iteration"
        warnings.append(f"only one {unit}: there is no update of the parameters to check")
    elif rate.values is None:
        warnings.append(
            "no learning rate was found: the updates of the parameters were not checked"
        )
    verdict = RIGHT
    if findings:
        verdict = WRONG
    elif not whole.is_complete or (several and rate.values is None):
        verdict = INCOMPLETE
    return TableResult(
        file=file,
        sheet=data.table.sheet,
        exercise=exercise,
        verdict=verdict,
        rows=whole.rows,
        lr=rate.value,
        findings=tuple(findings),
        warnings=tuple(warnings),
        audited_columns=tuple(one.column for one in comparison.columns),
        typed_columns=typing.typed,
        text_columns=typing.text,
        rounded_columns=typing.rounded,
        begun_rows=whole.begun,
        unchecked_columns=whole.unchecked + (() if findings else whole.without_number),
    )


# --- given columns ----------------------------------------------------------------------------


def _audit_given(data: TableData, translator: Translator, tolerance: float) -> Iterator[Finding]:
    """Check that inputs, targets, fixed biases and learning rates keep their first values."""
    system = data.system
    fixed = [name for name in system.parameters if name not in system.trained]
    given = [name for name, role in system.columns.items() if role is Role.GIVEN]
    for name in data.table.names:
        if name not in (LEARNING_RATE, *given, *fixed):
            continue
        found, _ = column_numbers(data.table, name)
        period = system.sample_count if name in given else 1
        first = first_of_sample(found, period)
        wrong = (
            ~np.isnan(found) & ~np.isnan(first)
            & (np.abs(found - first) > tolerance * np.abs(first))
        )  # fmt: skip
        if not wrong.any():
            continue
        record = int(np.flatnonzero(wrong)[0])
        cell = data.table.cell(name, record)
        assert cell is not None
        yield Finding(
            column=name,
            cells=_cells(data.table, name, wrong),
            first_cell=cell.text(data.table.sheet),
            found=plain(float(found[record])),
            expected=plain(float(first[record])),
            formula=translator.text(name, record)[0],
            expected_formula=Name(name, -period).key,
            cause=_given_cause(name, found, float(first[record]), wrong, period),
        )


def _given_cause(name: str, found: np.ndarray, first: float, wrong: np.ndarray, period: int) -> str:
    steps = np.diff(found[~np.isnan(found)])
    if len(steps) > 1 and steps[0] and np.allclose(steps, steps[0], rtol=1e-6):
        return (
            f"a constant that changed when it was filled down: {name} grows by {steps[0]:g} per "
            f"row instead of staying {first:g}"
        )
    where = "in every iteration" if period > 1 else "in every row"
    if wrong.sum() == 1:
        return f"{name} must have the same value {where}, but this cell has another number"
    return f"{name} must have the same value {where}, {first:g}, but it changes"


def _cells(table: Table, name: str, wrong: np.ndarray) -> tuple[Address, ...]:
    cells = (table.cell(name, int(record)) for record in np.flatnonzero(wrong))
    return tuple(cell for cell in cells if cell is not None)


# --- computed columns -------------------------------------------------------------------------


class _Explainer:
    """Finds the causes of wrong columns."""

    def __init__(self, comparison: Comparison) -> None:
        self.data, self.translator = comparison.data, comparison.translator
        self.table, self.system = self.data.table, self.data.system
        self.rate = comparison.rate
        self.diagnosis: Diagnosis = diagnosis_of(self.system)

    def finding(self, comparison: ColumnComparison) -> Finding | None:
        """Return the finding of a column, or None if the mistake is in another column."""
        rows = np.flatnonzero(comparison.wrong)
        if not len(rows):
            return None
        column, record = comparison.column, int(rows[0])
        position = self._position(column, record)
        shown = self.table.value(column, record)
        formula, expression = self.translator.text(column, record)
        if expression is not None and self.diagnosis.follows_from_others(
            column, expression, position
        ):
            return None
        right = row_rhs(self.system, column, position)
        cell = self.table.cell(column, record)
        assert cell is not None
        return Finding(
            column=column,
            cells=_cells(self.table, column, comparison.wrong),
            first_cell=cell.text(self.table.sheet),
            found=plain(shown),
            expected=_known(comparison.expected[record]),
            formula=formula,
            expected_formula=to_text(right),
            cause=self._cause(comparison, record, shown, formula, expression),
            expected_in_cells=self._in_cells(right, record),
        )

    def _position(self, column: str, record: int) -> int:
        return int(self.data.position[record]) if column in self.system.updates else 0

    def _cause(
        self,
        comparison: ColumnComparison,
        record: int,
        shown: Any,
        formula: str | None,
        expression: Expression | None,
    ) -> str:
        column = comparison.column
        if isinstance(shown, str) and number(shown) is None:
            if shown.startswith("#"):
                return f"the cell shows {shown}"
            return f"a text ({shown[:20]!r}) where a number belongs"
        if expression is not None:
            return self._cause_of_formula(column, record, expression)
        if formula is not None:
            return "the formula is not the exercise's formula"
        return self._cause_of_numbers(comparison)

    def _cause_of_formula(self, column: str, record: int, expression: Expression) -> str:
        position = self._position(column, record)
        cause = self._moved_rate(column, expression, position) or self.diagnosis.cause(
            column, self._with_given(record, expression), position
        )
        if cause:
            return self._copied_sideways(column, record) or cause
        return "the formula is right, but its stored value is not: recalculate and save the file"

    def _with_given(self, record: int, expression: Expression) -> Expression:
        """Replace cells outside the table by the input or target that has the same value."""
        system = self.system
        given = {
            float(self.data.values[name][record]): name
            for name, role in system.columns.items()
            if role is Role.GIVEN and name in self.data.columns
        }

        def known(node: Expression) -> Expression:
            if not isinstance(node, CellReference):
                return node
            address = Address(node.sheet or self.table.sheet, node.row, node.column)
            value = number(self.table.value_at(address))
            return Name(given[value]) if value in given else node

        return transform(expression, known)

    def _moved_rate(self, column: str, expression: Expression, position: int) -> str:
        """Describe a reference to η that changed when the formula was filled down."""
        home = self.rate.source.cell
        if column not in self.system.updates or home is None:
            return ""
        right = row_rhs(self.system, column, position)
        for used in dict.fromkeys(walk(expression)):
            match used:
                case Name(name, shift):
                    is_right = name in self.system.columns and shift in (0, -1)
                    if name == LEARNING_RATE or is_right:
                        continue
                    where = used.key
                case CellReference():
                    where = reference_text(used)
                case _:
                    continue
            if self.diagnosis.same(replace_leaf(expression, used, Name(LEARNING_RATE)), right):
                return (
                    f"a reference that points at the wrong row: η is read from {where} instead of "
                    f"{home.text(self.table.sheet)}, because the formula was filled down (write "
                    f"{home.absolute(home.sheet)})"
                )
        return ""

    def _copied_sideways(self, column: str, record: int) -> str:
        """Describe the formula of a neighboring column that was copied with relative references."""
        home = self.table.cell(column, record)
        formula = self.table.formula(column, record)
        if home is None or formula is None or "$" in formula:
            return ""
        for other in self.data.columns:
            neighbor = self.table.cell(other, record)
            if other == column or neighbor is None or neighbor.sheet != home.sheet:
                continue
            down, across = neighbor.row - home.row, neighbor.column - home.column
            if not 0 < abs(down) + abs(across) <= 8 or other not in self.system.correct:
                continue

            def resolve(
                sheet: str | None, row: int, col: int, down: int = down, across: int = across
            ) -> Expression:
                moved = Address(home.sheet, row + down, col + across)
                located = self.table.locate(moved)
                if sheet is not None or located is None:
                    raise UnreadableFormulaError("outside the table")
                return Name(located[0], located[1] - record)

            try:
                moved = parse_formula(formula, resolve)
            except UnreadableFormulaError:
                continue
            right = row_rhs(self.system, other, self._position(other, record))
            if len(set(names(moved))) > 2 and self.diagnosis.same(moved, right):
                return (
                    f"the formula of {other} was copied to this column: without $, all its "
                    "references moved too"
                )
        return ""

    def _cause_of_numbers(self, comparison: ColumnComparison) -> str:
        """Find the mistake that gives all typed numbers of a column, if there is one."""
        data, column = self.data, comparison.column
        rows = np.flatnonzero(comparison.wrong)
        known = np.flatnonzero(~np.isnan(data.values[column]))
        if len(rows) < 2 or len(rows) * 2 < len(known):
            return "a number typed over the column's formula"
        if is_never_updated(data, column, comparison.wrong):
            return "the parameter is never updated: the same number is typed in every row"
        unexplained = "typed numbers that do not follow from the other cells of their rows"
        position = self._position(column, int(rows[0]))
        some = [row for row in rows if self._position(column, int(row)) == position]
        some = some[:ROWS_TO_EXPLAIN]
        found = data.values[column][some]
        allowed = np.maximum(1e-6 * np.abs(found), half_units_as_typed(data, column)[some] * 2)
        if np.any(allowed > 1e-3 * np.abs(found)):
            return unexplained  # the numbers are rounded too much to find a mistake
        values = _ValuesOfRecords(data, some)
        with np.errstate(all="ignore"):
            for mistake in mistakes(self.system, column, position):
                try:
                    value = evaluate(mistake.expression, values)
                except KeyError:
                    continue
                if np.all(np.abs(value - found) <= allowed):
                    return mistake.cause
        return unexplained

    def _in_cells(self, right: Expression, record: int) -> str:
        """Write the right formula with the references of the sheet."""
        table = self.table

        class NoCellError(Exception):
            pass

        def reference(name: Name) -> str:
            if name.name == LEARNING_RATE and self.rate.source.number is not None:
                return f"{self.rate.source.number:g}"
            address = self._reference(name, record)
            if address is None:
                raise NoCellError
            return address

        absent = {
            name.name: self.system.definitions[name.name]
            for name in names(right)
            if name.name not in table.names and name.name in self.system.definitions
        }
        try:
            return "=" + to_excel(substitute(right, absent), reference)
        except NoCellError:
            return ""

    def _reference(self, name: Name, record: int) -> str | None:
        """Return the reference to a quantity in a formula of the record's sheet."""
        table = self.table
        home = table.header(table.names[0]).sheet
        if name.name == LEARNING_RATE and self.rate.source.external is not None:
            return reference_text(self.rate.source.external, is_absolute=True)
        if name.name == LEARNING_RATE and self.rate.source.cell is not None:
            return self.rate.source.cell.absolute(home)
        for address, constant in self.translator.constants.items():
            if constant == name.name:
                return address.absolute(home)
        if name.name in self.system.hyperparameters:
            return f"{self.system.hyperparameters[name.name]:g}"
        if name.name not in table.names or not 0 <= record + name.shift < table.records:
            return None
        shift = -1 if name.name == LEARNING_RATE else name.shift
        cell = table.cell(name.name, max(record + shift, 0))
        return cell.text(home) if cell is not None else None


def _known(expected: float) -> Any:
    """Return an expected value; None if it is not known."""
    return None if math.isnan(expected) else plain(float(expected))


class _ValuesOfRecords(dict[str, np.ndarray]):
    """The values of some records, by name."""

    def __init__(self, data: TableData, records: list[int]) -> None:
        super().__init__()
        self.data, self.records = data, records

    def __missing__(self, key: str) -> np.ndarray:
        value = self[key] = self.data.values[key][self.records]
        return value


# --- notes --------------------------------------------------------------------------------------


def _error_notes(data: TableData) -> list[str]:
    """Return a note about rows with error values: what depends on these cannot be checked."""
    errors = {
        record
        for name, record in _cells_without_number(data)
        if data.table.value(name, record) in ERROR_CODES
    }
    if not errors:
        return []
    first, last = (_row_words(data, record) for record in (min(errors), max(errors)))
    which = f"row {first} has" if first == last else f"rows {first} to {last} have"
    return [
        f"{which} error values, and what depends on them was not checked: correct the first "
        "mistake and check again"
    ]


def _cells_without_number(data: TableData) -> Iterator[tuple[str, int]]:
    for name in data.columns:
        if name in data.system.columns:
            yield from ((name, record) for record in np.flatnonzero(np.isnan(data.values[name])))


def _row_words(data: TableData, record: int) -> str:
    cell = data.table.cell(data.columns[0], record)
    return str(cell.row) if cell is not None else str(record + 1)


@dataclass(frozen=True)
class _Typing:
    """Columns whose numbers are typed (at least one), stored as text or rounded; all are allowed.

    Attributes:
        notes: the same in words.
    """

    typed: tuple[str, ...]
    text: tuple[str, ...]
    rounded: tuple[str, ...]
    notes: tuple[str, ...]


def _typing(comparison: Comparison, findings: Sequence[Finding]) -> _Typing:
    data = comparison.data
    audited = [
        name
        for name in data.columns
        if data.system.columns.get(name) is not Role.GIVEN and name in data.system.correct
    ]
    typed: dict[str, list[int]] = {}
    wholly = []
    for name in audited:
        records, filled = _typed_records(data, name)
        if records:
            typed[name] = records
        if records and len(records) == filled:
            wholly.append(name)
    notes = []
    if wholly and len(wholly) == len(audited):
        notes.append("the whole table is typed: it has numbers and no formulas")
    elif wholly:
        notes.append(f"typed numbers instead of formulas: {', '.join(wholly)}")
    partly = {name: records for name, records in typed.items() if name not in wholly}
    notes.extend(_partly_typed_notes(data, partly, findings))
    if data.text_columns:
        notes.append(f"numbers stored as text: {', '.join(data.text_columns)}")
    rounded = tuple(one.column for one in comparison.columns if one.rounded)
    if rounded:
        notes.append(f"rounded numbers that are right to the typed digits: {', '.join(rounded)}")
    return _Typing(tuple(typed), tuple(data.text_columns), rounded, tuple(notes))


def _typed_records(data: TableData, name: str) -> tuple[list[int], int]:
    """Return the records whose number in a computed column is typed, and how many have a number."""
    first = data.system.rows_per_iteration if name in data.system.updates else 0
    shown, formulas = data.table.values_of(name), data.table.formulas_of(name)
    known = ~np.isnan(data.values[name])
    filled = [
        record
        for record in range(first, data.records)
        if shown[record] is not None and known[record]
    ]
    return [record for record in filled if formulas[record] is None], len(filled)


def _partly_typed_notes(
    data: TableData, typed: dict[str, list[int]], findings: Sequence[Finding]
) -> Iterator[str]:
    reported = {(finding.column, finding.first_cell, finding.count) for finding in findings}
    for name, records in typed.items():
        cell = data.table.cell(name, records[0])
        assert cell is not None
        more = f" and {len(records) - 1} more" if len(records) > 1 else ""
        where = cell.text(data.table.sheet)
        if (name, where, len(records)) not in reported:
            has = "have typed numbers" if more else "has a typed number"
            yield f"{name}: {where}{more} {has} instead of the column's formula"
