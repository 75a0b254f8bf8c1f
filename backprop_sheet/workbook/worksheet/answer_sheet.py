"""The sheet of one learning rate: the table with blank cells, and a mark for each of them."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import GROUPS, Role
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, SAMPLE
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.sheet_names import OVERVIEW
from backprop_sheet.workbook.layout import (
    BAND_ROW,
    FIRST_ROW,
    HEADER_ROW,
    MAX_FORMULA,
    RATE_CELL,
    ROLE_COLORS,
    WorkbookLayout,
    quoted,
)
from backprop_sheet.workbook.table_formulas import TableFormulas
from backprop_sheet.workbook.worksheet.answer_marks import (
    Mark,
    all_filled,
    mark_of_gradient,
    mark_of_value,
    references,
    relative_rounding,
    rounding_unit,
)
from backprop_sheet.workbook.worksheet.blanks import Blanks
from backprop_sheet.workbook.worksheet.differences import Differences
from gradsheet.errors import InvalidInputError
from gradsheet.excel.fast_writing import ReadyFormula
from gradsheet.excel.styles import (
    COLORS,
    DECIMALS,
    FAINT,
    GRID,
    PLAIN,
    Styles,
    exceptions_from_decimals,
    set_page,
    shorten_large_numbers,
    shorten_zeros,
    show_decimals,
)

MARK_COLORS = {Mark.RIGHT: COLORS["green"], Mark.NOT_YET: COLORS["red"]}
_GAP = 2  # rows between the table and the marks
_WIDTH, _GIVEN_WIDTH = 11.0, 7.5
_PAGE_WIDTH = 150.0  # of a printed page, in characters
_ROW_HEIGHT = 22.0  # in points, to write by hand on paper
_WHOLE = (ITERATION, SAMPLE)
_ROW = re.compile(r"\d+")


@dataclass(frozen=True)
class AnswerSheet:
    """The positions and formulas of the sheet.

    Attributes:
        has_marks: whether it tells what is right.
        differences: the sheet by which gradients are judged; None if none are blank or judged.
    """

    name: str
    rate: float
    formulas: TableFormulas
    blanks: Blanks
    has_marks: bool
    differences: Differences | None

    @property
    def layout(self) -> WorkbookLayout:
        """The positions of the table."""
        return self.formulas.layout

    @property
    def system(self) -> EquationSystem:
        """The equations."""
        return self.formulas.system

    @property
    def records(self) -> int:
        """The number of rows of the table."""
        return self.system.table_rows(self.blanks.iterations)

    @property
    def first_mark_row(self) -> int:
        """The row of the first record's marks, from 0."""
        return FIRST_ROW + self.records + _GAP

    @property
    def first_unit_row(self) -> int:
        """The row of the first record's rounding units, from 0; these rows are hidden."""
        return self.first_mark_row + self.records + 1

    @property
    def first_relative_row(self) -> int:
        """The row of the first record's relative rounding, from 0; these rows are hidden."""
        return self.first_unit_row + self.records

    def place(self, record: int) -> tuple[int, int]:
        """Return a record's iteration, and its row within the iteration."""
        return divmod(record, self.system.rows_per_iteration)

    def is_blank(self, name: str, record: int) -> bool:
        """Whether a cell is for the student to fill in."""
        return self.blanks.is_blank(name, *self.place(record))

    def count_formula(self, group: ColumnGroup, mark: Mark) -> str:
        """Return a formula that counts the marks of a group, as another sheet refers to them."""
        columns = [
            self.layout.column_of[name]
            for name in self.blanks.columns
            if GROUPS[self.system.columns[name]] is group
        ]
        last = self.first_mark_row + self.records - 1
        counts = [
            f"COUNTIF({quoted(self.name)}!"
            f'{xl_range(self.first_mark_row, first, last, end)},"{mark}")'
            for first, end in _runs(columns)
        ]
        return "+".join(counts) or "0"

    def number_of_blanks(self, group: ColumnGroup) -> int:
        """Return how many cells of a group are to be filled in."""
        return sum(
            self.is_blank(name, record)
            for name in self.blanks.columns
            if GROUPS[self.system.columns[name]] is group
            for record in range(self.records)
        )

    def formula(self, name: str, record: int) -> str | None:
        """Return the right formula of a cell; None for the number 0."""
        iteration, block_row = self.place(record)
        formula = self.formulas.formula(name, iteration, block_row)
        if formula is None:
            return None
        row = FIRST_ROW + record + 1
        system = self.system
        period = system.rows_per_iteration if system.is_batch else system.sample_count
        return formula.format(
            row=row,
            above=row - 1,
            same=row - period,
            last=row + system.rows_per_iteration - 1,
            oldest=max(FIRST_ROW + 1, row - system.sample_count + 1),
        )

    def mark_formula(self, name: str, record: int) -> str:
        """Return the formula of a blank cell's mark.

        Raises:
            InvalidInputError: it is longer than Excel allows.
        """
        column = self.layout.column_of[name]
        cell = xl_rowcol_to_cell(FIRST_ROW + record, column)
        unit = xl_rowcol_to_cell(self.first_unit_row + record, column)
        if self.system.columns[name] is Role.GRADIENT:
            assert self.differences is not None
            error_cell = self.differences.error_cell
            errors = error_cell(record, name, 1), error_cell(record, name, -1)
            row = self.first_relative_row + record
            last = max(self.layout.column_of[a] for _, a in self.system.outputs)
            relative = xl_range(row, 1, row, last)
            return mark_of_gradient(cell, errors, unit, relative)
        expected = self.formula(name, record) or "0"
        before = ""
        if name in self.system.parameters:
            before = xl_rowcol_to_cell(FIRST_ROW + record - 1, column)
        formula = mark_of_value(cell, expected, [unit, *self._units_of(expected)], before)
        if len(formula) > MAX_FORMULA:
            raise InvalidInputError(
                f"the mark of {name} would need a formula of {len(formula):,} characters, and "
                f"Excel allows {MAX_FORMULA:,}: use a smaller network or --no-marks"
            )
        return formula

    def _units_of(self, formula: str) -> list[str]:
        """Return the cells of the rounding units of the blank cells that a formula refers to."""
        down = self.first_unit_row - FIRST_ROW
        letters = {self.layout.letter(name) for name in self.blanks.columns}
        units = []
        for reference in references(formula):
            ends = reference.replace("$", "").split(":")
            if ends[0].rstrip("0123456789") in letters:
                moved = (_ROW.sub(lambda match: str(int(match[0]) + down), end) for end in ends)
                units.append(":".join(moved))
        return units


