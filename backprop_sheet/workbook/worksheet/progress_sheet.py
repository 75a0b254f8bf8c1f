"""The first sheet of a worksheet: whose it is, what is given, and how much is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.sheet_names import HINTS, SAMPLES
from backprop_sheet.workbook.layout import (
    GIVEN_COLUMN,
    ROLE_COLORS,
    WorkbookLayout,
)
from backprop_sheet.workbook.network_diagram import Diagram
from backprop_sheet.workbook.overview import given_values, meaning_of
from backprop_sheet.workbook.table_formulas import describe_updates
from backprop_sheet.workbook.worksheet.answer_marks import Mark
from backprop_sheet.workbook.worksheet.answer_sheet import MARK_COLORS, AnswerSheet
from gradsheet.excel.fast_writing import ReadyFormula
from gradsheet.excel.styles import COLORS, EDGE, FAINT, Styles, set_page
from gradsheet.words import count, join

_WIDTHS = (2, 12, 12, 22, 24, 11, 11, 11, 11, 11)
_PROGRESS_COLUMN, _PROGRESS_ROW = 4, 5
_GROUP_WORDS = {
    ColumnGroup.FORWARD: "sums and activations",
    ColumnGroup.ERROR: "errors",
    ColumnGroup.GRADIENTS: "gradients",
    ColumnGroup.UPDATES: "updates",
}


@dataclass(frozen=True)
class ProgressContent:
    """What the sheet shows.

    Attributes:
        student: whose worksheet it is, or "".
        answers: the sheets to fill in.
        groups: the groups of columns to fill in, in order.
    """

    exercise: Exercise
    layout: WorkbookLayout
    diagram: Diagram
    student: str
    answers: Sequence[AnswerSheet]
    groups: tuple[ColumnGroup, ...]

    @property
    def has_marks(self) -> bool:
        """Whether the sheets tell what is right."""
        return all(answers.has_marks for answers in self.answers)


def write_progress(sheet: Worksheet, styles: Styles, content: ProgressContent) -> None:
    """Write the sheet, top to bottom."""
    set_page(sheet, tab_color=ROLE_COLORS[Role.GIVEN].strong, fit=(1, 1))
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    _write_title(sheet, styles, content)
    _write_given(sheet, styles, content)
    row = _write_progress_table(sheet, styles, content)
    diagram = content.diagram
    sheet.write_string(row + 1, _PROGRESS_COLUMN, "The network", styles.section)
    sheet.insert_image(
        row + 2,
        _PROGRESS_COLUMN,
        "network.png",
        {"image_data": BytesIO(diagram.png), "x_scale": diagram.scale, "y_scale": diagram.scale,
         "description": diagram.description, "object_position": 3},
    )  # fmt: skip


def _write_title(sheet: Worksheet, styles: Styles, content: ProgressContent) -> None:
    exercise = content.exercise
    sheet.set_row(0, 30)
    sheet.write_string(0, 1, "Backpropagation: a worksheet", styles.title)
    name = f"{content.student}  –  " if content.student else ""
    sheet.write_string(1, 1, f"{name}{exercise.title}", styles.format(bold=True, font_size=12))
    updates = count(exercise.training.iterations, "iteration")
    names = join([answers.name for answers in content.answers], "and")
    sheets = "sheet" if len(content.answers) == 1 else "sheets"
    rates = [f"{answers.rate:g}" for answers in content.answers]
    rate = f"learning rate{'s'[: len(rates) > 1]} {LEARNING_RATE} = {join(rates, 'and')}"
    training = f"Training: {describe_updates(content.layout.system)}, {rate}; {updates}."
    sheet.write_string(2, 1, training)
    task = f"Compute the yellow cells of the {sheets} {names} from the given values, which stay "
    sheet.write_string(3, 1, f"{task}as they are.")


def _write_given(sheet: Worksheet, styles: Styles, content: ProgressContent) -> None:
    layout, system = content.layout, content.layout.system
    several = system.has_sample_column
    row = layout.given_row
    sheet.write_string(row - 2, 1, "Parameters" if several else "Given values", styles.section)
    if several:
        sheet.write_url(row - 2, 3, f"internal:'{SAMPLES}'!A1", styles.link(), "The samples →")
    header = styles.header(ROLE_COLORS[Role.GIVEN], align="left")
    for column, title in enumerate(("name", "value", "  meaning"), 1):
        sheet.write_string(row - 1, column, title, header)
    values = given_values(content.exercise, layout)
    indented = styles.format(font_color=FAINT, indent=1)
    for name in layout.given:
        row, column = layout.given_cell(name)
        role = system.columns.get(name, Role.STATE)
        bold = styles.format(bold=True, font_color=ROLE_COLORS[role].strong)
        sheet.write_string(row, GIVEN_COLUMN - 1, name, bold)
        sheet.write_number(row, column, values[name], styles.given)
        sheet.write_string(row, column + 1, meaning_of(layout, name), indented)


def _write_count(sheet: Worksheet, styles: Styles, row: int, column: int, cells: int) -> None:
    """Write in words how many cells are right: those of the table's last row."""
    right, total = (xl_rowcol_to_cell(row, at) for at in (column, column - 1))
    formula = ReadyFormula(f'{right}&" of "&{total}&" cells are right"')
    strong = styles.format(bold=True, font_size=12, font_color=COLORS["green"].strong)
    sheet.write_formula(
        _PROGRESS_ROW - 1, column - 1, formula, strong, f"0 of {cells} cells are right"
    )


