"""The sheet Gradient check: each gradient beside its central difference, all in formulas.

A table has one row per sample with the forward pass of the unchanged network, and then two rows
per parameter and sample, with the parameter increased and decreased by Δ. The latter rows have
cells for the changed parameter and for the quantities that depend on it; their formulas refer to
the row of the unchanged network for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.equation import Step
from backprop_sheet.equations.names import SAMPLE, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.sheet_names import OVERVIEW
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Call, Name, plain_names
from backprop_sheet.symbolic.functions import excel_name
from backprop_sheet.symbolic.rendering import plain_number
from backprop_sheet.workbook.input_validation import number_validation
from backprop_sheet.workbook.layout import (
    FIRST_ROW,
    ROLE_COLORS,
    WorkbookLayout,
    quoted,
)
from backprop_sheet.workbook.table_formulas import cell_formula
from gradsheet.excel.fast_writing import ReadyFormula, RowCell, RowTemplate, RowWriter
from gradsheet.excel.styles import (
    COLORS,
    DECIMALS,
    FAINT,
    PLAIN,
    Styles,
    set_page,
    shorten_large_numbers,
    shorten_zeros,
    show_decimals,
)
from gradsheet.words import plural

CHANGE = 1e-4
_MIN_CHANGE, _MAX_CHANGE = 1e-8, 0.1
# Gradient and central difference agree if they differ by at most this share of the larger one, or
# by the rounding error: E has 16 digits, and the error in its last digit is divided by 2Δ.
_RELATIVE, _ABSOLUTE, _ROUNDING = 1e-4, 1e-8, 1e-13
_TINY = 1e-300  # prevents a division by 0

CHANGE_CELL, ERROR_CELL = (4, 1), (5, 1)
_RESULT_ROW = 6
SUMMARY_HEADER_ROW = 8
SUMMARY_FIRST_ROW = SUMMARY_HEADER_ROW + 1
_SUMMARY = ("parameter", "gradient", "central difference", "relative difference", "agree?")
_UNCHANGED = "none"
_WIDTHS, _WIDTH = {0: 12, 1: 14, 2: 19, 3: 19}, 11
_MIN_PRINTED, _MAX_ON_ONE_PAGE = 14, 30  # columns
_PRIME = "′"

Values = Mapping[str, np.ndarray]


class GradientCheck:
    """The positions, formulas and values of the sheet.

    Args:
        sheet_name: the first learning rate's sheet.
        first_rows: the values of iteration 0: arrays of shape (rows per iteration,).
    """

    def __init__(self, layout: WorkbookLayout, sheet_name: str, first_rows: Values) -> None:
        self.layout, self.system, self.rate_sheet = layout, layout.system, sheet_name
        system = self.system
        self.samples = system.rows_per_iteration
        self.kind = system.training.reduction if system.is_batch else "sum"
        self.forward = [e for e in system.equations if e.step in (Step.FORWARD, Step.ERROR)]
        computed = {equation.name for equation in self.forward}
        given = {*system.targets, *system.inputs, *system.parameters}
        self.columns = [name for name in system.columns if name in computed | given]
        labels = ["parameter", "change", *([SAMPLE] if system.has_sample_column else [])]
        self.labels = labels
        self.column_of = {name: len(labels) + at for at, name in enumerate(self.columns)}
        self.passes_header_row = SUMMARY_FIRST_ROW + len(system.trained) + 4
        self.base_row = self.passes_header_row + 1
        self.affected = _affected(system)
        # Adding 0.0 turns -0.0 into 0.0, as spreadsheets have no -0.
        self.base_values = {name: first_rows[name] + 0.0 for name in self.columns}
        self.changed = self._changed_values()

    def pass_row(self, parameter: int, sign: int, sample: int = 0) -> int:
        """Return the row of a forward pass with +Δ (``sign`` 0) or -Δ (``sign`` 1)."""
        return self.base_row + (1 + 2 * parameter + sign) * self.samples + sample

    @property
    def last_row(self) -> int:
        """The last row of the sheet."""
        return self.pass_row(len(self.system.trained) - 1, 1, self.samples - 1)

    def _changed_values(self) -> dict[str, np.ndarray]:
        """Return the values of all forward passes, of shape (parameters, 2, samples)."""
        trained = self.system.trained
        shape = (len(trained), 2, self.samples)
        values: dict[str, np.ndarray] = dict(self.base_values)
        for at, name in enumerate(trained):
            values[name] = np.broadcast_to(self.base_values[name], shape).copy()
            values[name][at] += np.array([[CHANGE], [-CHANGE]])
        with np.errstate(under="ignore"):
            for equation in self.forward:
                rhs = self.system.within_row[equation.name]
                values[equation.name] = np.broadcast_to(evaluate(rhs, values) + 0.0, shape)
        return values

    # --- the summary ---

    def over_samples(self, values: np.ndarray) -> np.ndarray:
        """Reduce the samples, the last axis, to their mean or sum, as the update does."""
        reduced: np.ndarray = evaluate(Call(self.kind, (Name("x"),)), {"x": values})[..., 0]
        return reduced

    def _reduced(self, first: str, last: str) -> str:
        if first == last:
            return first
        return f"{excel_name(self.kind)}({first}:{last})"

    def error(self) -> tuple[str, float]:
        """Return the formula and the value of the unchanged network's error."""
        letter = xl_col_to_name(self.column_of[TOTAL_ERROR])
        first, last = self.base_row + 1, self.base_row + self.samples
        formula = self._reduced(f"{letter}{first}", f"{letter}{last}")
        return formula, float(self.over_samples(self.base_values[TOTAL_ERROR]))

    def gradient(self, parameter: str) -> str:
        """Return the formula of the gradient that the first update uses."""
        letter = self.layout.letter(self.system.gradient(parameter))
        first, last = FIRST_ROW + 1, FIRST_ROW + self.samples
        on_sheet = f"{quoted(self.rate_sheet)}!"
        end = f"{letter}{last}" if last > first else f"{on_sheet}{letter}{first}"
        return self._reduced(f"{on_sheet}{letter}{first}", end)

    def central_difference(self, at: int) -> str:
        """Return the formula of a parameter's central difference."""
        letter = xl_col_to_name(self.column_of[TOTAL_ERROR])
        larger, smaller = (
            self._reduced(
                f"{letter}{self.pass_row(at, sign) + 1}",
                f"{letter}{self.pass_row(at, sign, self.samples - 1) + 1}",
            )
            for sign in (0, 1)
        )
        return f"({larger}-{smaller})/(2*{_absolute(CHANGE_CELL)})"

    def central_differences(self) -> np.ndarray:
        """Return the values of all central differences."""
        errors = self.over_samples(self.changed[TOTAL_ERROR])
        differences: np.ndarray = (errors[:, 0] - errors[:, 1]) / (2 * CHANGE)
        return differences

    # --- the forward passes ---

    def base_template(self, formats: Mapping[str, Format]) -> RowTemplate:
        """Return the template of the unchanged network's rows.

        ``{same}`` is the row of the learning rate's table.
        """
        on_sheet = f"{quoted(self.rate_sheet)}!"
        cells = self._label_cells(_UNCHANGED, "0", formats)
        for name, column in self.column_of.items():
            formula = f"{on_sheet}{self.layout.letter(name)}{{same}}"
            cells.append(RowCell(column, formula, formats[name]))
        return RowTemplate(cells)

    def template(self, parameter: str, sign: int, formats: Mapping[str, Format]) -> RowTemplate:
        """Return the template of a changed parameter's rows.

        ``{base}`` is the row of the unchanged network.
        """
        affected = self.affected[parameter]
        cells = self._label_cells(parameter, "−Δ" if sign else "+Δ", formats)
        own = xl_col_to_name(self.column_of[parameter])
        changed = f"{own}${{base}}{'-' if sign else '+'}{_absolute(CHANGE_CELL)}"
        formulas = {parameter: changed} | {
            name: cell_formula(self.system.within_row[name], self._cell(affected | {parameter}))
            for name in affected
        }
        for name, column in self.column_of.items():
            if name in formulas:
                styles = formats["changed"] if name == parameter else formats[name]
                cells.append(RowCell(column, formulas[name], styles))
        return RowTemplate(cells)

    def values_of(self, parameter: str, at: int, sign: int) -> list[list[float]]:
        """The values of the changed parameter's rows, a list for each sample."""
        filled = [n for n in self.columns if n == parameter or n in self.affected[parameter]]
        values = np.stack([self.changed[name][at, sign] for name in filled], axis=-1)
        rows: list[list[float]] = values.tolist()
        return rows

    def _label_cells(
        self, parameter: str, change: str, formats: Mapping[str, Format]
    ) -> list[RowCell]:
        cells = [
            RowCell(0, None, formats["parameter"], text=parameter),
            RowCell(1, None, formats["label"], text=change),
        ]
        if self.system.has_sample_column:
            formula = f"{quoted(self.rate_sheet)}!{self.layout.letter(SAMPLE)}{{same}}"
            cells.append(RowCell(2, formula, formats["label"], whole=True))
        return cells

    def _cell(self, in_row: set[str]) -> Callable[[Name], str]:
        def reference(name: Name) -> str:
            letter = xl_col_to_name(self.column_of[name.name])
            return f"{letter}{{row}}" if name.name in in_row else f"{letter}${{base}}"

        return reference


