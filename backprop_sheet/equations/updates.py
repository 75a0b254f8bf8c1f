"""The equations of the update: the optimizer's state, then the parameters."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.equations.equation import Equation, Step
from backprop_sheet.equations.names import (
    ITERATION,
    LEARNING_RATE,
    Kind,
    NetworkNames,
    Quantity,
    gradient_name,
)
from backprop_sheet.exercise.choices import WEIGHT_DECAY, UpdateRule, update_rule
from backprop_sheet.exercise.model import Training
from backprop_sheet.symbolic.expressions import Call, Expression, Name, Operation


def update_equations(training: Training, names: NetworkNames, is_batch: bool) -> Iterator[Equation]:
    """Yield the equations of one update from the values of the previous iteration.

    Args:
        is_batch: whether an update uses the gradients of all samples.
    """
    rule = update_rule(training)
    reduction = training.reduction if is_batch else ""
    for state in rule.states:
        for parameter in names.trained:
            quantity = Quantity(state.name(parameter), Kind.STATE, of=parameter)
            gradient = _gradient_used(parameter, reduction)
            yield Equation(Step.UPDATE, quantity, state.update(Name(quantity.name, -1), gradient))
    for parameter in names.trained:
        step = rule.step(parameter, _gradient_used(parameter, reduction), Name(ITERATION))
        rhs = Operation("-", _start(rule, Name(parameter, -1)), _scaled(step))
        yield Equation(Step.UPDATE, names.quantities[parameter], rhs)


def _gradient_used(parameter: str, reduction: str) -> Expression:
    """Return the gradient of the previous iteration, reduced over the samples of a batch."""
    gradient = Name(gradient_name(parameter), -1)
    return Call(reduction, (gradient,)) if reduction else gradient


def _start(rule: UpdateRule, before: Name) -> Expression:
    """Return what the step is subtracted from: weight decay comes before the step."""
    if not rule.decays:
        return before
    share = Operation("*", Name(LEARNING_RATE), Name(WEIGHT_DECAY.symbol))
    return Operation("-", before, Operation("*", share, before))


def _scaled(step: Expression) -> Expression:
    eta = Name(LEARNING_RATE)
    match step:
        case Operation("/", left, right):
            return Operation("/", Operation("*", eta, left), right)
    return Operation("*", eta, step)
