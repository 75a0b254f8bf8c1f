"""Write a worksheet: an exercise with blank columns, and marks that change as the student types."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from xlsxwriter import Workbook

from backprop_sheet.equations.descent import descend
from backprop_sheet.equations.names import LEARNING_RATE
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.exercise.exercise_text import to_toml
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.sheet_names import HINTS, OVERVIEW, SAMPLES, differences_name
from backprop_sheet.workbook.layout import WorkbookLayout, sheet_name
from backprop_sheet.workbook.network_diagram import Diagram, draw_network
from backprop_sheet.workbook.samples_sheet import write_samples
from backprop_sheet.workbook.table_formulas import TableFormulas
from backprop_sheet.workbook.worksheet.answer_sheet import AnswerSheet, write_answer_sheet
from backprop_sheet.workbook.worksheet.blanks import Blanks
from backprop_sheet.workbook.worksheet.differences import (
    Differences,
    write_differences,
)
from backprop_sheet.workbook.worksheet.hints_sheet import write_hints
from backprop_sheet.workbook.worksheet.progress_sheet import (
    ProgressContent,
    write_progress,
)
from backprop_sheet.workbook.writer import as_written
from gradsheet.errors import InvalidInputError
from gradsheet.excel.provenance import (
    BLANK_PROPERTY,
    EXERCISE,
    STUDENT_PROPERTY,
    set_provenance,
)
from gradsheet.excel.styles import Styles, default_format

DEFAULT_ITERATIONS = 3
_LINE, _MAX_TITLE = 40, 60  # characters of the header of a printed page
_MARGINS = {"left": 0.4, "right": 0.4, "top": 0.8, "bottom": 0.6}  # in inches
MAX_CELLS = 200_000  # of marks and forward passes; nobody fills in a larger worksheet


@dataclass(frozen=True)
class WorksheetOptions:
    """What a worksheet has.

    Attributes:
        groups: the groups of columns to fill in.
        has_marks: whether it tells what is right.
        student_id: whose it is, as the course system calls the student; "" for nobody's.
        student_name: the name that is shown.
    """

    groups: frozenset[ColumnGroup]
    has_marks: bool = True
    student_id: str = ""
    student_name: str = ""


def write_worksheet(exercise: Exercise, path: Path, options: WorksheetOptions) -> int:
    """Write a worksheet of an exercise: one table per learning rate.

    Returns:
        The number of cells to fill in.

    Raises:
        InvalidInputError: there is nothing to fill in, or it would be too large.
        OSError, FileCreateError: the file cannot be written.
    """
    exercise = as_written(exercise)
    system = system_of(exercise)
    iterations = exercise.training.iterations
    rates = exercise.training.learning_rates
    formulas = _formulas(system, len(rates))
    layout = formulas.layout
    blanks = Blanks(system, options.groups, iterations)
    answers = []
    for rate in rates:
        name = sheet_name(rate)
        differences = None
        if options.has_marks and ColumnGroup.GRADIENTS in options.groups:
            differences = Differences(layout, blanks, name, differences_name(name, len(rates)))
        answers.append(AnswerSheet(name, rate, formulas, blanks, options.has_marks, differences))
    _check_size(answers)
    workbook = Workbook(
        str(path), {"default_format_properties": default_format(), "in_memory": True}
    )
    set_provenance(
        workbook,
        EXERCISE,
        "Backpropagation: a worksheet",
        carried=to_toml(replace(exercise, individual=None)),
        properties=_properties(options),
    )
    styles = Styles(workbook)
    groups = tuple(group for group in ColumnGroup if group in options.groups)
    overview = workbook.add_worksheet(OVERVIEW)
    if system.has_sample_column:
        write_samples(workbook.add_worksheet(SAMPLES), styles, exercise, layout)
    tables = [workbook.add_worksheet(answer.name) for answer in answers]
    write_hints(workbook.add_worksheet(HINTS), styles, blanks)
    rows = _rows(exercise, len(rates))
    for index, (sheet, answer) in enumerate(zip(tables, answers, strict=True)):
        write_answer_sheet(sheet, styles, answer, rows[index])
        if answer.differences is not None:
            of_rate = workbook.add_worksheet(answer.differences.name)
            write_differences(of_rate, styles, answer.differences, rows[index])
    content = ProgressContent(
        exercise, layout, _diagram(system), options.student_name, answers, groups
    )
    write_progress(overview, styles, content)
    for sheet in workbook.worksheets():
        sheet.set_header(_page_header(exercise, options))
        sheet.set_margins(**_MARGINS)
    for sheet, answer in zip(tables, answers, strict=True):
        sheet.set_header(_page_header(exercise, options, f", {LEARNING_RATE} = {answer.rate:g}"))
    workbook.close()
    return sum(answer.number_of_blanks(group) for answer in answers for group in groups)


@lru_cache(maxsize=8)
def _formulas(system: EquationSystem, rate_count: int) -> TableFormulas:
    """Return the positions and formulas that all worksheets of a class have."""
    return TableFormulas(WorkbookLayout(system, rate_count))


@lru_cache(maxsize=8)
def _diagram(system: EquationSystem) -> Diagram:
    return draw_network(system)


def _page_header(exercise: Exercise, options: WorksheetOptions, more: str = "") -> str:
    """Return the header of a printed page: whose it is, and of which exercise."""
    name = options.student_name or f"Name: {'_' * _LINE}"
    title = textwrap.shorten(exercise.title, _MAX_TITLE, placeholder="…")
    # The space after the font size keeps a digit of the text from being part of it.
    return "&L&9 {}&R&9 {}".format(*(text.replace("&", "&&") for text in (name, title + more)))


def _properties(options: WorksheetOptions) -> dict[str, str]:
    """Return what the file says about itself: its blank groups, and whose it is."""
    blank = ",".join(group for group in ColumnGroup if group in options.groups)
    found = {BLANK_PROPERTY: blank}
    if options.student_id:
        found |= {STUDENT_PROPERTY: options.student_id}
    return found


def _check_size(answers: list[AnswerSheet]) -> None:
    blanks = answers[0].blanks
    if not any(blanks.columns):
        raise InvalidInputError("there is nothing to fill in: name other groups of columns")
    cells = 0
    for answer in answers:
        cells += answer.records * len(answer.layout.header)
        if answer.differences is not None:
            per_record = (len(answer.differences.passes) + 1) * len(answer.differences.columns)
            cells += answer.records * per_record
    if cells > MAX_CELLS:
        raise InvalidInputError(
            f"a worksheet with marks has at most {MAX_CELLS:,} cells, and this one would have "
            f"{cells:,}: use fewer iterations, learning rates or samples, or a smaller network"
        )


def _rows(exercise: Exercise, rates: int) -> list[Mapping[str, np.ndarray]]:
    """Return the values of each learning rate's table: per column, one number per record."""
    training = exercise.training
    system = system_of(exercise)
    iterations = list(descend(exercise, system, training.learning_rates, training.iterations))
    return [
        {name: np.concatenate([rows[name][index] for rows in iterations]) for name in iterations[0]}
        for index in range(rates)
    ]