def _runs(columns: list[int], starts: Container[int] = ()) -> list[tuple[int, int]]:
    """Return the first and the last of each run of neighbouring columns.

    Args:
        starts: columns that start a run, also next to another.
    """
    runs: list[tuple[int, int]] = []
    for column in columns:
        if runs and runs[-1][1] == column - 1 and column not in starts:
            runs[-1] = (runs[-1][0], column)
        else:
            runs.append((column, column))
    return runs


def write_answer_sheet(
    sheet: Worksheet, styles: Styles, answers: AnswerSheet, rows: Mapping[str, np.ndarray]
) -> None:
    """Write the sheet.

    Args:
        rows: the values of the table's columns, one per record.
    """
    _set_up_page(sheet, answers)
    _write_top(sheet, styles, answers)
    _write_headers(sheet, styles, answers)
    _color_answers(sheet, styles, answers)
    _write_table(sheet, styles, answers, rows)
    if answers.has_marks:
        _write_marks(sheet, styles, answers, rows)


def _width(answers: AnswerSheet, name: str) -> float:
    given = name in _WHOLE or answers.system.columns.get(name) is Role.GIVEN
    return _GIVEN_WIDTH if given else max(_WIDTH, len(name) + 2)


def _set_up_page(sheet: Worksheet, answers: AnswerSheet) -> None:
    layout = answers.layout
    set_page(sheet, tab_color=ROLE_COLORS[Role.WEIGHT].strong, fit=None)
    frozen = 2 if answers.system.has_sample_column else 1
    for name in layout.header:
        column = layout.column_of[name]
        sheet.set_column(column, column, _width(answers, name))
    sheet.set_column(0, 0, 10)
    sheet.freeze_panes(FIRST_ROW, frozen)
    sheet.repeat_columns(0, frozen - 1)
    sheet.repeat_rows(BAND_ROW, HEADER_ROW)
    sheet.set_print_scale(85)
    sheet.set_v_pagebreaks(_page_breaks(answers))
    # The header of the page has what is above the table, and the colors tell what is right.
    sheet.print_area(BAND_ROW, 0, FIRST_ROW + answers.records - 1, len(layout.header) - 1)


