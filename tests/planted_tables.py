"""Tables of any exercise in memory, with a mistake planted in one column."""

from __future__ import annotations

import numpy as np
from openpyxl.utils import get_column_letter

from backprop_sheet.audit.expected import row_rhs
from backprop_sheet.audit.reading import Sheet
from backprop_sheet.network.equations import ITERATION, LEARNING_RATE, SAMPLE, EquationSystem
from backprop_sheet.network.exercise import Exercise
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Expression, Name, names
from backprop_sheet.symbolic.rendering import to_excel

HEADER_ROW, FIRST_COLUMN = 4, 3
RATE_CELL = (2, 4)


def planted_sheet(
    exercise: Exercise,
    system: EquationSystem,
    column: str = "",
    mistake: Expression | None = None,
    *,
    position: int = 0,
    iterations: int = 5,
) -> Sheet | None:
    """A sheet of formulas and their values, one column of which has a wrong formula.

    The wrong formula stands in the rows of ``position`` within their iteration (of an update; a
    column computed within its row has it in all rows) that it can be computed in.

    Returns:
        The sheet, or None if the wrong formula never can be computed, or gives an error value.
    """
    head = [ITERATION, *([SAMPLE] if system.has_sample_column else []), *system.columns]
    head = [name for name in head if name != "E_mean"]
    places = {name: FIRST_COLUMN + at for at, name in enumerate(head)}
    sheet = Sheet("Sheet1")
    rate = exercise.training.learning_rates[-1]
    sheet.values[RATE_CELL[0], RATE_CELL[1] - 1] = "η"
    sheet.values[RATE_CELL] = rate
    constants: dict[str, tuple[int, int]] = {LEARNING_RATE: RATE_CELL}
    for at, (symbol, value) in enumerate(system.hyperparameters.items()):
        cell = (2, RATE_CELL[1] + 3 * at + 3)
        sheet.values[cell[0], cell[1] - 1], sheet.values[cell] = symbol, value
        constants[symbol] = cell
    for name, at in places.items():
        sheet.values[HEADER_ROW, at] = name
    numbers = {LEARNING_RATE: rate, **system.hyperparameters}
    given = dict(zip(system.parameters, (*exercise.weights, *exercise.biases), strict=True))
    per_iteration, samples = system.rows_per_iteration, exercise.samples
    rows: list[dict[str, float]] = []
    planted = False
    for index in range(iterations * per_iteration):
        row, at_position = HEADER_ROW + 1 + index, index % per_iteration
        sample = samples[index % len(samples)]
        here: dict[str, float] = {
            ITERATION: float(index // per_iteration),
            SAMPLE: index % len(samples) + 1.0,
        }
        here |= dict(zip(system.inputs, sample.inputs, strict=True))
        here |= dict(zip(system.targets, sample.targets, strict=True))
        is_first = index // per_iteration == 0
        if is_first:
            here |= given | dict.fromkeys(system.states, 0.0)
        here |= {name: given[name] for name in system.parameters if name not in system.trained}

        def cell(name: Name, row: int = row) -> str:
            if name.name in constants:
                r, c = constants[name.name]
                return f"${get_column_letter(c)}${r}"
            return f"{get_column_letter(places[name.name])}{row + name.shift}"

        def value(rhs: Expression, here: dict[str, float] = here) -> float:
            known = {**numbers, **here}
            for name in names(rhs):
                if name.shift:
                    known[name.key] = rows[len(rows) + name.shift][name.name]
            with np.errstate(all="ignore"):
                return float(evaluate(rhs, known))

        computed = list(system.within_row) if is_first else [*system.updates, *system.within_row]
        for name in computed:
            is_update = name in system.updates
            right = row_rhs(system, name, at_position if is_update else 0)
            used = right
            is_here = name == column and (at_position == position or not is_update)
            if is_here and mistake is not None and _computable(mistake, here, numbers, len(rows)):
                used, planted = mistake, True
            here[name] = value(used)
            sheet.formulas[row, places[name]] = "=" + to_excel(used, cell)
        for name, at in places.items():
            if not np.isfinite(here[name]):
                return None
            sheet.values[row, at] = here[name]
        rows.append(here)
    return sheet if planted or mistake is None else None


def _computable(
    rhs: Expression, here: dict[str, float], numbers: dict[str, float], index: int
) -> bool:
    """Whether all cells that a formula refers to exist and are computed before it."""
    return all(
        0 <= index + name.shift < index if name.shift else name.name in here or name.name in numbers
        for name in names(rhs)
    )
