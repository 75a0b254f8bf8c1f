"""The first sheet: what this is, the given values, the learning rates, and their charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.descent import LARGEST, Problem
from backprop_sheet.equations import INPUTS, LEARNING_RATE, TARGETS, Role
from backprop_sheet.layout import (
    CHART_ROWS,
    COLUMN_OF,
    EQUATIONS_PAGE,
    FIRST_ROW,
    GIVEN,
    GIVEN_ROW,
    ITERATION,
    OVERVIEW,
    RATE_CELL,
    RATES_COLUMN,
    RATES_ROW,
    ROLE_SHADES,
    on_sheet,
    table_range,
)
from backprop_sheet.rate_sheet import CHARTS_CELLS
from common.formulas import ReadyFormula
from common.look import DECIMALS, FAINT, Look, line_chart, line_style, shorten_large_numbers

LOW_ERROR = 0.01
NEVER = "–"

_PICTURE = Path(__file__).with_name("network.png")
_PICTURE_SAYS = (
    "The network: inputs i1 and i2 lead through w1 and w2 to hidden neuron h1 and through w3 and "
    "w4 to h2; the hidden activations lead through w5 and w6 to output o1 and through w7 and w8 "
    "to o2; the outputs' errors E1 and E2 add up to E_total."
)
_CONNECTIONS = {
    "w1": "i1 → h1", "w2": "i2 → h1", "w3": "i1 → h2", "w4": "i2 → h2",
    "w5": "h1 → o1", "w6": "h2 → o1", "w7": "h1 → o2", "w8": "h2 → o2",
}  # fmt: skip
_WIDTHS = (2, 12, 14, 14, 26, 10, 10, 17, 2)
_CHART_SIZE = {"width": 620, "height": 318}


@dataclass(frozen=True)
class Run:
    """What came of one learning rate.

    ``first`` and ``last`` are E_total at the first and the last iteration; ``reached`` is the first
    iteration with E_total below 0.01, or None; ``sheet`` is the sheet's name.
    """

    learning_rate: float
    sheet: str
    first: float
    last: float
    reached: int | None


def write_overview(
    sheet: Worksheet,
    workbook: Workbook,
    look: Look,
    problem: Problem,
    runs: Sequence[Run],
    iterations: int,
) -> None:
    """Fill the sheet, top to bottom."""
    _set_up_page(sheet, max(RATES_ROW + 2 + len(runs), 38))
    sheet.set_row(0, 30)
    sheet.write_string(0, 1, "Backpropagation, cell by cell", look.title)
    sheet.write_string(
        1,
        1,
        "A network of two inputs, two hidden neurons and two outputs learns by gradient descent: "
        f"{iterations:,} iterations at each of {len(runs)} learning rates."
        if len(runs) > 1
        else "A network of two inputs, two hidden neurons and two outputs learns by gradient "
        f"descent: {iterations:,} iterations.",
    )
    sheet.write_string(
        2,
        1,
        "Every number is computed in its cell from the given values: change one of the framed "
        "amber cells, and all tables and charts follow.",
    )
    _write_given(sheet, look, problem)
    sheet.insert_image(
        GIVEN_ROW - 1,
        4,
        str(_PICTURE),
        {"x_offset": 12, "y_offset": 6, "x_scale": 0.72, "y_scale": 0.72,
         "description": _PICTURE_SAYS, "object_position": 3},
    )  # fmt: skip
    _write_rates(sheet, look, runs, iterations + 1)
    for row, log in ((GIVEN_ROW - 2, False), (GIVEN_ROW + 15, True)):
        _insert_chart(sheet, workbook, runs, iterations + 1, row, log=log)


def _set_up_page(sheet: Worksheet, rows: int) -> None:
    sheet.hide_gridlines(2)
    sheet.set_default_row(15)
    sheet.set_tab_color(ROLE_SHADES[Role.GIVEN].strong)
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.print_area(0, 0, rows, len(_WIDTHS) + 9)
    sheet.set_footer("&L&8&F  ·  &A&R&8page &P of &N")


def _write_given(sheet: Worksheet, look: Look, problem: Problem) -> None:
    sheet.write_string(GIVEN_ROW - 2, 1, "Given values: type here", look.section)
    sheet.write_string(GIVEN_ROW - 2, 4, "The network", look.section)
    link = f"internal:'{EQUATIONS_PAGE}'!A1"
    sheet.write_url(GIVEN_ROW - 2, 5, link, look.link, "The equations, explained →")
    header = look.header(ROLE_SHADES[Role.GIVEN], align="left")
    indented = look.format(font_color=FAINT, indent=1)
    for column, title in enumerate(("name", "value", "  what it is"), 1):
        sheet.write_string(GIVEN_ROW - 1, column, title, header)
    for name, (row, column) in GIVEN.items():
        role = Role.GIVEN if name in (*INPUTS, *TARGETS) else Role.WEIGHT
        bold = look.format(bold=True, font_color=ROLE_SHADES[role].strong)
        what = _CONNECTIONS.get(name) or f"{'input' if name in INPUTS else 'target'} {name[1:]}"
        sheet.write_string(row, column - 1, name, bold)
        sheet.write_number(row, column, problem.given[name], look.input)
        sheet.write_string(row, column + 1, what, indented)
    first, last = next(iter(GIVEN.values())), list(GIVEN.values())[-1]
    sheet.data_validation(
        *first,
        *last,
        {
            "validate": "decimal",
            "criteria": "between",
            "minimum": -LARGEST,
            "maximum": LARGEST,
            "ignore_blank": False,
            "input_title": "A given value",
            "input_message": "Type any number: all tables and charts follow.",
            "error_title": "A given value",
            "error_message": "This must be a number from -1E+40 to 1E+40; beyond that a cell could "
            "overflow what a spreadsheet can hold.",
        },
    )


def _write_rates(sheet: Worksheet, look: Look, runs: Sequence[Run], rows: int) -> None:
    sheet.write_string(RATES_ROW - 1, 1, "Learning rates", look.section)
    headers = (
        LEARNING_RATE, "first E_total", "last E_total",
        f"iterations to E_total < {LOW_ERROR}", "table", "charts",
    )  # fmt: skip
    header = look.header(ROLE_SHADES[Role.ERROR], align="left")
    for column, title in enumerate(headers, RATES_COLUMN):
        sheet.write_string(RATES_ROW, column, title, header)
    left = look.cell(align="left")
    number = look.cell(DECIMALS, align="left")
    total = xl_col_to_name(COLUMN_OF["E_total"])
    last = FIRST_ROW + rows
    for row, run in enumerate(runs, RATES_ROW + 1):
        cells = f"'{run.sheet}'!{total}{FIRST_ROW + 1}:{total}{last}"
        steps = f"'{run.sheet}'!A{FIRST_ROW + 1}:A{last}"
        # The smallest iteration among those below: MINIFS says it too, but only since Excel 2019.
        reached = (
            f"IF(MIN({cells})<{LOW_ERROR},SUMPRODUCT(MIN({steps}+1E+9*({cells}>={LOW_ERROR}))),"
            f'"{NEVER}")'
        )

        def write(column: int, formula: str, *format_and_value: object, row: int = row) -> None:
            sheet.write_formula(row, column, ReadyFormula(formula), *format_and_value)

        rate = look.cell(align="left", bold=True)
        write(RATES_COLUMN, on_sheet(run.sheet, *RATE_CELL), rate, run.learning_rate)
        write(RATES_COLUMN + 1, f"'{run.sheet}'!{total}{FIRST_ROW + 1}", number, run.first)
        write(RATES_COLUMN + 2, f"'{run.sheet}'!{total}{last}", number, run.last)
        value = NEVER if run.reached is None else run.reached
        write(RATES_COLUMN + 3, reached, left, value)
        place = f"internal:'{run.sheet}'!"
        sheet.write_url(row, RATES_COLUMN + 4, f"{place}A1", look.link, "table →")
        sheet.write_url(row, RATES_COLUMN + 5, f"{place}{CHARTS_CELLS}", look.link, "charts →")
    columns = RATES_COLUMN + 1, RATES_COLUMN + 2
    shorten_large_numbers(sheet, look, RATES_ROW + 1, columns[0], RATES_ROW + len(runs), columns[1])
    note = "Each η is typed on its own sheet."
    if rows > CHART_ROWS:
        note += f" Charts show the first {CHART_ROWS:,} of {rows:,} rows."
    sheet.write_string(RATES_ROW + len(runs) + 2, 1, note, look.note)


def _insert_chart(
    sheet: Worksheet, workbook: Workbook, runs: Sequence[Run], rows: int, at: int, *, log: bool
) -> None:
    rows = min(rows, CHART_ROWS)
    title = "E_total on a logarithmic axis" if log else "E_total at each learning rate η"
    y_axis = "E_total (a value of 0 has no place here)" if log else "E_total"
    chart = line_chart(workbook, title, ITERATION, y_axis, rows - 1, log=log)
    for index, run in enumerate(runs):
        chart.add_series(
            {
                "name": [OVERVIEW, RATES_ROW + 1 + index, RATES_COLUMN],
                "categories": table_range(run.sheet, ITERATION, rows),
                "values": table_range(run.sheet, "E_total", rows),
                "line": line_style(index),
            }
        )
    chart.set_size(_CHART_SIZE)
    sheet.insert_chart(
        at, len(_WIDTHS), chart, {"object_position": 3, "description": f"{title}, over iterations"}
    )
