"""The sheet Differences: the error with one quantity changed by ±Δ, from a student's own values.

A gradient that a student types is compared with the central difference of the error, so that the
file holds no formula and no value of a gradient. The passes start from what stands in the row: from
a wrong activation, too, whose neuron then counts as if its sum fitted to it. So an error in the
forward pass is not held against the gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import ITERATION, SAMPLE
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import activation_named
from backprop_sheet.symbolic.evaluation import Compiled, compiled
from backprop_sheet.symbolic.expressions import (
    Call,
    Expression,
    Name,
    Number,
    Operation,
    add_up,
    names,
    plain_names,
    rename,
)
from backprop_sheet.workbook.layout import FIRST_ROW, ROLE_COLORS, WorkbookLayout, quoted
from backprop_sheet.workbook.table_formulas import cell_formula
from backprop_sheet.workbook.worksheet.blanks import Blanks
from gradsheet.excel.fast_writing import ReadyFormula
from gradsheet.excel.styles import DECIMALS, FAINT, Styles, set_page, show_decimals

CHANGE = 1e-4
_BASE, _CHANGED = "base ", "changed "
_ERROR = "E"
_LABELS = (ITERATION, "changed", "by")
_HEADER_ROW = 5
_WIDTH = 11
_MIN_PRINTED = 11  # columns, so that the texts above the table are not cut
_NOTES = (
    "There is nothing to type on this sheet. A gradient says how fast the error changes with one "
    "quantity, so yours is judged by such changes:",
    "each row is a forward pass from the values that stand in a row of the sheet {sheet}, with one "
    "quantity changed by +Δ or −Δ, where Δ = {change:g}.",
    "Your gradient is right if it fits the change of the error, E′.",
)


@dataclass(frozen=True)
class Pass:
    """A forward pass: the changed quantities, each from the values of the table and the base row.

    Names that start with ``base`` stand for the neuron's values before the change.
    """

    quantity: str
    sign: int
    changed: Mapping[str, Expression]
    error: Expression


@dataclass(frozen=True)
class PassCell:
    """A cell of a pass.

    Attributes:
        formula: with the placeholders ``{row}``, ``{base}`` and ``{table}`` for numbers of rows,
            and ``{sheet}`` for the table's sheet.
        value: the number, from the values of the table, the base row and the pass.
    """

    name: str
    formula: str
    value: Compiled


class PassFormulas:
    """The formulas of all passes. They are the same for every row of the table."""

    def __init__(self, layout: WorkbookLayout) -> None:
        self.layout, self.system = layout, layout.system
        neurons = [name for layer in self.system.layers for neuron in layer for name in neuron]
        self.labels = (*_LABELS, SAMPLE) if self.system.has_sample_column else _LABELS
        self.columns = {
            name: len(self.labels) + index for index, name in enumerate((*neurons, _ERROR))
        }
        self.base = [self._cell(name, rhs) for name, rhs in base_values(self.system)]

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """What the error is differentiated by, in the order of the table."""
        return tuple(
            self.system.quantities[name].of
            for name, role in self.system.columns.items()
            if role is Role.GRADIENT
        )

    @cached_property
    def passes(self) -> tuple[tuple[Pass, list[PassCell]], ...]:
        """The passes of each row of the table: two per quantity."""
        passes = (
            forward_pass(self.system, quantity, sign)
            for quantity in self.quantities
            for sign in (1, -1)
        )
        return tuple(
            (one, [self._cell(*each) for each in (*one.changed.items(), (_ERROR, one.error))])
            for one in passes
        )

    def _cell(self, name: str, rhs: Expression) -> PassCell:
        return PassCell(name, cell_formula(rhs, self._reference), compiled(rhs))

    def _reference(self, name: Name) -> str:
        for prefix, row in ((_BASE, "{base}"), (_CHANGED, "{row}")):
            if name.name.startswith(prefix):
                return str(xl_col_to_name(self.columns[name.name.removeprefix(prefix)])) + row
        return f"{{sheet}}!{self.layout.letter(name.name)}{{table}}"


@lru_cache(maxsize=8)
def pass_formulas(layout: WorkbookLayout) -> PassFormulas:
    """Return the formulas of a layout, which many worksheets of a class share."""
    return PassFormulas(layout)


class Differences:
    """The positions and formulas of the sheet that belongs to one learning rate's table."""

    def __init__(self, layout: WorkbookLayout, blanks: Blanks, rate_sheet: str, name: str) -> None:
        self.layout, self.system, self.blanks = layout, layout.system, blanks
        self.rate_sheet, self.name = rate_sheet, name
        self.records = self.system.table_rows(blanks.iterations)
        self.formulas = pass_formulas(layout)
        self.labels, self.columns = self.formulas.labels, self.formulas.columns
        self.passes = self.formulas.passes

    def base_row(self, record: int) -> int:
        """Return the row of a record's values before a change, from 0."""
        return _HEADER_ROW + 1 + record * (len(self.passes) + 1)

    def error_cell(self, record: int, gradient: str, sign: int) -> str:
        """Return the cell of the error with a quantity changed by ±Δ, as another sheet refers."""
        index = 2 * self.formulas.quantities.index(self.system.quantities[gradient].of) + (sign < 0)
        row, column = self.base_row(record) + 1 + index, self.columns[_ERROR]
        return f"{quoted(self.name)}!{xl_rowcol_to_cell(row, column, True, True)}"

    def table_cells(self, record: int) -> tuple[str, int]:
        """Return the range of the cells that a pass starts from, and their number."""
        forward = [name for layer in self.system.layers for neuron in layer for name in neuron]
        used = [*self.system.targets, *self.system.inputs, *self.system.parameters, *forward]
        columns = [self.layout.column_of[name] for name in used]
        first, last = min(columns), max(columns)
        row = FIRST_ROW + record + 1
        cells = f"{xl_col_to_name(first)}{row}:{xl_col_to_name(last)}{row}"
        return f"{quoted(self.rate_sheet)}!{cells}", last - first + 1

    def is_known(self, record: int) -> bool:
        """Whether nothing that a record's passes start from is blank at first."""
        iteration = record // self.system.rows_per_iteration
        forward = [name for layer in self.system.layers for neuron in layer for name in neuron]
        return not any(
            self.blanks.is_open(name, iteration) for name in (*self.system.parameters, *forward)
        )


