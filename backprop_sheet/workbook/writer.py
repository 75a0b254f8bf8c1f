"""Write gradient descent on an exercise, at several learning rates, as one workbook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from xlsxwriter import Workbook

from backprop_sheet.equations.descent import Rows, descend
from backprop_sheet.equations.names import MEAN_ERROR, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.exercise_text import to_toml
from backprop_sheet.exercise.model import Exercise, Sample
from backprop_sheet.workbook.added_columns import AddedValues
from backprop_sheet.workbook.chart_points import ChartPoints
from backprop_sheet.workbook.equations_sheet import write_equations
from backprop_sheet.workbook.gradient_check import write_gradient_check
from backprop_sheet.workbook.layout import (
    EQUATIONS,
    FIRST_ROW,
    GRADIENT_CHECK,
    OVERVIEW,
    SAMPLES,
    SHEET_ROWS,
    WorkbookLayout,
)
from backprop_sheet.workbook.learning_rate_sheet import LearningRateSheet
from backprop_sheet.workbook.network_diagram import draw_network
from backprop_sheet.workbook.overview import (
    LOW_ERROR,
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
from gradsheet.excel.provenance import EXERCISE, has_provenance, set_provenance
from gradsheet.excel.styles import PLAIN_TEXT, Styles
from gradsheet.files import temporary_folder

_CELL_BYTES = 150  # of XML per cell, an upper estimate


def table_rows(exercise: Exercise) -> int:
    """Return the number of rows of each table, those of iteration 0 included."""
    return (exercise.training.iterations + 1) * _rows_per_iteration(exercise)


def error_name(exercise: Exercise) -> str:
    """Return the error by which results are compared: E_total, or E_mean for several samples."""
    return MEAN_ERROR if len(exercise.samples) > 1 else TOTAL_ERROR


def check_size(exercise: Exercise) -> None:
    """Check that the tables fit into their sheets.

    Raises:
        InvalidInputError: more iterations than a sheet has rows for.
    """
    rows = _rows_per_iteration(exercise)
    max_iterations = (SHEET_ROWS - FIRST_ROW) // rows - 1
    if exercise.training.iterations > max_iterations:
        raise InvalidInputError(
            f"iterations must be 1 to {max_iterations:,}, got {exercise.training.iterations:,}: a "
            f"sheet has {SHEET_ROWS:,} rows, and an iteration takes {rows}"
        )


def _rows_per_iteration(exercise: Exercise) -> int:
    return 1 if exercise.training.update == "online" else len(exercise.samples)


def write_workbook(
    exercise: Exercise,
    path: Path,
    *,
    progress: Callable[[], None] = lambda: None,
) -> list[Run]:
    """Write the workbook.

    Each row is written as soon as it is computed, so that memory does not grow with the number of
    iterations.

    Args:
        progress: called after each iteration of all learning rates, iterations + 1 times.

    Returns:
        The result of each learning rate, in the exercise's order.

    Raises:
        InvalidInputError: the exercise's tables or formulas do not fit into a sheet.
        CannotWriteError: its temporary parts cannot be written.
        OSError, FileCreateError: the file cannot be written.
    """
    exercise = _as_written(exercise)
    check_size(exercise)
    system = system_of(exercise)
    with temporary_folder() as parts:
        return _write(exercise, system, path, parts, progress)


def _write(
    exercise: Exercise,
    system: EquationSystem,
    path: Path,
    parts: str,
    progress: Callable[[], None],
) -> list[Run]:
    rates, iterations = exercise.training.learning_rates, exercise.training.iterations
    limits, diagram = TypedLimits.of(exercise), draw_network(system)
    layout = WorkbookLayout(system, len(rates), picture_rows(diagram))
    formulas = TableFormulas(layout)
    formulas.check_lengths(iterations)
    workbook = Workbook(
        str(path),
        {
            "constant_memory": True,
            "tmpdir": parts,
            "default_format_properties": PLAIN_TEXT,
        },
    )
    rows = layout.table_rows(iterations)
    if rows * len(layout.all_columns) * _CELL_BYTES * len(rates) > 2**31:
        workbook.use_zip64()
    set_provenance(workbook, EXERCISE, "Backpropagation, cell by cell", carried=to_toml(exercise))
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

    added = AddedValues(layout.added, system)
    points = ChartPoints(layout, len(rates), iterations)
    first: list[float] = []
    last: list[float] = []
    reached: list[int | None] = [None] * len(rates)
    counts_from = first_full_row(layout, rows) // system.rows_per_iteration
    for iteration, values in enumerate(descend(exercise, system, rates, iterations)):
        _write_iteration(sheets, formulas, iteration, {**values, **added.of(values)})
        points.add(iteration, values)
        if iteration == 0:
            at_first = {name: values[name][0].copy() for name in layout.header}
            write_gradient_check(gradient_check, styles, layout, sheets[0].name, at_first)
        last = values[layout.error][:, 0].tolist()
        first = first or last
        for index, error in enumerate(last):
            if error < LOW_ERROR and reached[index] is None and iteration >= counts_from:
                reached[index] = iteration
        progress()

    runs = [
        Run(rate, sheet.name, *errors)
        for rate, sheet, *errors in zip(rates, sheets, first, last, reached, strict=True)
    ]
    series = points.by_rate()
    for sheet, of_sheet in zip(sheets, series, strict=True):
        sheet.add_charts(of_sheet)
    write_overview(overview, workbook, styles, exercise, layout, diagram, limits, runs, series)
    with fast_compression():
        workbook.close()
    return runs


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


def _as_written(exercise: Exercise) -> Exercise:
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
