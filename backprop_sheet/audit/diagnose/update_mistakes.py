"""Equations of another activation, another loss or another optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.diagnose.error_mistakes import rate_mistakes
from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.equations.names import LEARNING_RATE, Kind, kind_of
from backprop_sheet.equations.system import EquationSystem, equation_system
from backprop_sheet.exercise.choices import (
    ACTIVATIONS,
    LOSSES,
    activation_named,
    loss_named,
    optimizer_named,
    update_rule,
)
from backprop_sheet.exercise.model import Training
from backprop_sheet.symbolic.expressions import (
    Call,
    Expression,
    Name,
    Operation,
    names,
    substitute,
    transform,
)


@lru_cache(maxsize=32)
def variant_systems(system: EquationSystem) -> tuple[tuple[EquationSystem, str, str], ...]:
    """Return systems with another activation in one layer, or another loss.

    Each has the name of its activation or loss, and the name of the right one.
    """
    network, training = system.network, system.training
    found = []
    for layer, kind in enumerate(network.activations):
        for other in ACTIVATIONS.values():
            if other.name != kind and not other.takes_layer:
                changed = (
                    *network.activations[:layer],
                    other.name,
                    *network.activations[layer + 1 :],
                )
                variant = equation_system(
                    replace(network, activations=changed), training, system.sample_count
                )
                found.append((variant, other.words, activation_named(kind).words))
    right = loss_named(training.loss)
    for loss in LOSSES.values():
        if loss != right:
            variant = equation_system(
                network, replace(training, loss=loss.name), system.sample_count
            )
            found.append((variant, loss.words, right.words))
    return tuple(found)


@lru_cache(maxsize=32)
def _update_variants(system: EquationSystem) -> tuple[tuple[EquationSystem, str, bool], ...]:
    """Return systems with other updates, the mistake in words, and whether it affects states."""
    training = system.training
    found: list[tuple[Training, str, bool]] = []
    if system.is_batch:
        if training.update == "batch_mean":
            changed = replace(training, update="batch_sum")
            found.append((changed, "the sum over the samples instead of the mean", True))
        else:
            changed = replace(training, update="batch_mean")
            found.append((changed, "the mean over the samples instead of the sum", True))
    optimizer = optimizer_named(training.optimizer)
    if system.hyperparameters:
        plain = replace(training, optimizer="sgd", nesterov=False, hyperparameters={})
        words = f"{optimizer.left_out} is left out: this is plain gradient descent"
        found.append((plain, words, False))
    states = update_rule(training).states
    found += [
        (changed, words, update_rule(changed).states != states)
        for changed, words in optimizer.variants(training)
    ]
    return tuple(
        (equation_system(system.network, changed, system.sample_count), words, of_state)
        for changed, words, of_state in found
    )


def other_functions(system: EquationSystem, column: str) -> Iterator[Mistake]:
    """Yield the formula for another activation or another loss."""
    kind = kind_of(column)
    if kind not in (Kind.ACTIVATION, Kind.ERROR, Kind.GRADIENT, Kind.ADJOINT):
        return
    for variant, found, right in variant_systems(system):
        if column in variant.definitions:
            words = f"{found} instead of {right}"
            if kind not in (Kind.ACTIVATION, Kind.ERROR):
                words = derivative_words(found, right)
            yield Mistake(_in_columns_of(system, variant.definitions[column], variant), words)


def derivative_words(found: str, right: str) -> str:
    """Say which function's derivative stands in the place of that of the right one."""
    return f"the derivative of {found} instead of that of {right}"


def _in_columns_of(
    system: EquationSystem, expression: Expression, variant: EquationSystem
) -> Expression:
    """Write out the columns that only the variant has, such as ∂E/∂o1 of a softmax."""
    own = {
        name: definition
        for name, definition in variant.definitions.items()
        if name not in system.columns
    }
    while any(used.name in own for used in names(expression)):
        expression = substitute(expression, own)
    return expression


def update_mistakes(system: EquationSystem, column: str, position: int) -> Iterator[Mistake]:
    """Yield the update of another optimizer, or with other samples."""
    if column not in system.updates:
        return
    is_state = system.quantities[column].kind is Kind.STATE
    if position:
        if not is_state:
            gradient = Name(system.gradient(column), -1)
            step = Operation("*", Name(LEARNING_RATE), gradient)
            yield Mistake(
                Operation("-", Name(column, -1), step),
                "updated after every sample instead of after all samples of an iteration",
            )
        return
    if not is_state:
        yield from rate_mistakes(column, row_rhs(system, column))
    for variant, words, of_state in _update_variants(system):
        if column in variant.updates and (of_state or not is_state):
            yield Mistake(row_rhs(variant, column), words)
    if system.is_batch:
        yield from _of_one_sample(system, column)


def _of_one_sample(system: EquationSystem, column: str) -> Iterator[Mistake]:
    """Yield updates with the gradient of one sample instead of those of all samples."""
    rows = system.rows_per_iteration
    for row in range(rows):

        def of_row(node: Expression, row: int = row) -> Expression:
            match node:
                case Call("mean" | "sum", (Name(name),)):
                    return Name(name, row - rows)
            return node

        yield Mistake(
            transform(system.updates[column], of_row),
            f"the gradient of sample {row + 1} alone instead of that of all samples",
        )