def base_values(system: EquationSystem) -> Iterator[tuple[str, Expression]]:
    """Yield for each neuron the sum that its activation belongs to, and the activation of that sum.

    If the derivative of an activation is written with its value, as a*(1 - a), the sum follows
    from the value; else it is the sum that stands in the row.
    """
    for kind, layer in zip(system.network.activations, system.layers, strict=True):
        inverse = activation_named(kind).inverse
        sums = {s for s, _ in layer}
        for s, _ in layer:
            a = dict(layer)[s]
            fitting: Expression = Name(s)
            if inverse is not None:
                fitting = Call("iferror", (inverse(Name(a)), Name(s)))
            yield s, fitting
        for _, a in layer:
            yield a, _renamed(system.within_row[a], _BASE, sums)


def forward_pass(system: EquationSystem, quantity: str, sign: int) -> Pass:
    """Return the pass in which a parameter, a sum or an activation is changed by ±Δ."""
    change = Number(sign * CHANGE)
    activations = [a for layer in system.layers for _, a in layer]
    steps: dict[str, Expression] = {}  # what is added to each sum
    if quantity in system.connections:
        connection = system.connections[quantity]
        steps[connection.target] = Operation("*", change, Name(connection.source))
    elif quantity in system.bias_targets:
        steps |= dict.fromkeys(system.bias_targets[quantity], change)
    elif quantity not in activations:
        steps[quantity] = change
    changed: dict[str, Expression] = {}
    if quantity in activations:
        changed[quantity] = Operation("+", Name(quantity), change)
    for layer in system.layers:
        moved = []
        for s, _ in layer:
            terms = [steps[s]] if s in steps else []
            terms += [
                Operation(
                    "*",
                    Name(weight),
                    Operation("-", Name(_CHANGED + connection.source), Name(connection.source)),
                )
                for weight, connection in system.connections.items()
                if connection.target == s and connection.source in changed
            ]
            if terms:
                changed[s] = add_up([Name(_BASE + s), *terms])
                moved.append(s)
        for _, a in layer:
            rhs = system.within_row[a]
            used = plain_names(rhs)
            if used & set(moved):
                after = rename(
                    rhs,
                    lambda name, moved=moved: Name(  # type: ignore[misc]  # a bound default
                        (_CHANGED if name.name in moved else _BASE) + name.name
                    ),
                )
                changed[a] = Operation("+", Name(a), Operation("-", after, Name(_BASE + a)))
    terms = []
    for error in system.errors:
        rhs = system.within_row[error]
        if any(name.name in changed for name in names(rhs)):
            terms.append(_renamed(rhs, _CHANGED, set(changed)))
    return Pass(quantity, sign, changed, add_up(terms))