def _affected(system: EquationSystem) -> dict[str, set[str]]:
    """Return for each trained parameter the quantities of the forward pass that depend on it."""
    found: dict[str, set[str]] = {}
    uses = {
        equation.name: plain_names(system.within_row[equation.name])
        for equation in system.equations
        if equation.step in (Step.FORWARD, Step.ERROR)
    }
    for parameter in system.trained:
        reached = {parameter}
        for name, used in uses.items():  # in the order of computation
            if used & reached:
                reached.add(name)
        found[parameter] = reached - {parameter}
    return found


def write_gradient_check(
    sheet: Worksheet,
    styles: Styles,
    layout: WorkbookLayout,
    rate_sheet: str,
    first_rows: Values,
) -> None:
    """Write the sheet, top to bottom."""
    check = GradientCheck(layout, rate_sheet, first_rows)
    _set_up(sheet, check)
    _write_top(sheet, styles, check)
    _write_summary(sheet, styles, check, first_rows)
    _write_passes(sheet, styles, check)


def _set_up(sheet: Worksheet, check: GradientCheck) -> None:
    last = len(check.labels) + len(check.columns) - 1
    fits_one_page = last <= _MAX_ON_ONE_PAGE
    color = ROLE_COLORS[Role.GRADIENT].strong
    set_page(sheet, tab_color=color, fit=(1, 0) if fits_one_page else None)
    for column in range(max(last, _MIN_PRINTED) + 1):
        sheet.set_column(column, column, _WIDTHS.get(column, _WIDTH))
    sheet.freeze_panes(0, len(check.labels))
    sheet.print_area(0, 0, check.last_row, max(last, _MIN_PRINTED))
    if not fits_one_page:
        sheet.set_print_scale(60)
        sheet.repeat_columns(0, len(check.labels) - 1)


