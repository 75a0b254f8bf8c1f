"""A problem's descent at several learning rates, written as one live workbook."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxWriterException

from backprop_sheet.descent import Problem, checked_learning_rates, descend
from backprop_sheet.equations import COLUMNS
from backprop_sheet.equations_page import write_equations
from backprop_sheet.layout import (
    CHART_ROWS,
    EQUATIONS_PAGE,
    FIRST_ROW,
    MOST_ITERATIONS,
    MOST_RATES,
    OVERVIEW,
)
from backprop_sheet.overview import LOW_ERROR, Run, write_overview
from backprop_sheet.rate_sheet import RateSheet, row_formulas
from common.files import CannotWriteError
from common.look import PLAIN_TEXT, Look
from common.mark import is_marked, mark

__all__ = ["CHART_ROWS", "Run", "check_size", "is_ours", "write_workbook"]

_KIND = "backprop_sheet"
_ROW_BYTES = 4_000  # of a sheet's XML, generously


def check_size(learning_rates: Sequence[float], iterations: int) -> None:
    """Whether a workbook holds as much.

    Raises:
        ValueError: iterations below 1 or beyond a sheet's rows; more rates than a chart has lines.
    """
    if iterations < 1:
        raise ValueError(f"at least 1 iteration is needed, and {iterations} is given")
    if iterations > MOST_ITERATIONS:
        raise ValueError(
            f"{iterations:,} iterations are more than a sheet has rows for "
            f"({MOST_ITERATIONS:,}; its charts show the first {CHART_ROWS:,} rows)"
        )
    if len(learning_rates) > MOST_RATES:
        raise ValueError(
            f"{len(learning_rates)} learning rates are more than the {MOST_RATES} lines that a "
            "chart in Excel can hold"
        )


def write_workbook(
    problem: Problem,
    learning_rates: Sequence[float],
    iterations: int,
    path: Path,
    *,
    progress: Callable[[], None] = lambda: None,
) -> list[Run]:
    """Write the workbook, each row as it is computed; memory does not grow with iterations.

    Args:
        learning_rates: repeated ones get one sheet.
        progress: called after each row (of all rates) is written, iterations + 1 times.

    Returns:
        What came of each learning rate, in the order given.

    Raises:
        ValueError: impossible learning rates or iterations.
        CannotWriteError: the file could not be written, or its temporary parts.
    """
    rates = checked_learning_rates([_as_written(rate) for rate in learning_rates])
    check_size(rates, iterations)
    problem = Problem(
        *(tuple(map(_as_written, v)) for v in (problem.inputs, problem.targets, problem.weights))
    )
    try:
        # XlsxWriter would leave a sheet's temporary file behind when it is interrupted.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as parts:
            return _write(problem, rates, iterations, path, parts, progress)
    except (OSError, XlsxWriterException) as error:
        raise CannotWriteError(f"cannot write the workbook: {error}") from error


def _write(
    problem: Problem,
    rates: tuple[float, ...],
    iterations: int,
    path: Path,
    parts: str,
    progress: Callable[[], None],
) -> list[Run]:
    workbook = Workbook(
        str(path),
        {
            "constant_memory": True,
            "tmpdir": parts,
            "default_format_properties": PLAIN_TEXT,
        },
    )
    if iterations * _ROW_BYTES * max(len(rates), 1) > 2**31:
        workbook.use_zip64()
    mark(workbook, _KIND, "Backpropagation, cell by cell")
    look = Look(workbook)
    overview, equations = workbook.add_worksheet(OVERVIEW), workbook.add_worksheet(EQUATIONS_PAGE)
    write_equations(equations, look)
    sheets = [RateSheet(workbook, look, rate, iterations) for rate in rates]

    first: list[float] = []
    last: list[float] = []
    reached: list[int | None] = [None] * len(rates)
    steps = descend(problem, rates, iterations)
    for iteration, values in enumerate(steps):
        of_rates = zip(*(values[name].tolist() for name in COLUMNS), strict=True)
        if iteration == 0:
            for sheet, row_values in zip(sheets, of_rates, strict=True):
                sheet.write_first_row(row_values)
        else:
            row = FIRST_ROW + iteration
            formulas = row_formulas(row)
            for sheet, row_values in zip(sheets, of_rates, strict=True):
                sheet.write_row(row, formulas, (iteration, *row_values))
        last = values["E_total"].tolist()
        first = first or last
        for index, error in enumerate(last):
            if error < LOW_ERROR and reached[index] is None:
                reached[index] = iteration
        progress()

    runs = [
        Run(rate, sheet.name, *errors)
        for rate, sheet, *errors in zip(rates, sheets, first, last, reached, strict=True)
    ]
    write_overview(overview, workbook, look, problem, runs, iterations)
    workbook.close()
    return runs


def is_ours(path: Path) -> bool:
    """Whether the file is a workbook that :func:`write_workbook` wrote, saved again or not."""
    return is_marked(path, _KIND)


def _as_written(value: float) -> float:
    """The number as XlsxWriter types it into a cell, with 16 digits: what we compute with too."""
    return float(f"{value:.16G}")
