"""The sheet of one learning rate: η, the table row by row, and its charts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.descent import LARGEST
from backprop_sheet.equations import COLUMNS, LEARNING_RATE, TARGETS, WEIGHTS, Role
from backprop_sheet.layout import (
    BAND_ROW,
    CHART_ROWS,
    COLUMN_OF,
    EQUATIONS_PAGE,
    FIRST_ROW,
    HEADER,
    HEADER_ROW,
    ITERATION,
    OVERVIEW,
    RATE_CELL,
    ROLE_SHADES,
    first_row_formula,
    sheet_name,
    table_formula,
    table_range,
)
from common.formulas import ReadyFormula
from common.look import (
    DECIMALS,
    FAINT,
    LINE_COLOURS,
    PLAIN,
    Look,
    line_chart,
    line_style,
    shorten_large_numbers,
)

_CHART_SIZE = {"width": 600, "height": 340}
_CHARTS_COLUMN = len(HEADER) + 1
CHARTS_CELLS = "AH7:AP23"  # the first chart; a link to all its cells scrolls it into view

_BELOW_FIRST = "\n".join(map(table_formula, HEADER))


def row_formulas(row: int) -> list[ReadyFormula]:
    """The formulas of a row of the table, one a column; they are the same for every rate.

    Args:
        row: counts from 0, and is below the table's first.
    """
    written = _BELOW_FIRST.format(row=row + 1, above=row)
    return [ReadyFormula(formula) for formula in written.split("\n")]


FIRST_ROW_FORMULAS = [ReadyFormula(first_row_formula(name)) for name in COLUMNS]


class RateSheet:
    """A sheet that takes the table's rows from the top down and keeps none of them."""

    def __init__(self, workbook: Workbook, look: Look, rate: float, iterations: int) -> None:
        self.name = sheet_name(rate)
        self.rate, self.rows = rate, iterations + 1
        self._workbook, self._look = workbook, look
        self._sheet: Worksheet = workbook.add_worksheet(self.name)
        self._formats = [look.cell("0", align="center", font_color=FAINT), *self._body()]
        self._set_up_page()
        self._write_top()
        last = FIRST_ROW + self.rows - 1
        shorten_large_numbers(self._sheet, look, FIRST_ROW, 1, last, len(HEADER) - 1)
        self._add_charts()

    def write_first_row(self, values: Sequence[float]) -> None:
        """The table's row of iteration 0: ``values`` has a number for each of ``COLUMNS``."""
        write = self._sheet.write_formula
        self._sheet.write_number(FIRST_ROW, 0, 0, self._formats[0])
        cells = zip(FIRST_ROW_FORMULAS, self._formats[1:], values, strict=True)
        for column, (formula, cell_format, value) in enumerate(cells, 1):
            write(FIRST_ROW, column, formula, cell_format, value)

    def write_row(self, row: int, formulas: Sequence[str], values: Sequence[float]) -> None:
        """One more row: of :func:`row_formulas`, with a number for each of ``HEADER``."""
        write = self._sheet.write_formula
        cells = zip(formulas, self._formats, values, strict=True)
        for column, (formula, cell_format, value) in enumerate(cells):
            write(row, column, formula, cell_format, value)

    def _body(self) -> list:
        starts = {next(names) for _, names in groupby(COLUMNS, COLUMNS.get)}
        return [
            self._look.cell(PLAIN if role is Role.GIVEN else DECIMALS, group_starts=name in starts)
            for name, role in COLUMNS.items()
        ]

    def _set_up_page(self) -> None:
        sheet = self._sheet
        sheet.set_default_row(15)
        sheet.set_column(0, 0, 10)
        for name, role in COLUMNS.items():
            width = 7.5 if role is Role.GIVEN else 10
            sheet.set_column(COLUMN_OF[name], COLUMN_OF[name], width)
        sheet.freeze_panes(FIRST_ROW, 1)
        sheet.hide_gridlines(2)
        sheet.set_tab_color(ROLE_SHADES[Role.WEIGHT].strong)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.repeat_rows(BAND_ROW, HEADER_ROW)
        sheet.repeat_columns(0)
        # 32 columns on one page would be too small to read: the iteration's way there (to w8) on
        # one page, and what comes of it on the next.
        sheet.set_v_pagebreaks([COLUMN_OF["o1"]])
        sheet.set_print_scale(78)
        sheet.print_area(0, 0, FIRST_ROW + self.rows - 1, len(HEADER) - 1)
        sheet.set_footer("&L&8&F  ·  &A&R&8page &P of &N")

    def _write_top(self) -> None:
        sheet, look = self._sheet, self._look
        sheet.set_row(0, 26)
        sheet.write_string(0, 0, "Gradient descent, iteration by iteration", look.title)
        link = look.link
        sheet.write_url(1, 0, f"internal:'{OVERVIEW}'!A1", link, "← Overview")
        sheet.write_url(1, 2, f"internal:'{EQUATIONS_PAGE}'!A1", link, "Equations")
        charts = f"internal:'{self.name}'!{CHARTS_CELLS}"
        sheet.write_url(1, 4, charts, link, "Charts: to the right of the table →")
        if self.rows > CHART_ROWS:
            sheet.write_string(
                1,
                8,
                f"The charts show the first {CHART_ROWS:,} of {self.rows:,} rows: older Excel "
                "draws no more points of one line.",
                look.note,
            )
        row, column = RATE_CELL
        sheet.set_row(row, 18)
        eta = look.format(bold=True, align="right", font_size=12)
        sheet.write_string(row, column - 1, LEARNING_RATE, eta)
        sheet.write_number(row, column, self.rate, look.input)
        sheet.data_validation(
            row,
            column,
            row,
            column,
            {
                "validate": "decimal",
                "criteria": "between",
                "minimum": 1e-300,
                "maximum": LARGEST,
                "ignore_blank": False,
                "input_title": "Learning rate η",
                "input_message": "A number above 0. Table, charts and Overview follow.",
                "error_title": "Learning rate η",
                "error_message": "η must be a number above 0 (and not above 1E+40).",
            },
        )
        hint = "the learning rate: change it here, and this sheet and the Overview follow"
        sheet.write_string(row, column + 1, hint, look.format(font_color=FAINT, indent=1))

        column = 1
        for role, names in groupby(COLUMNS.values()):
            width = len(list(names))
            band = look.band(ROLE_SHADES[role])
            sheet.merge_range(BAND_ROW, column, BAND_ROW, column + width - 1, str(role), band)
            column += width
        sheet.set_row(HEADER_ROW, 18)
        sheet.write_string(HEADER_ROW, 0, ITERATION, look.header(ROLE_SHADES[Role.GRADIENT]))
        for name, role in COLUMNS.items():
            header = look.header(ROLE_SHADES[role])
            sheet.write_string(HEADER_ROW, COLUMN_OF[name], name, header)

    def _add_charts(self) -> None:
        rows = min(self.rows, CHART_ROWS)
        outputs, targets = ("a_o1", "a_o2"), TARGETS
        solid = {name: line_style(index) for index, name in enumerate(outputs)}
        dashed = {
            name: {"color": LINE_COLOURS[index], "width": 1.5, "dash_type": "dash"}
            for index, name in enumerate(targets)
        }
        total = {"E_total": {"color": ROLE_SHADES[Role.ERROR].strong, "width": 2}}
        weights = {name: line_style(index) for index, name in enumerate(WEIGHTS)}
        for title, y_axis, lines, place in (
            ("E_total", "E_total", total, (0, 0)),
            ("The two outputs and their targets", "output", solid | dashed, (0, 1)),
            ("The eight weights", "weight", weights, (1, 0)),
        ):
            chart = line_chart(self._workbook, title, ITERATION, y_axis, rows - 1)
            for name, line in lines.items():
                chart.add_series(
                    {
                        "name": [self.name, HEADER_ROW, COLUMN_OF[name]],
                        "categories": table_range(self.name, ITERATION, rows),
                        "values": table_range(self.name, name, rows),
                        "line": line,
                    }
                )
            if len(lines) == 1:
                chart.set_legend({"none": True})
            chart.set_size(_CHART_SIZE)
            down, across = place
            self._sheet.insert_chart(
                FIRST_ROW,
                _CHARTS_COLUMN,
                chart,
                {
                    "x_offset": across * (_CHART_SIZE["width"] + 15),
                    "y_offset": down * (_CHART_SIZE["height"] + 15) + 5,
                    "object_position": 3,
                    "description": f"{title} over the iterations, at this sheet's η",
                },
            )
