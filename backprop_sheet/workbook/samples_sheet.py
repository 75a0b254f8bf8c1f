"""The sheet of the samples: their inputs and targets, typed once each."""

from __future__ import annotations

from xlsxwriter.worksheet import Worksheet

from backprop_sheet.network.equations import SAMPLE, Role
from backprop_sheet.network.exercise import Exercise
from backprop_sheet.workbook.layout import (
    BAND_ROW,
    FIRST_ROW,
    HEADER_ROW,
    OVERVIEW,
    ROLE_SHADES,
    WorkbookLayout,
)
from backprop_sheet.workbook.page import excel_number, set_up_page
from common.look import FAINT, Look

_FEWEST_PRINTED = 13  # columns, so that the texts above the table are not cut
_SHADES = {"inputs": ROLE_SHADES[Role.GIVEN], "targets": ROLE_SHADES[Role.OUTPUT]}


def write_samples(
    sheet: Worksheet, look: Look, exercise: Exercise, layout: WorkbookLayout, largest: float
) -> None:
    """Fill the sheet, top to bottom.

    Args:
        largest: the largest magnitude that may be typed.
    """
    system = layout.system
    groups = {"inputs": system.inputs, "targets": system.targets}
    set_up_page(sheet, ROLE_SHADES[Role.GIVEN].strong)
    sheet.set_column(0, 0, 9)
    sheet.set_column(1, len(system.inputs) + len(system.targets), 10)
    sheet.freeze_panes(FIRST_ROW, 1)
    sheet.repeat_rows(BAND_ROW, HEADER_ROW)
    sheet.fit_to_pages(1, 0)
    sheet.set_row(0, 28)
    sheet.write_string(0, 0, f"The {system.sample_count} samples", look.title)
    sheet.write_string(
        1,
        0,
        "Each row is a sample: its inputs, and the outputs that the network should learn to give. "
        "Change a framed amber cell, and everything follows.",
    )
    sheet.write_url(2, 0, f"internal:'{OVERVIEW}'!A1", look.link, "← Overview")
    column = 1
    for title, names in groups.items():
        band = look.band(_SHADES[title])
        last = column + len(names) - 1
        if len(names) > 1:
            sheet.merge_range(BAND_ROW, column, BAND_ROW, last, title, band)
        else:
            sheet.write_string(BAND_ROW, column, title, band)
        column = last + 1
    sheet.write_string(HEADER_ROW, 0, SAMPLE, look.header(ROLE_SHADES[Role.GRADIENT]))
    column = 1
    for title, names in groups.items():
        for name in names:
            sheet.write_string(HEADER_ROW, column, name, look.header(_SHADES[title]))
            column += 1
    number = look.cell("0", align="center", font_color=FAINT)
    for index, sample in enumerate(exercise.samples):
        row = FIRST_ROW + index
        sheet.write_number(row, 0, index + 1, number)
        for at, value in enumerate((*sample.inputs, *sample.targets), 1):
            sheet.write_number(row, at, value, look.input)
    last_row = FIRST_ROW + len(exercise.samples) - 1
    sheet.data_validation(
        FIRST_ROW,
        1,
        last_row,
        column - 1,
        value_validation("A value of a sample", largest),
    )
    sheet.print_area(0, 0, last_row, max(column - 1, _FEWEST_PRINTED))


def value_validation(title: str, largest: float) -> dict:
    """A cell's rule: a number within ±``largest``."""
    shown = excel_number(largest)
    return {
        "validate": "decimal",
        "criteria": "between",
        "minimum": -largest,
        "maximum": largest,
        "ignore_blank": False,
        "input_title": title,
        "input_message": "Type any number: all tables and charts follow.",
        "error_title": title,
        "error_message": f"This must be a number from -{shown} to {shown}; beyond that a cell "
        "could overflow what a spreadsheet can hold.",
    }