def _write_top(sheet: Worksheet, styles: Styles, check: GradientCheck) -> None:
    error, over_samples = "E_total", ""
    if check.samples > 1:
        error = f"the {check.kind} of E_total over the samples"
        over_samples = f", {check.kind} over the samples"
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, "Are the gradients right?", styles.title)
    sheet.write_string(
        1,
        0,
        f"The gradients are those of backpropagation (sheet {check.rate_sheet}, iteration 0"
        f"{over_samples}). The central difference estimates a gradient without derivatives: "
        "compute E with the parameter increased by Δ and decreased by Δ, and divide the difference "
        "by 2Δ.",
    )
    sheet.write_url(2, 0, f"internal:'{OVERVIEW}'!A1", styles.link(), "← Overview")
    label = styles.format(bold=True, align="right")
    row, column = CHANGE_CELL
    sheet.write_string(row, column - 1, "Δ", label)
    sheet.write_number(row, column, CHANGE, styles.input)
    sheet.data_validation(
        row,
        column,
        row,
        column,
        number_validation(
            "Change Δ",
            _MIN_CHANGE,
            _MAX_CHANGE,
            prompt="A number from 1E-8 to 0.1.",
            error="Δ must be a number from 1E-8 to 0.1.",
        ),
    )
    hint = styles.format(font_color=FAINT, indent=1)
    sheet.write_string(
        row,
        column + 1,
        "the change of a parameter. If it is large, the central difference is less exact; if it is "
        "very small, rounding errors dominate. Try 0.01 and 1E-8.",
        hint,
    )
    row, column = ERROR_CELL
    formula, value = check.error()
    sheet.write_string(row, column - 1, "E", label)
    sheet.write_formula(row, column, ReadyFormula(formula), styles.cell(DECIMALS), value)
    show_decimals(sheet, styles, row, column, row, column)
    sheet.write_string(row, column + 1, f"{error}, without a change", hint)


