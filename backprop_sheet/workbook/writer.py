"""Gradient descent on an exercise at several learning rates, written as one live workbook."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxWriterException

from backprop_sheet.network.descent import Rows, descend
from backprop_sheet.network.equations import MEAN_ERROR, TOTAL_ERROR, EquationSystem
from backprop_sheet.network.exercise import Exercise, Sample
from backprop_sheet.workbook.compression import fast_compression
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
from common.errors import InvalidInputError
from common.files import CannotWriteError
from common.look import PLAIN_TEXT, Look
from common.mark import is_marked, mark

_KIND = "backprop_sheet"
_CELL_BYTES = 150  # of a sheet's XML, generously


def table_rows(exercise: Exercise) -> int:
    """The number of rows of each table: one per iteration, from 0, and sample of an update."""
    return (exercise.training.iterations + 1) * _rows_per_iteration(exercise)


def error_name(exercise: Exercise) -> str:
    """The error that results are compared by: E_total, or E_mean over several samples."""
    return MEAN_ERROR if len(exercise.samples) > 1 else TOTAL_ERROR


def check_size(exercise: Exercise) -> None:
    """Check that the tables fit into their sheets.

    Raises:
        InvalidInputError: more iterations than a sheet has rows for.
    """
    rows = _rows_per_iteration(exercise)
    most = (SHEET_ROWS - FIRST_ROW) // rows - 1
    if exercise.training.iterations > most:
        raise InvalidInputError(
            f"iterations must be 1 to {most:,}, got {exercise.training.iterations:,}: a sheet has "
            f"{SHEET_ROWS:,} rows, and an iteration takes {rows}"
        )


def _rows_per_iteration(exercise: Exercise) -> int:
    return 1 if exercise.training.update == "online" else len(exercise.samples)


def write_workbook(
    exercise: Exercise,
    path: Path,
    *,
    progress: Callable[[], None] = lambda: None,
) -> list[Run]:
    """Write the workbook, each row as it is computed; memory does not grow with iterations.

    Args:
        progress: called after each iteration (of all rates) is written, iterations + 1 times.

    Returns:
        What came of each learning rate, in the exercise's order.

    Raises:
        InvalidInputError: the exercise's tables or formulas do not fit into a sheet.
        CannotWriteError: the file could not be written, or its temporary parts.
    """
    exercise = _as_written(exercise)
    check_size(exercise)
    system = EquationSystem.of(exercise)
    try:
        # XlsxWriter would leave a sheet's temporary file behind when it is interrupted.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as parts:
            return _write(exercise, system, path, parts, progress)
    except (OSError, XlsxWriterException) as error:
        raise CannotWriteError(f"cannot write the workbook: {error}") from error


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
    if rows * len(layout.header) * _CELL_BYTES * len(rates) > 2**31:
        workbook.use_zip64()
    mark(workbook, _KIND, "Backpropagation, cell by cell")
    look = Look(workbook)
    formulas.set_formats(look)
    overview, equations = workbook.add_worksheet(OVERVIEW), workbook.add_worksheet(EQUATIONS)
    write_equations(equations, look, formulas)
    if system.has_sample_column:
        write_samples(workbook.add_worksheet(SAMPLES), look, exercise, layout, limits.value)
    sheets = [
        LearningRateSheet(workbook, look, layout, rate, iterations, limits.learning_rate)
        for rate in rates
    ]
    gradient_check = workbook.add_worksheet(GRADIENT_CHECK)

    first: list[float] = []
    last: list[float] = []
    reached: list[int | None] = [None] * len(rates)
    counts_from = first_full_row(layout, rows) // system.rows_per_iteration
    for iteration, values in enumerate(descend(exercise, system, rates, iterations)):
        _write_iteration(sheets, formulas, iteration, values)
        if iteration == 0:
            at_first = {name: values[name][0].copy() for name in layout.header}
            write_gradient_check(gradient_check, look, layout, sheets[0].name, at_first)
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
    write_overview(overview, workbook, look, exercise, layout, diagram, limits, runs)
    with fast_compression():
        workbook.close()
    return runs


def _write_iteration(
    sheets: list[LearningRateSheet], formulas: TableFormulas, iteration: int, values: Rows
) -> None:
    """Write an iteration's rows on every sheet. Row numbers are put in once for all of them."""
    table = np.array([values[name] for name in formulas.layout.header])  # (columns, rates, rows)
    table += 0.0  # a spreadsheet has no -0
    for block_row, of_rates in enumerate(table.transpose(2, 1, 0).tolist()):
        filled = formulas.row(iteration, block_row)
        for sheet, row_values in zip(sheets, of_rates, strict=True):
            sheet.write_row(filled, row_values)


def written_by_gradsheet(path: Path) -> bool:
    """Whether the file is a workbook that :func:`write_workbook` wrote, saved again or not."""
    return is_marked(path, _KIND)


def _as_written(exercise: Exercise) -> Exercise:
    """The exercise with its numbers as XlsxWriter types them, with 16 digits.

    The stored values are computed from these, so that they are those of the cells.
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