def _page_breaks(answers: AnswerSheet) -> list[int]:
    """Return the columns that start a printed page: the first of a group where it fits."""
    breaks: list[int] = []
    start = used = _WIDTH * (2 if answers.system.has_sample_column else 1)
    for _, _, group in answers.layout.groups:
        kept = [name for name in group if name in answers.layout.header]
        width = sum(_width(answers, name) for name in kept)
        if kept and used > start and used + width > _PAGE_WIDTH:
            breaks.append(answers.layout.column_of[kept[0]])
            used = start
        for name in kept:
            if used + _width(answers, name) > _PAGE_WIDTH:
                breaks.append(answers.layout.column_of[name])
                used = start
            used += _width(answers, name)
    return breaks


def _write_top(sheet: Worksheet, styles: Styles, answers: AnswerSheet) -> None:
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, "Worksheet", styles.title)
    link = styles.link()
    sheet.write_url(1, 0, f"internal:'{OVERVIEW}'!A1", link, "← Overview")
    row, column = RATE_CELL
    eta = styles.format(bold=True, align="right", font_size=12)
    sheet.write_string(row, column - 1, LEARNING_RATE, eta)
    sheet.write_number(row, column, answers.rate, styles.given)
    note = styles.format(font_color=FAINT, indent=1)
    text = "Type into the yellow cells: formulas, or numbers with at least six digits. "
    text += "Work row by row, from left to right."
    sheet.write_string(row - 1, column + 1, text, note)
    if answers.has_marks:
        text = "A cell turns green when it follows from the other cells, and red when it does not "
        text += "yet. The marks below the table say the same in words."
        sheet.write_string(row, column + 1, text, note)


def _write_headers(sheet: Worksheet, styles: Styles, answers: AnswerSheet) -> None:
    layout = answers.layout
    colors_of = dict.fromkeys(layout.header, ROLE_COLORS[Role.GRADIENT])
    breaks = set(_page_breaks(answers))
    for title, colors, names in layout.groups:
        kept = [name for name in names if name in layout.header]
        columns = [layout.column_of[name] for name in kept]
        for first, last in _runs(columns, breaks):  # a title on each printed page
            if last > first:
                sheet.merge_range(BAND_ROW, first, BAND_ROW, last, title, styles.band(colors))
            else:
                sheet.write_string(BAND_ROW, first, title, styles.band(colors))
        colors_of |= dict.fromkeys(kept, colors)
    sheet.set_row(HEADER_ROW, 18)
    for name in layout.header:
        sheet.write_string(HEADER_ROW, layout.column_of[name], name, styles.header(colors_of[name]))


def _color_answers(sheet: Worksheet, styles: Styles, answers: AnswerSheet) -> None:
    """Color blank cells by their marks, and show numbers as in other tables."""
    first, last = FIRST_ROW, FIRST_ROW + answers.records - 1
    columns = [answers.layout.column_of[name] for name in answers.blanks.columns]
    if answers.has_marks:
        for mark, colors in MARK_COLORS.items():
            look = {"bg_color": colors.pale, "font_color": colors.strong}
            for left, right in _runs(columns):
                is_marked = f'{xl_rowcol_to_cell(answers.first_mark_row, left)}="{mark}"'
                cell = xl_rowcol_to_cell(first, left)
                for condition, num_format in exceptions_from_decimals(cell):
                    shown = styles.differential(**look, num_format=num_format)
                    rule = _rule(f"=AND({is_marked},{condition})", shown)
                    sheet.conditional_format(first, left, last, right, rule)
                rule = _rule(f"={is_marked}", styles.differential(**look))
                sheet.conditional_format(first, left, last, right, rule)
    area = first, 1, last, len(answers.layout.header) - 1
    shorten_zeros(sheet, styles, *area)
    shorten_large_numbers(sheet, styles, *area)
    show_decimals(sheet, styles, first, answers.layout.first_computed_column, last, area[3])


