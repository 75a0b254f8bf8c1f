"""The sheet Overview: the exercise, its given values, the network, and all learning rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from backprop_sheet.equations.columns import Role
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE
from backprop_sheet.exercise.choices import hyperparameter_key
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.sheet_names import EQUATIONS, GRADIENT_CHECK, OVERVIEW, SAMPLES
from backprop_sheet.explanation.sentences import connection_text
from backprop_sheet.workbook.chart_points import Series
from backprop_sheet.workbook.input_validation import number_validation, value_validation
from backprop_sheet.workbook.layout import (
    CHART_ROWS,
    FIRST_ROW,
    GIVEN_COLUMN,
    OVERVIEW_FIRST_ROW,
    RATE_CELL,
    RATES_COLUMN,
    ROLE_COLORS,
    WorkbookLayout,
    on_sheet,
    quoted,
)
from backprop_sheet.workbook.network_diagram import Diagram
from backprop_sheet.workbook.table_formulas import describe_updates
from backprop_sheet.workbook.typed_limits import TypedLimits
from gradsheet.excel.fast_writing import ReadyFormula
from gradsheet.excel.styles import (
    DECIMALS,
    FAINT,
    Styles,
    line_chart,
    line_style,
    set_page,
    shorten_large_numbers,
    show_decimals,
)

LOW_ERROR = 0.01
NEVER = "not reached"

_WIDTHS = (2, 12, 14, 14, 26, 10, 10, 17, 2)
_PICTURE_COLUMN, _STRETCHED_COLUMN = 4, 7
_PICTURE_OFFSET = (12, 6)
_CHART_SIZE = {"width": 620, "height": 318}
_CHART_ROWS = 17  # the height of a chart in rows of the sheet
_MAX_LEGEND = 24


@dataclass(frozen=True)
class Run:
    """The result of one learning rate.

    Attributes:
        sheet: the name of its sheet.
        first: the error at the first iteration.
        last: the error at the last iteration.
        reached: the first iteration with an error below 0.01, or None.
    """

    learning_rate: float
    sheet: str
    first: float
    last: float
    reached: int | None


@dataclass(frozen=True)
class OverviewContent:
    """What the sheet shows.

    Attributes:
        points: what the charts hold of each learning rate's table.
    """

    exercise: Exercise
    layout: WorkbookLayout
    diagram: Diagram
    limits: TypedLimits
    runs: Sequence[Run]
    points: Sequence[Series]

    @property
    def rows(self) -> int:
        """The number of rows of a learning rate's table."""
        return self.layout.system.table_rows(self.exercise.training.iterations)