def _write_summary(
    sheet: Worksheet, styles: Styles, check: GradientCheck, first_rows: Values
) -> None:
    trained = check.system.trained
    first = SUMMARY_FIRST_ROW
    last = first + len(trained) - 1
    gradients = np.array(
        [check.over_samples(first_rows[check.system.gradient(name)] + 0.0) for name in trained]
    )
    differences = check.central_differences()
    distances = np.abs(gradients - differences)
    larger = np.maximum(np.abs(gradients), np.abs(differences))
    relative = distances / np.maximum(larger, _TINY)
    _, error = check.error()
    agree = distances <= _RELATIVE * larger + _ABSOLUTE + _ROUNDING * error / CHANGE

    _write_result(sheet, styles, f"E{first + 1}:E{last + 1}", len(trained), int(agree.sum()))
    header = styles.header(ROLE_COLORS[Role.GRADIENT])
    for column, title in enumerate(_SUMMARY):
        sheet.write_string(SUMMARY_HEADER_ROW, column, title, header)
    number, small = styles.cell(DECIMALS), styles.cell("0.0E+00_)")
    verdict = styles.format(align="center", bold=True)
    tiny, share, minimum, rounding = map(plain_number, (_TINY, _RELATIVE, _ABSOLUTE, _ROUNDING))
    rounded = f"{rounding}*{_absolute(ERROR_CELL)}/{_absolute(CHANGE_CELL)}"
    for at, name in enumerate(trained):
        row = first + at
        colors = ROLE_COLORS[check.system.columns[name]]
        bold = styles.format(bold=True, font_color=colors.strong, align="center")
        sheet.write_string(row, 0, name, bold)
        b, c = f"B{row + 1}", f"C{row + 1}"
        maximum = f"MAX(ABS({b}),ABS({c}))"
        cells = (
            (check.gradient(name), number, gradients[at].item()),
            (check.central_difference(at), number, differences[at].item()),
            (f"ABS({b}-{c})/MAX(ABS({b}),ABS({c}),{tiny})", small, relative[at].item()),
            (
                f'IF(ABS({b}-{c})<={share}*{maximum}+{minimum}+{rounded},"yes","no")',
                verdict,
                "yes" if agree[at] else "no",
            ),
        )
        for column, (formula, cell_format, value) in enumerate(cells, 1):
            sheet.write_formula(row, column, ReadyFormula(formula), cell_format, value)
    for text, colors in (("yes", COLORS["green"]), ("no", COLORS["red"])):
        cell_format = styles.differential(font_color=colors.strong, bg_color=colors.pale)
        rule = {"type": "cell", "criteria": "==", "value": f'"{text}"', "format": cell_format}
        sheet.conditional_format(first, 4, last, 4, rule)
    shorten_zeros(sheet, styles, first, 1, last, 3)
    shorten_large_numbers(sheet, styles, first, 1, last, 2)
    show_decimals(sheet, styles, first, 1, last, 2)


