"""Derivatives that are those of another loss: if one alone is, it has an extra factor."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.diagnose.update_mistakes import derivative_words
from backprop_sheet.equations.names import Kind, kind_of
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import LOSSES, loss_named
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Name, plain_names

PROBES = {"t": np.array([0.2, 0.7, 0.4]), "a": np.array([0.6, 0.9, 0.1])}


def plainer_cause(table: Comparison, column: str, cause: str) -> str:
    """Return the cause of a wrong derivative; an extra factor, if no other loss is the reason.

    The derivatives of the squared error are twice those of half of it, but all of them.
    """
    factor = _factors(table.data.system).get(cause)
    if factor is None or not _is_another_right(table, column):
        return cause
    return f"an extra factor: {'½' if factor == 0.5 else f'{factor:g}'}"


@lru_cache(maxsize=32)
def _factors(system: EquationSystem) -> dict[str, float]:
    """Return the losses that only have another factor, by what is said of their derivatives."""
    right, outputs = loss_named(system.training.loss), len(system.errors)
    own = evaluate(right.error(Name("t"), Name("a"), outputs), PROBES)
    found = {}
    for loss in LOSSES.values():
        ratios = np.asarray(evaluate(loss.error(Name("t"), Name("a"), outputs), PROBES)) / own
        if loss != right and np.ptp(ratios) < 1e-9:
            found[derivative_words(loss.words, right.words)] = float(ratios[0])
    return found


def _is_another_right(table: Comparison, column: str) -> bool:
    """Whether another derivative by the same outputs is right, which does not use a derivative."""
    system = table.data.system
    targets = _targets(system, column)
    return any(
        other.column != column
        and kind_of(other.column) in (Kind.GRADIENT, Kind.ADJOINT)
        and not other.by_derivatives
        and other.checked.any()
        and not other.wrong.any()
        and bool(used := _targets(system, other.column))
        and used <= targets
        for other in table.columns
    )


def _targets(system: EquationSystem, column: str) -> set[str]:
    """Return the targets that a quantity depends on."""
    waiting = plain_names(row_rhs(system, column))
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached and kind_of(name) is not Kind.ACTIVATION:
            reached.add(name)
            definition = system.definitions.get(name)
            waiting |= set() if definition is None else plain_names(definition)
    return reached & set(system.targets)
