"""Write gradient descent on an exercise, at several learning rates, as one workbook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from xlsxwriter import Workbook

from backprop_sheet.equations.descent import Rows, descend
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.exercise_text import to_toml
from backprop_sheet.exercise.model import Exercise, Sample
from backprop_sheet.exercise.sheet_names import EQUATIONS, GRADIENT_CHECK, OVERVIEW, SAMPLES
from backprop_sheet.workbook.added_columns import AddedValues
from backprop_sheet.workbook.chart_points import ChartPoints
from backprop_sheet.workbook.equations_sheet import write_equations
from backprop_sheet.workbook.gradient_check import write_gradient_check
from backprop_sheet.workbook.layout import (
    FIRST_ROW,
    SHEET_ROWS,
    WorkbookLayout,
)
from backprop_sheet.workbook.learning_rate_sheet import LearningRateSheet
from backprop_sheet.workbook.network_diagram import draw_network
from backprop_sheet.workbook.overview import (
    LOW_ERROR,
    OverviewContent,
    Run,
    first_full_row,
    picture_rows,
    write_overview,
)
from backprop_sheet.workbook.samples_sheet import write_samples
from backprop_sheet.workbook.table_formulas import TableFormulas
from backprop_sheet.workbook.typed_limits import TypedLimits
from gradsheet.errors import InvalidInputError
from gradsheet.excel.fast_writing import fast_compression
from gradsheet.excel.provenance import EXERCISE, STUDENT_PROPERTY, has_provenance, set_provenance
from gradsheet.excel.styles import Styles, default_format
from gradsheet.files import temporary_folder

_CELL_BYTES = 150  # of XML per cell, an upper estimate


def table_rows(exercise: Exercise) -> int:
    """Return the number of rows of each table, those of iteration 0 included."""
    return system_of(exercise).table_rows(exercise.training.iterations)


def error_name(exercise: Exercise) -> str:
    """Return the error by which results are compared: E_total, or E_mean for several samples."""
    return system_of(exercise).compared_error


def check_size(exercise: Exercise) -> None:
    """Check that the tables fit into their sheets.

    Raises:
        InvalidInputError: more iterations than a sheet has rows for.
    """
    rows = system_of(exercise).rows_per_iteration
    max_iterations = (SHEET_ROWS - FIRST_ROW) // rows - 1
    if exercise.training.iterations > max_iterations:
        raise InvalidInputError(
            f"iterations must be 1 to {max_iterations:,}, got {exercise.training.iterations:,}: a "
            f"sheet has {SHEET_ROWS:,} rows, and an iteration takes {rows}"
        )


def write_workbook(
    exercise: Exercise,
    path: Path,
    *,
    student_id: str = "",
    progress: Callable[[], None] = lambda: None,
) -> list[Run]:
    """Write the workbook.

    Each row is written as soon as it is computed, so that memory does not grow with the number of
    iterations.

    Args:
        student_id: whose numbers they are, as the course system calls the student; "" for nobody's.
        progress: called after each iteration of all learning rates, iterations + 1 times.

    Returns:
        The result of each learning rate, in the exercise's order.

    Raises:
        InvalidInputError: the exercise's tables or formulas do not fit into a sheet.
        CannotWriteError: its temporary parts cannot be written.
        OSError, FileCreateError: the file cannot be written.
    """
    exercise = as_written(exercise)
    check_size(exercise)
    system = system_of(exercise)
    with temporary_folder() as parts:
        return _write(exercise, system, path, parts, progress, student_id)


def _write(
    exercise: Exercise,
    system: EquationSystem,
    path: Path,
    parts: str,
    progress: Callable[[], None],
    student_id: str,
) -> list[Run]:
    rates, iterations = exercise.training.learning_rates, exercise.training.iterations
    limits, diagram = TypedLimits.of(exercise), draw_network(system)
    layout = WorkbookLayout(system, len(rates), picture_rows(diagram))
    formulas = TableFormulas(layout)
    formulas.check_lengths(iterations)
    workbook = _new_workbook(exercise, layout, path, parts, student_id)
    styles = Styles(workbook)
    formulas.set_formats(styles)
    overview, equations = workbook.add_worksheet(OVERVIEW), workbook.add_worksheet(EQUATIONS)
    write_equations(equations, styles, formulas)
    if system.has_sample_column:
        write_samples(workbook.add_worksheet(SAMPLES), styles, exercise, layout, limits.value)
    sheets = [
        LearningRateSheet(workbook, styles, layout, rate, iterations, limits.learning_rate)
        for rate in rates
    ]
    gradient_check = workbook.add_worksheet(GRADIENT_CHECK)

    results = _Results(layout, exercise)
    added = AddedValues(layout.added, system)
    for iteration, values in enumerate(descend(exercise, system, rates, iterations)):
        _write_iteration(sheets, formulas, iteration, {**values, **added.of(values)})
        if iteration == 0:
            first_rows = {name: values[name][0].copy() for name in layout.header}
            write_gradient_check(gradient_check, styles, layout, sheets[0].name, first_rows)
        results.add(iteration, values)
        progress()
    runs, series = results.runs([sheet.name for sheet in sheets]), results.points.by_rate()
    for sheet, of_sheet in zip(sheets, series, strict=True):
        sheet.add_charts(of_sheet)
    content = OverviewContent(exercise, layout, diagram, limits, runs, series)
    write_overview(overview, workbook, styles, content)
    with fast_compression():
        workbook.close()
    return runs


def _new_workbook(
    exercise: Exercise, layout: WorkbookLayout, path: Path, parts: str, student_id: str
) -> Workbook:
    workbook = Workbook(
        str(path),
        {
            "constant_memory": True,
            "tmpdir": parts,
            "default_format_properties": default_format(),
        },
    )
    training = exercise.training
    cells = layout.system.table_rows(training.iterations) * len(layout.all_columns)
    if cells * len(training.learning_rates) * _CELL_BYTES > 2**31:
        workbook.use_zip64()
    set_provenance(
        workbook,
        EXERCISE,
        "Backpropagation, cell by cell",
        carried=to_toml(exercise),
        properties={STUDENT_PROPERTY: student_id} if student_id else {},
    )
    return workbook


class _Results:
    """The results of all learning rates, collected while the tables are written.

    Attributes:
        points: the numbers that the charts draw.
    """

    def __init__(self, layout: WorkbookLayout, exercise: Exercise) -> None:
        iterations, rates = exercise.training.iterations, exercise.training.learning_rates
        self.points = ChartPoints(layout, len(rates), iterations)
        self._rates, self._error = rates, layout.error
        self._first: list[float] = []
        self._last: list[float] = []
        self._reached: list[int | None] = [None] * len(rates)
        rows = layout.system.table_rows(iterations)
        self._counts_from = first_full_row(layout, rows) // layout.system.rows_per_iteration

    def add(self, iteration: int, values: Rows) -> None:
        """Add an iteration's values."""
        self.points.add(iteration, values)
        self._last = values[self._error][:, 0].tolist()
        self._first = self._first or self._last
        if iteration >= self._counts_from:
            for index, error in enumerate(self._last):
                if error < LOW_ERROR and self._reached[index] is None:
                    self._reached[index] = iteration

    def runs(self, sheets: Sequence[str]) -> list[Run]:
        """Return the result of each learning rate, whose sheets have these names."""
        columns = self._rates, sheets, self._first, self._last, self._reached
        return [Run(*run) for run in zip(*columns, strict=True)]