def _rule(criteria: str, shown: Format) -> dict[str, object]:
    return {"type": "formula", "criteria": criteria, "format": shown, "stop_if_true": True}


def _write_table(
    sheet: Worksheet, styles: Styles, answers: AnswerSheet, rows: Mapping[str, np.ndarray]
) -> None:
    starts = {names[0] for _, _, names in answers.layout.groups}
    line: dict[str, Any] = {
        "bottom": 1,
        "bottom_color": GRID,
    }  # on paper, these cells are filled in, too
    whole = styles.cell("0", align="center", font_color=FAINT, **line)
    blank = styles.format(num_format=DECIMALS, bg_color="#FFF8E1", border=1, border_color="#C99700")
    for record in range(answers.records):
        iteration, _ = answers.place(record)
        sheet.set_row(FIRST_ROW + record, _ROW_HEIGHT)
        for name in answers.layout.header:
            row, column = FIRST_ROW + record, answers.layout.column_of[name]
            if answers.is_blank(name, record):
                sheet.write_blank(row, column, None, blank)
                continue
            role = answers.system.columns.get(name)
            number_format = PLAIN if role is Role.GIVEN else DECIMALS
            shown = styles.cell(number_format, group_starts=name in starts, **line)
            cell_format = whole if name in _WHOLE else shown
            formula = answers.formula(name, record)
            value = float(rows[name][record]) + 0.0
            if formula is None:
                sheet.write_number(row, column, 0, cell_format)
            elif answers.blanks.is_open(name, iteration):
                waiting = f'IF({all_filled(references(formula))},{formula},"")'
                sheet.write_formula(row, column, ReadyFormula(waiting), cell_format, "")
            else:
                sheet.write_formula(row, column, ReadyFormula(formula), cell_format, value)


def _write_rounding(sheet: Worksheet, answers: AnswerSheet, record: int, name: str) -> None:
    column = answers.layout.column_of[name]
    cell = xl_rowcol_to_cell(FIRST_ROW + record, column)
    row = answers.first_unit_row + record
    is_gradient = answers.system.columns[name] is Role.GRADIENT
    unit = rounding_unit(cell, "" if is_gradient else answers.formula(name, record) or "")
    sheet.write_formula(row, column, ReadyFormula(unit), None, 0)
    share = relative_rounding(cell, xl_rowcol_to_cell(row, column))
    sheet.write_formula(answers.first_relative_row + record, column, ReadyFormula(share), None, 0)


def _write_marks(
    sheet: Worksheet, styles: Styles, answers: AnswerSheet, rows: Mapping[str, np.ndarray]
) -> None:
    first = answers.first_mark_row
    sheet.write_string(first - 1, 0, "Marks", styles.section)
    label = styles.cell("0", align="center", font_color=FAINT)
    text = styles.format(align="center", font_size=9, font_color=FAINT)
    for record in range(answers.records):
        iteration, _ = answers.place(record)
        sheet.write_string(first + record, 0, f"{ITERATION} {iteration}", label)
        if answers.system.has_sample_column:
            sample = int(rows[SAMPLE][record])
            sheet.write_string(first + record, 1, f"{SAMPLE} {sample}", label)
        for name in answers.blanks.columns:
            if answers.is_blank(name, record):
                column = answers.layout.column_of[name]
                formula = ReadyFormula(answers.mark_formula(name, record))
                sheet.write_formula(first + record, column, formula, text, str(Mark.EMPTY))
                _write_rounding(sheet, answers, record, name)
        for row in (answers.first_unit_row, answers.first_relative_row):
            sheet.set_row(row + record, None, None, {"hidden": True})
    last_column = len(answers.layout.header) - 1
    for mark, colors in MARK_COLORS.items():
        shown = styles.differential(bold=True, font_color=colors.strong, bg_color=colors.pale)
        rule = {"type": "cell", "criteria": "==", "value": f'"{mark}"', "format": shown}
        sheet.conditional_format(first, 1, first + answers.records - 1, last_column, rule)