def _renamed(rhs: Expression, prefix: str, chosen: set[str]) -> Expression:
    return rename(rhs, lambda name: Name(prefix + name.name) if name.name in chosen else name)


def write_differences(
    sheet: Worksheet, styles: Styles, differences: Differences, rows: Mapping[str, np.ndarray]
) -> None:
    """Write the sheet.

    Args:
        rows: the values of the table's columns, one per record.
    """
    _write_top(sheet, styles, differences)
    for record in range(differences.records):
        _write_record(sheet, styles, differences, record, rows)


def _write_top(sheet: Worksheet, styles: Styles, differences: Differences) -> None:
    system = differences.system
    set_page(sheet, tab_color=ROLE_COLORS[Role.STATE].strong)
    last = len(differences.labels) + len(differences.columns) - 1
    last_row = differences.base_row(differences.records) - 1
    sheet.set_column(0, last, _WIDTH)
    sheet.freeze_panes(_HEADER_ROW + 1, len(differences.labels))
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, "How the gradients are judged", styles.title)
    for row, text in enumerate(_NOTES, 1):
        sheet.write_string(row, 0, text.format(sheet=differences.rate_sheet, change=CHANGE))
    # On paper, the first row of the table is enough to understand it.
    sheet.print_area(0, 0, differences.base_row(1) - 1, max(last, _MIN_PRINTED))
    show_decimals(sheet, styles, _HEADER_ROW + 1, len(differences.labels), last_row, last)
    sheet.repeat_rows(_HEADER_ROW)
    plain = styles.header(ROLE_COLORS[Role.GRADIENT])
    for column, title in enumerate(differences.labels):
        sheet.write_string(_HEADER_ROW, column, title, plain)
    for name, column in differences.columns.items():
        colors = ROLE_COLORS[system.columns.get(name, Role.ERROR)]
        sheet.write_string(_HEADER_ROW, column, f"{name}′", styles.header(colors))


def _write_record(
    sheet: Worksheet,
    styles: Styles,
    differences: Differences,
    record: int,
    rows: Mapping[str, np.ndarray],
) -> None:
    per_iteration = differences.system.rows_per_iteration
    values: dict[str, float] = {name: float(column[record]) for name, column in rows.items()}
    is_known = differences.is_known(record)
    label = styles.cell("0", align="center", font_color=FAINT)
    number = styles.cell(DECIMALS)
    base_row = differences.base_row(record)
    first = xl_rowcol_to_cell(base_row, len(differences.labels), True, True)
    cells, count = differences.table_cells(record)
    filled = f"COUNT({cells})={count}"

    def write(row: int, name: str, formula: str, value: float, condition: str) -> None:
        text = f'IF({condition},{formula},"")'
        shown = value + 0.0 if is_known and math.isfinite(value) else ""
        sheet.write_formula(row, differences.columns[name], ReadyFormula(text), number, shown)

    def write_labels(row: int, changed: str, by: str) -> None:
        sheet.write_number(row, 0, record // per_iteration, label)
        sheet.write_string(row, 1, changed, label)
        sheet.write_string(row, 2, by, label)
        if differences.system.has_sample_column:
            sheet.write_number(row, 3, int(values[SAMPLE]), label)

    write_labels(base_row, "nothing", "")
    rows_of_formulas = {
        "sheet": quoted(differences.rate_sheet),
        "table": FIRST_ROW + record + 1,
        "base": base_row + 1,
    }
    for index, cell in enumerate(differences.formulas.base):
        value = float(cell.value(values)) if is_known else 0.0
        values[_BASE + cell.name] = value
        condition = f"ISNUMBER({first})" if index else filled
        formula = cell.formula.format(row=base_row + 1, **rows_of_formulas)
        write(base_row, cell.name, formula, value, condition)
    for index, (one, pass_cells) in enumerate(differences.passes):
        row = base_row + 1 + index
        write_labels(row, one.quantity, "+Δ" if one.sign > 0 else "−Δ")
        own = dict(values)
        for cell in pass_cells:
            value = float(cell.value(own)) if is_known else 0.0
            own[_CHANGED + cell.name] = value
            formula = cell.formula.format(row=row + 1, **rows_of_formulas)
            write(row, cell.name, formula, value, f"ISNUMBER({first})")
