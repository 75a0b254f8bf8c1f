"""Look for inputs, targets, fixed biases and η in other columns, and in cells outside the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from backprop_sheet.audit.find.column_formulas import outside_cells
from backprop_sheet.audit.find.column_search import by_numbers
from backprop_sheet.audit.find.evidence import MIN_FITTING, Walk
from backprop_sheet.audit.find.given_values import cells_beside_texts
from backprop_sheet.audit.find.judging import Assignment, Judge, cost_of
from backprop_sheet.audit.read.workbook import Address, number
from backprop_sheet.equations.intermediates import is_derivative
from backprop_sheet.equations.names import LEARNING_RATE

MAX_CHOSEN = 3  # inputs, or targets, that are looked for among other columns and cells


def with_other_given(
    judge: Judge, best: Assignment, with_used: Callable[[Assignment], Assignment]
) -> Assignment:
    """Try other columns and cells for η and what is given, if its users are unexplained.

    Args:
        with_used: finds columns by what uses them, whose own numbers are wrong.
    """
    base = judge.proposed(best.numbering, best.structure, best.constants)
    if LEARNING_RATE in base and judge.any_unexplained(best, judge.system.updates):
        without = {name: column for name, column in base.items() if name != LEARNING_RATE}
        other = by_numbers(judge, without, best.numbering, best.constants, bold=False)
        best = min(best, replace(other, structure=best.structure), key=cost_of)
    system = judge.system
    sums = [[sum_name for sum_name, _ in layer] for layer in system.layers]
    biases = [name for name in system.biases if name not in system.trained]
    for names, users in (
        (system.targets, system.errors),
        (system.inputs, sums[0]),
        (biases, [name for layer in sums for name in layer] if biases else []),
    ):
        if len(names) > MAX_CHOSEN or not judge.any_unexplained(best, users):
            continue
        before = best
        chosen: list[Assignment] = []
        for other in _chosen(judge, names, users, best):
            chosen.append(other)
            if cost_of(other) < cost_of(best):
                best = replace(other, structure=best.structure)
                if not judge.any_unexplained(best, users):
                    break
        if best is before and len(chosen) == 1:
            best = chosen[0]  # what it explains may hang on a wrong output
        if best is not before:
            used = replace(with_used(best), structure=before.structure)
            best = min(before, used, key=cost_of)
    return best


def _chosen(
    judge: Judge, names: Sequence[str], users: Sequence[str], best: Assignment
) -> Iterator[Assignment]:
    """Choose other columns, or cells outside the table, for inputs or targets.

    Args:
        users: what is computed from these. If some choices explain more of it than the others,
            only those are tried with the whole table.
    """
    base = judge.proposed(best.numbering, best.structure, best.constants)
    others = {name: column for name, column in base.items() if name not in names}
    cells = {name: cell for name, cell in best.constants.items() if name not in names}
    choices = list(_choices(judge, names, base))
    explained = [
        _explained(judge, {**others, **columns}, {**cells, **outside}, users)
        for columns, outside in choices
    ]
    most = max(explained, default=0)
    if not most and any(name in best.names for name in users):
        return
    for (columns, outside), count in zip(choices, explained, strict=True):
        if count == most:
            yield by_numbers(
                judge,
                {**others, **columns},
                best.numbering,
                {**cells, **outside},
                bold=bool(columns),
            )


def _choices(
    judge: Judge, names: Sequence[str], base: Mapping[str, int]
) -> Iterator[tuple[dict[str, int], dict[str, tuple[Address, float]]]]:
    """Yield columns, or cells outside the table, that some inputs or targets may be."""
    present = [base[name] for name in names if name in base]
    unstated = {name: base[name] for name in names if name in base and name not in judge.constants}
    if len(unstated) < len(present):  # "I_1" for I_o1, beside the label x1
        yield unstated, {}
    fixed = [
        index
        for index in range(len(judge.columns))
        if judge.is_fixed(index) and index not in base.values()
    ]
    columns = [*present, *fixed][: MAX_CHOSEN + 1]
    if len(columns) >= len(names):
        for choice in permutations(columns, len(names)):
            if list(choice) != present:
                yield dict(zip(names, choice, strict=True)), {}
    cells = _outside_cells(judge)
    if not present and len(cells) <= 2 * MAX_CHOSEN:
        for addresses in permutations(cells, len(names)):
            outside = [(cell, cells[cell]) for cell in addresses]
            yield {}, dict(zip(names, outside, strict=True))


def _explained(
    judge: Judge,
    names: Mapping[str, int],
    constants: Mapping[str, tuple[Address, float]],
    users: Sequence[str],
) -> int:
    """Return how many of the quantities before the gradients follow from others."""
    evidence = judge.evidence_with(constants)
    walk = Walk(evidence, names)
    count = 0
    with np.errstate(all="ignore"):
        for name in evidence.order:
            if is_derivative(name):
                break
            walk.step(name, names.get(name))
            if name in users:
                count += any(
                    np.any(evidence.fitting(values, walk.slack_of(name)) >= MIN_FITTING)
                    for values in walk.predicted[name]
                )
    return count


def _outside_cells(judge: Judge) -> dict[Address, float]:
    """Return the cells outside the table that its formulas use, with their numbers.

    No formula tells those of a typed table: they are the ones beside labels of no known word. Such
    a table may have a few columns of formulas, of the student's own.
    """
    known = set(judge.labels.get(LEARNING_RATE, {}))
    cells = outside_cells(judge.formulas)
    if not cells or 2 * np.count_nonzero(judge.numbers.computed) < len(judge.columns):
        known = {cell for addresses in judge.labels.values() for cell in addresses}
        cells = cells_beside_texts(judge.table)
    return {
        cell: value
        for cell in cells
        if cell not in known and (value := number(judge.table.value_at(cell))) is not None
    }