def _write_iteration(
    sheets: list[LearningRateSheet], formulas: TableFormulas, iteration: int, values: Rows
) -> None:
    """Write an iteration's rows to every sheet."""
    layout = formulas.layout
    table = np.array([values[name] for name in layout.all_columns])  # (columns, rates, rows)
    table += 0.0  # turns -0.0 into 0.0, as spreadsheets have no -0
    in_later_rows = [layout.has_cell(name, 1) for name in layout.all_columns]
    by_row = [table[:, :, 0].T.tolist(), *table[in_later_rows, :, 1:].transpose(2, 1, 0).tolist()]
    for block_row, of_rates in enumerate(by_row):
        filled = formulas.row(iteration, block_row)
        for sheet, row_values in zip(sheets, of_rates, strict=True):
            sheet.write_row(filled, row_values)


def written_by_gradsheet(path: Path) -> bool:
    """Whether a file is a workbook of :func:`write_workbook`, even if Excel saved it again."""
    return has_provenance(path, EXERCISE)


def as_written(exercise: Exercise) -> Exercise:
    """Return the exercise with its numbers rounded to 16 digits, as XlsxWriter writes them.

    The stored values are then computed from the same numbers as in the cells.
    """

    def typed(numbers: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(float(f"{number:.16G}") for number in numbers)

    training = exercise.training
    return replace(
        exercise,
        weights=typed(exercise.weights),
        biases=typed(exercise.biases),
        samples=tuple(
            Sample(typed(sample.inputs), typed(sample.targets)) for sample in exercise.samples
        ),
        training=replace(
            training,
            learning_rates=tuple(dict.fromkeys(typed(training.learning_rates))),
            hyperparameters=dict(
                zip(
                    training.hyperparameters,
                    typed(tuple(training.hyperparameters.values())),
                    strict=True,
                )
            ),
        ),
    )