def picture_rows(diagram: Diagram) -> int:
    """Return the number of rows that the diagram covers."""
    return -(-(diagram.height + _PICTURE_OFFSET[1]) // 20)


def write_overview(
    sheet: Worksheet, workbook: Workbook, styles: Styles, content: OverviewContent
) -> None:
    """Write the sheet, top to bottom."""
    layout = content.layout
    _set_up_page(sheet, layout, content.diagram)
    _write_title(sheet, styles, content.exercise, layout, len(content.runs))
    # In constant-memory mode, rows must be written in order.
    if layout.list_is_above:
        _write_given(sheet, styles, content)
    _write_rates(sheet, styles, layout, content.runs, content.rows)
    if not layout.list_is_above:
        _write_given(sheet, styles, content)
    for place, log in enumerate((False, True)):
        first_row = OVERVIEW_FIRST_ROW - 2 + place * _CHART_ROWS
        _insert_chart(sheet, workbook, content, first_row, log=log)


def _set_up_page(sheet: Worksheet, layout: WorkbookLayout, diagram: Diagram) -> None:
    set_page(sheet, tab_color=ROLE_COLORS[Role.GIVEN].strong)
    widths: list[float] = list(_WIDTHS)
    space = sum(7 * width + 5 for width in widths[_PICTURE_COLUMN:])
    missing = diagram.width + _PICTURE_OFFSET[0] + 8 - space
    if missing > 0:
        widths[_STRETCHED_COLUMN] += missing / 7
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    last_chart_row = OVERVIEW_FIRST_ROW - 2 + 2 * _CHART_ROWS
    sheet.print_area(0, 0, max(layout.last_overview_row, last_chart_row), len(_WIDTHS) + 9)


def _write_title(
    sheet: Worksheet, styles: Styles, exercise: Exercise, layout: WorkbookLayout, rates: int
) -> None:
    iterations = f"{exercise.training.iterations:,} iterations"
    if rates > 1:
        iterations += f" at each of {rates} learning rates"
    source = f" ({exercise.source})" if exercise.source else ""
    sheet.set_row(0, 30)
    sheet.write_string(0, 1, "Backpropagation, cell by cell", styles.title)
    sheet.write_string(1, 1, exercise.title + source, styles.format(bold=True))
    sheet.write_string(
        2,
        1,
        f"Training: {describe_updates(layout.system)}; {iterations}. Every number is computed from "
        "the given values: change one of the yellow cells, and all tables and charts are "
        "recalculated.",
    )


def _write_given(sheet: Worksheet, styles: Styles, content: OverviewContent) -> None:
    layout = content.layout
    system, title_row = layout.system, layout.given_row - 2
    several = system.has_sample_column
    title = "Parameters" if several else "Given values"
    sheet.write_string(title_row, 1, title, styles.section)
    if several:
        link = f"internal:'{SAMPLES}'!A1"
        sheet.write_url(title_row, 3, link, styles.link(), "The samples →")
    sheet.write_string(title_row, _PICTURE_COLUMN, "The network", styles.section)
    link = f"internal:'{EQUATIONS}'!A1"
    sheet.write_url(title_row, _PICTURE_COLUMN + 1, link, styles.link(), "The equations →")
    link = f"internal:'{GRADIENT_CHECK}'!A1"
    sheet.write_url(title_row, _PICTURE_COLUMN + 3, link, styles.link(), "Gradient check →")
    header = styles.header(ROLE_COLORS[Role.GIVEN], align="left")
    for column, title in enumerate(("name", "value", "  meaning"), 1):
        sheet.write_string(layout.given_row - 1, column, title, header)
    _write_given_cells(sheet, styles, content)
    first = layout.given_row
    last = first + len(layout.given) - len(system.hyperparameters) - 1
    validation = value_validation("Given value", content.limits.value)
    sheet.data_validation(first, GIVEN_COLUMN, last, GIVEN_COLUMN, validation)
    diagram = content.diagram
    sheet.insert_image(
        layout.given_row - 1,
        _PICTURE_COLUMN,
        "network.png",
        {"image_data": BytesIO(diagram.png), "x_offset": _PICTURE_OFFSET[0],
         "y_offset": _PICTURE_OFFSET[1], "x_scale": diagram.scale, "y_scale": diagram.scale,
         "description": diagram.description, "object_position": 3},
    )  # fmt: skip


def _write_given_cells(sheet: Worksheet, styles: Styles, content: OverviewContent) -> None:
    layout, system = content.layout, content.layout.system
    indented = styles.format(font_color=FAINT, indent=1)
    values = given_values(content.exercise, layout)
    for name in layout.given:
        row, column = layout.given_cell(name)
        role = system.columns.get(name, Role.STATE)
        bold = styles.format(bold=True, font_color=ROLE_COLORS[role].strong)
        sheet.write_string(row, column - 1, name, bold)
        sheet.write_number(row, column, values[name], styles.input)
        sheet.write_string(row, column + 1, meaning_of(layout, name), indented)
        if name in system.hyperparameters:
            low, high = content.limits.hyperparameters[name]
            validation = number_validation(
                f"The optimizer's {name}",
                low,
                high,
                prompt=f"A number from {low:g} to {high:g}.",
                error=f"{name} must be a number from {low:g} to {high:g}.",
            )
            sheet.data_validation(row, column, row, column, validation)


def given_values(exercise: Exercise, layout: WorkbookLayout) -> dict[str, float]:
    """Return the value of each name in the Overview's list of given values."""
    system, sample = layout.system, exercise.samples[0]
    values = dict(zip(system.parameters, (*exercise.weights, *exercise.biases), strict=True))
    values |= dict(zip(system.inputs, sample.inputs, strict=True))
    values |= dict(zip(system.targets, sample.targets, strict=True))
    return {**values, **system.hyperparameters}


def meaning_of(layout: WorkbookLayout, name: str) -> str:
    """Say in a few words what a given value is: ``i1 → h1`` for a weight."""
    system = layout.system
    if name in system.hyperparameters:
        return hyperparameter_key(system.training, name)
    if name in system.parameters:
        return connection_text(system, name)
    return f"{'input' if name in system.inputs else 'target'} {name[1:]}"


def _write_rates(
    sheet: Worksheet, styles: Styles, layout: WorkbookLayout, runs: Sequence[Run], rows: int
) -> None:
    error, header_row = layout.error, layout.rates_row
    sheet.write_string(header_row - 1, 1, "Learning rates", styles.section)
    headers = (
        LEARNING_RATE, f"first {error}", f"last {error}",
        f"iterations to {error} < {LOW_ERROR}", "table", "charts",
    )  # fmt: skip
    header = styles.header(ROLE_COLORS[Role.ERROR], align="left")
    for column, title in enumerate(headers, RATES_COLUMN):
        sheet.write_string(header_row, column, title, header)
    left = styles.cell(align="left")
    number = styles.cell(DECIMALS, align="left")
    total = layout.letter(error)
    first, last = FIRST_ROW + 1, FIRST_ROW + rows
    from_row = first + first_full_row(layout, rows)
    for row, run in enumerate(runs, header_row + 1):
        on_run = f"{quoted(run.sheet)}!"
        cells = f"{on_run}{total}{from_row}:{total}{last}"
        steps = f"{on_run}A{from_row}:A{last}"
        # The smallest iteration with an error below the limit. Excel has MINIFS only since 2019.
        reached = (
            f"IF(MIN({cells})<{LOW_ERROR},SUMPRODUCT(MIN({steps}+1E+9*({cells}>={LOW_ERROR}))),"
            f'"{NEVER}")'
        )

        def write(column: int, formula: str, *format_and_value: object, row: int = row) -> None:
            sheet.write_formula(row, column, ReadyFormula(formula), *format_and_value)

        rate = styles.cell(align="left", bold=True)
        write(RATES_COLUMN, on_sheet(run.sheet, *RATE_CELL), rate, run.learning_rate)
        write(RATES_COLUMN + 1, f"{on_run}{total}{first}", number, run.first)
        write(RATES_COLUMN + 2, f"{on_run}{total}{last}", number, run.last)
        value = NEVER if run.reached is None else run.reached
        write(RATES_COLUMN + 3, reached, left, value)
        place = f"internal:'{run.sheet}'!"
        sheet.write_url(row, RATES_COLUMN + 4, f"{place}A1", styles.link(), "table →")
        charts = f"{place}{layout.charts_cells}"
        sheet.write_url(row, RATES_COLUMN + 5, charts, styles.link(), "charts →")
    columns = RATES_COLUMN + 1, RATES_COLUMN + 2
    area = header_row + 1, columns[0], header_row + len(runs), columns[1]
    shorten_large_numbers(sheet, styles, *area)
    show_decimals(sheet, styles, *area)
    note = "To change a learning rate, open its table."
    if layout.system.has_sample_column:
        note += f" {error} is the mean over the samples."
    if rows > CHART_ROWS:
        note += f" The charts show the first {CHART_ROWS:,} of {rows:,} rows."
    gap = 2 if layout.list_is_above else 1
    sheet.write_string(header_row + len(runs) + gap, 1, note, styles.note)


def first_full_row(layout: WorkbookLayout, rows: int) -> int:
    """Return the first row, from 0, whose error includes all samples.

    With online updates, E_mean of the first rows is the mean over fewer samples.
    """
    system = layout.system
    turns = 1 if system.is_batch else system.sample_count
    return min(turns, rows) - 1


def _insert_chart(
    sheet: Worksheet, workbook: Workbook, content: OverviewContent, first_row: int, *, log: bool
) -> None:
    """Insert the chart of the error at every learning rate."""
    layout, error = content.layout, content.layout.error
    rows = min(content.rows, CHART_ROWS)
    title = f"{error} on a logarithmic axis" if log else f"{error} at each learning rate η"
    y_axis = f"{error} (values of 0 cannot be shown)" if log else error
    last_iteration = (rows - 1) // layout.system.rows_per_iteration
    chart = line_chart(workbook, title, ITERATION, y_axis, last_iteration, log=log)
    for index, (run, points) in enumerate(zip(content.runs, content.points, strict=True)):
        chart.add_series(
            {
                "name": [OVERVIEW, layout.rates_row + 1 + index, RATES_COLUMN],
                "name_data": [run.learning_rate],
                "categories": layout.table_range(run.sheet, ITERATION, rows),
                "categories_data": points[ITERATION],
                "values": layout.table_range(run.sheet, error, rows),
                "values_data": points[error],
                "line": line_style(index),
            }
        )
    if len(content.runs) > _MAX_LEGEND:
        chart.set_legend({"none": True})
    chart.set_size(_CHART_SIZE)
    options = {"object_position": 3, "description": f"{title}, over iterations"}
    sheet.insert_chart(first_row, len(_WIDTHS), chart, options)
