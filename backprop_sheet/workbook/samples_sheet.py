"""The sheet Samples: the inputs and targets of every sample."""

from __future__ import annotations

from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import SAMPLE
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.sheet_names import OVERVIEW
from backprop_sheet.workbook.input_validation import value_validation
from backprop_sheet.workbook.layout import (
    BAND_ROW,
    FIRST_ROW,
    HEADER_ROW,
    ROLE_COLORS,
    WorkbookLayout,
)
from gradsheet.excel.styles import FAINT, Styles, set_page

_MIN_PRINTED = 13  # columns, so that the texts above the table are not cut
_COLORS = {"inputs": ROLE_COLORS[Role.GIVEN], "targets": ROLE_COLORS[Role.OUTPUT]}


def write_samples(
    sheet: Worksheet,
    styles: Styles,
    exercise: Exercise,
    layout: WorkbookLayout,
    largest: float | None = None,
) -> None:
    """Write the sheet, top to bottom.

    Args:
        largest: the largest magnitude that the user may type; None if the samples are to be kept.
    """
    system = layout.system
    groups = {"inputs": system.inputs, "targets": system.targets}
    set_page(sheet, tab_color=ROLE_COLORS[Role.GIVEN].strong)
    sheet.set_column(0, 0, 9)
    sheet.set_column(1, len(system.inputs) + len(system.targets), 10)
    sheet.freeze_panes(FIRST_ROW, 1)
    sheet.repeat_rows(BAND_ROW, HEADER_ROW)
    sheet.set_row(0, 28)
    sheet.write_string(0, 0, f"The {system.sample_count} samples", styles.title)
    sheet.write_string(
        1,
        0,
        "Each row is one sample: its inputs, and its targets, which are the outputs that the "
        "network should learn."
        + ("" if largest is None else " Change a yellow cell, and everything is recalculated."),
    )
    sheet.write_url(2, 0, f"internal:'{OVERVIEW}'!A1", styles.link(), "← Overview")
    column = 1
    for title, names in groups.items():
        band = styles.band(_COLORS[title])
        last = column + len(names) - 1
        if len(names) > 1:
            sheet.merge_range(BAND_ROW, column, BAND_ROW, last, title, band)
        else:
            sheet.write_string(BAND_ROW, column, title, band)
        column = last + 1
    sheet.write_string(HEADER_ROW, 0, SAMPLE, styles.header(ROLE_COLORS[Role.GRADIENT]))
    column = 1
    for title, names in groups.items():
        for name in names:
            sheet.write_string(HEADER_ROW, column, name, styles.header(_COLORS[title]))
            column += 1
    number = styles.cell("0", align="center", font_color=FAINT)
    for index, sample in enumerate(exercise.samples):
        row = FIRST_ROW + index
        sheet.write_number(row, 0, index + 1, number)
        for at, value in enumerate((*sample.inputs, *sample.targets), 1):
            sheet.write_number(row, at, value, styles.given if largest is None else styles.input)
    last_row = FIRST_ROW + len(exercise.samples) - 1
    if largest is not None:
        validation = value_validation("Value of a sample", largest)
        sheet.data_validation(FIRST_ROW, 1, last_row, column - 1, validation)
    sheet.print_area(0, 0, last_row, max(column - 1, _MIN_PRINTED))