def _write_result(
    sheet: Worksheet, styles: Styles, verdicts: str, count: int, agreeing: int
) -> None:
    """Write a sentence that says how many gradients agree."""
    one = "The gradient agrees with its central difference."
    if_all = plural(count, one, f"All {count} gradients agree with their central differences.")
    if_some = f" of {count} gradients agree with their central differences."
    counted = f'COUNTIF({verdicts},"yes")'
    formula = f'IF({counted}={count},"{if_all}",{counted}&"{if_some}")'
    text = if_all if agreeing == count else f"{agreeing}{if_some}"
    strong = styles.format(bold=True, font_size=12, font_color=COLORS["green"].strong)
    sheet.write_formula(_RESULT_ROW, 1, ReadyFormula(formula), strong, text)
    bad = styles.differential(font_color=COLORS["red"].strong)
    rule = {"type": "formula", "criteria": f"={counted}<{count}", "format": bad}
    sheet.conditional_format(_RESULT_ROW, 1, _RESULT_ROW, 1, rule)
    sheet.write_string(
        _RESULT_ROW + 1,
        1,
        f"Two values agree if they differ by at most {_RELATIVE:.2%} of the larger one, with an "
        "allowance for rounding errors.",
        styles.note,
    )


def _write_passes(sheet: Worksheet, styles: Styles, check: GradientCheck) -> None:
    columns = check.system.columns
    row = check.passes_header_row
    sheet.write_string(row - 2, 0, "The forward passes", styles.section)
    first = plural(check.samples, "The first row has", "The first rows have")
    sheet.write_string(
        row - 1,
        0,
        f"{first} the unchanged network; in every other row, one parameter is changed by Δ, and "
        f"{_PRIME} marks the values after the change. A cell is empty if the change does not "
        "affect it: formulas then use the value of the unchanged network.",
        styles.note,
    )
    plain = styles.header(ROLE_COLORS[Role.GRADIENT])
    for column, title in enumerate(check.labels):
        sheet.write_string(row, column, title, plain)
    for name, column in check.column_of.items():
        sheet.write_string(row, column, name + _PRIME, styles.header(ROLE_COLORS[columns[name]]))

    formats: dict[str, Format] = {
        name: styles.cell(PLAIN if columns[name] is Role.GIVEN else DECIMALS)
        for name in check.columns
    }
    formats["parameter"] = styles.format(bold=True, align="center")
    formats["label"] = styles.cell("0", align="center", font_color=FAINT)
    formats["changed"] = styles.cell(
        DECIMALS, bold=True, bg_color=COLORS["amber"].pale, font_color=COLORS["amber"].strong
    )
    sample = [1.0] if check.system.has_sample_column else []
    writer = RowWriter(sheet)
    base = check.base_template(formats)
    unchanged = np.stack([check.base_values[name] for name in check.columns], axis=-1).tolist()
    for at, values in enumerate(unchanged):
        filled = base.at(check.base_row + at + 1, same=FIRST_ROW + at + 1)
        writer.write(filled, [at + 1.0, *values] if sample else values)
    for number, parameter in enumerate(check.system.trained):
        for sign in (0, 1):
            template = check.template(parameter, sign, formats)
            for at, values in enumerate(check.values_of(parameter, number, sign)):
                filled = template.at(
                    check.pass_row(number, sign, at) + 1,
                    base=check.base_row + at + 1,
                    same=FIRST_ROW + at + 1,
                )
                writer.write(filled, [at + 1.0, *values] if sample else values)
    start, end = len(check.labels), len(check.labels) + len(check.columns) - 1
    shorten_zeros(sheet, styles, check.base_row, start, check.last_row, end)
    shorten_large_numbers(sheet, styles, check.base_row, start, check.last_row, end)
    computed = start + len(check.system.inputs) + len(check.system.targets)
    show_decimals(sheet, styles, check.base_row, computed, check.last_row, end)


def _absolute(cell: tuple[int, int]) -> str:
    return str(xl_rowcol_to_cell(*cell, row_abs=True, col_abs=True))