def _write_progress_table(sheet: Worksheet, styles: Styles, content: ProgressContent) -> int:
    """Write how many cells are right, and return the row below."""
    row, column = _PROGRESS_ROW - 1, _PROGRESS_COLUMN
    marks = tuple(Mark) if content.has_marks else ()
    title = "Your progress" if content.has_marks else "What to fill in"
    sheet.set_row(row, 24)
    sheet.write_string(row, column, title, styles.section)
    link = styles.link()
    header = styles.header(ROLE_COLORS[Role.OUTPUT], align="left")
    row += 1
    for index, text in enumerate(("columns", "cells", *(reversed(marks)))):
        sheet.write_string(row, column + index, str(text), header)
    number = styles.cell("0", align="left")
    first = row + 1
    for answers in content.answers:
        for group in content.groups:
            row += 1
            words = _GROUP_WORDS[group]
            if len(content.answers) > 1:
                words = f"{answers.name}: {words}"
            place = f"internal:'{answers.name}'!A1"
            sheet.write_url(row, column, place, link, words)
            total = answers.number_of_blanks(group)
            sheet.write_number(row, column + 1, total, number)
            for index, mark in enumerate(reversed(marks), 2):
                formula = ReadyFormula(answers.count_formula(group, mark))
                value = total if mark is Mark.EMPTY else 0
                sheet.write_formula(row, column + index, formula, number, value)
    row += 1
    bold = styles.format(bold=True, align="left", top=1, top_color=EDGE)
    sheet.write_string(row, column, "all", bold)
    total = sum(
        answers.number_of_blanks(group) for answers in content.answers for group in content.groups
    )
    for index in range(1, len(marks) + 2):
        letter = chr(ord("A") + column + index)
        is_total = index == 1 or list(reversed(marks))[index - 2] is Mark.EMPTY
        formula = ReadyFormula(f"SUM({letter}{first + 1}:{letter}{row})")
        sheet.write_formula(row, column + index, formula, bold, total if is_total else 0)
    if marks:
        _write_count(sheet, styles, row, column + 2, total)
    for mark, colors in MARK_COLORS.items() if marks else ():
        index = 2 + list(reversed(marks)).index(mark)
        shown = styles.differential(bold=True, font_color=colors.strong)
        rule = {"type": "cell", "criteria": ">", "value": 0, "format": shown}
        sheet.conditional_format(first, column + index, row, column + index, rule)
    hints = "Stuck? There are three hints for each column →"
    sheet.write_url(row + 1, column, f"internal:'{HINTS}'!A1", link, hints)
    return row + 2
