"""The sheet of one learning rate: η, the table row by row, and its charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, SAMPLE
from backprop_sheet.exercise.sheet_names import EQUATIONS, OVERVIEW
from backprop_sheet.workbook.chart_points import Series
from backprop_sheet.workbook.input_validation import excel_number, number_validation
from backprop_sheet.workbook.layout import (
    BAND_ROW,
    CHART_ROWS,
    FIRST_ROW,
    HEADER_ROW,
    RATE_CELL,
    ROLE_COLORS,
    WorkbookLayout,
    sheet_name,
    shortest,
)
from gradsheet.excel.fast_writing import FilledRow, ReadyFormula, RowWriter
from gradsheet.excel.styles import (
    FAINT,
    LINE_COLORS,
    Styles,
    line_chart,
    line_style,
    set_page,
    shorten_large_numbers,
    shorten_zeros,
    show_decimals,
)

_CHART_SIZE = {"width": 600, "height": 340}
_MAX_LEGEND = 24  # lines that fit into a legend
_PAGE_WIDTH = 165  # of a printed page, in characters
_GIVEN_WIDTH, _WIDTH = 7.5, 10


class LearningRateSheet:
    """The sheet of one learning rate. Rows are written from the top down and not kept."""

    def __init__(
        self,
        workbook: Workbook,
        styles: Styles,
        layout: WorkbookLayout,
        rate: float,
        iterations: int,
        largest_rate: float,
    ) -> None:
        self.name = sheet_name(rate)
        self.rate, self.rows = rate, layout.system.table_rows(iterations)
        self._layout, self._system = layout, layout.system
        self._workbook, self._styles = workbook, styles
        self._sheet: Worksheet = workbook.add_worksheet(self.name)
        self._rows = RowWriter(self._sheet)
        self._set_up_page()
        self._write_top(largest_rate)
        self._write_headers()
        last = FIRST_ROW + self.rows - 1
        area = FIRST_ROW, 1, last, len(layout.all_columns) - 1
        shorten_zeros(self._sheet, styles, *area)
        shorten_large_numbers(self._sheet, styles, *area)
        columns = layout.first_computed_column, len(layout.all_columns) - 1
        show_decimals(self._sheet, styles, FIRST_ROW, columns[0], last, columns[1])

    def write_row(self, filled: FilledRow, values: Sequence[float]) -> None:
        """Write the next row, with a number for each column of the table."""
        self._rows.write(filled, values)

    def add_charts(self, points: Series) -> None:
        """Add the charts, which also hold these points."""
        self._points = points
        self._add_charts()

    def _width(self, name: str) -> float:
        given = name == SAMPLE or self._system.columns.get(name) is Role.GIVEN
        return _GIVEN_WIDTH if given else max(_WIDTH, len(name) + 2)

    def _set_up_page(self) -> None:
        sheet = self._sheet
        set_page(sheet, tab_color=ROLE_COLORS[Role.WEIGHT].strong, fit=None)
        sheet.set_column(0, 0, _WIDTH)
        for name in self._layout.all_columns[1:]:
            column = self._layout.column_of[name]
            sheet.set_column(column, column, self._width(name))
        frozen = 2 if self._system.has_sample_column else 1
        sheet.freeze_panes(FIRST_ROW, frozen)
        sheet.repeat_rows(BAND_ROW, HEADER_ROW)
        sheet.repeat_columns(0, frozen - 1)
        sheet.set_v_pagebreaks(self._page_breaks(frozen))
        sheet.set_print_scale(78)
        sheet.print_area(0, 0, FIRST_ROW + self.rows - 1, len(self._layout.all_columns) - 1)

    def _page_breaks(self, frozen: int) -> list[int]:
        """Return the columns that start a printed page: the first of a group where possible."""
        start = _WIDTH + (frozen - 1) * _GIVEN_WIDTH  # of the columns that every page repeats
        breaks: list[int] = []
        used = start
        for _, _, group in self._layout.groups:
            width = sum(map(self._width, group))
            if used > start and used + width > _PAGE_WIDTH:
                breaks.append(self._layout.column_of[group[0]])
                used = start
            for name in group:
                if used + self._width(name) > _PAGE_WIDTH:
                    breaks.append(self._layout.column_of[name])
                    used = start
                used += self._width(name)
        if breaks:  # the last page has at least four columns
            breaks[-1] = min(breaks[-1], len(self._layout.all_columns) - 4)
        return breaks

    def _write_top(self, largest_rate: float) -> None:
        sheet, styles = self._sheet, self._styles
        sheet.set_row(0, 26)
        # The sheet's name has the learning rate that it was written with, also if η is changed.
        title = f"Training at {LEARNING_RATE} = "
        formula = f'"{title}"&{xl_rowcol_to_cell(*RATE_CELL)}'
        value = f"{title}{shortest(self.rate).upper()}"
        sheet.write_formula(0, 0, ReadyFormula(formula), styles.title, value)
        link = styles.link()
        sheet.write_url(1, 0, f"internal:'{OVERVIEW}'!A1", link, "← Overview")
        sheet.write_url(1, 2, f"internal:'{EQUATIONS}'!A1", link, "Equations")
        charts = f"internal:'{self.name}'!{self._layout.charts_cells}"
        sheet.write_url(1, 4, charts, link, "Charts: to the right of the table →")
        if self.rows > CHART_ROWS:
            sheet.write_string(
                1,
                9,
                f"The charts show the first {CHART_ROWS:,} of {self.rows:,} rows, as older "
                "versions of Excel cannot draw more points.",
                styles.note,
            )
        row, column = RATE_CELL
        sheet.set_row(row, 18)
        eta = styles.format(bold=True, align="right", font_size=12)
        sheet.write_string(row, column - 1, LEARNING_RATE, eta)
        sheet.write_number(row, column, self.rate, styles.input)
        sheet.data_validation(
            row,
            column,
            row,
            column,
            number_validation(
                "Learning rate η",
                1e-300,
                largest_rate,
                prompt="A number above 0. The table, the charts and the Overview are recalculated.",
                error=f"η must be above 0 and at most {excel_number(largest_rate)}.",
            ),
        )
        hint = "the learning rate: change it, and this sheet and the Overview are recalculated"
        sheet.write_string(row, column + 1, hint, styles.format(font_color=FAINT, indent=1))

    def _write_headers(self) -> None:
        sheet, styles, layout = self._sheet, self._styles, self._layout
        colors_of = dict.fromkeys(layout.header, ROLE_COLORS[Role.GRADIENT])
        for title, colors, names in layout.groups:
            first, last = layout.column_of[names[0]], layout.column_of[names[-1]]
            if last > first:
                sheet.merge_range(BAND_ROW, first, BAND_ROW, last, title, styles.band(colors))
            else:
                sheet.write_string(BAND_ROW, first, title, styles.band(colors))
            colors_of |= dict.fromkeys(names, colors)
        sheet.set_row(HEADER_ROW, 18)
        for name, column in layout.column_of.items():
            sheet.write_string(HEADER_ROW, column, name, styles.header(colors_of[name]))

    def _add_charts(self) -> None:
        system, error = self._system, self._layout.error
        several = system.has_sample_column
        outputs = [activation for _, activation in system.outputs]
        if several:
            # Neighboring rows belong to different samples: draw points, not lines.
            lines = {
                name: {"marker": _marker("circle", index), "line": {"none": True}}
                for index, name in enumerate(outputs)
            }
            title = "The outputs, one point per sample"
        else:
            lines = {name: {"line": line_style(index)} for index, name in enumerate(outputs)}
            for index, name in enumerate(system.targets):
                color = LINE_COLORS[index % len(LINE_COLORS)]
                lines[name] = {"line": {"color": color, "width": 1.5, "dash_type": "dash"}}
            title = "Outputs and targets" if len(outputs) > 1 else "The output and its target"
        self._add_chart(title, "output", lines, (0, 1))
        title = f"{error}, the mean over the samples" if several else error
        total = {error: {"line": {"color": ROLE_COLORS[Role.ERROR].strong, "width": 2}}}
        self._add_chart(title, error, total, (0, 0))
        trains_biases = bool(set(system.trained) & {*system.biases})
        title = "The weights and biases" if trains_biases else "The weights"
        parameters = {name: {"line": line_style(n)} for n, name in enumerate(system.trained)}
        self._add_chart(title, "value", parameters, (1, 0))

    def _add_chart(
        self, title: str, y_axis: str, lines: dict[str, dict[str, Any]], place: tuple[int, int]
    ) -> None:
        layout = self._layout
        rows = min(self.rows, CHART_ROWS)
        last_iteration = (rows - 1) // self._system.rows_per_iteration
        chart = line_chart(self._workbook, title, ITERATION, y_axis, last_iteration)
        for name, style in lines.items():
            chart.add_series(
                {
                    "name": [self.name, HEADER_ROW, layout.column_of[name]],
                    "name_data": [name],
                    "categories": layout.table_range(self.name, ITERATION, rows),
                    "categories_data": self._points[ITERATION],
                    "values": layout.table_range(self.name, name, rows),
                    "values_data": self._points[name],
                    **style,
                }
            )
        if not 1 < len(lines) <= _MAX_LEGEND:
            chart.set_legend({"none": True})
        chart.set_size(_CHART_SIZE)
        down, across = place
        self._sheet.insert_chart(
            FIRST_ROW,
            layout.charts_column,
            chart,
            {
                "x_offset": across * (_CHART_SIZE["width"] + 15),
                "y_offset": down * (_CHART_SIZE["height"] + 15) + 5,
                "object_position": 3,
                "description": f"{title}, by iteration, at the learning rate of this sheet",
            },
        )


def _marker(kind: str, index: int) -> dict[str, Any]:
    color = {"color": LINE_COLORS[index % len(LINE_COLORS)]}
    return {"type": kind, "size": 3, "fill": color, "border": color}
