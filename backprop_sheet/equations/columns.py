"""The columns of an exercise's table, and what stands in their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from backprop_sheet.equations.equation import Equation
from backprop_sheet.equations.names import (
    MEAN_ERROR,
    TOTAL_ERROR,
    Kind,
    NetworkNames,
    gradient_name,
)
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.symbolic.expressions import Expression, names, size, substitute

# The formulas that use an intermediate derivative contain its expression, as in textbooks. If such
# a formula had more leaves than this, the derivative gets its own column.
MAX_INLINED_SIZE = 24


class Role(StrEnum):
    """The group of a column of the table; the value is the group's title."""

    GIVEN = "given"
    WEIGHT = "weights"
    BIAS = "biases"
    HIDDEN = "hidden"
    OUTPUT = "output"
    ERROR = "error"
    GRADIENT = "gradient"
    STATE = "optimizer state"
    MEAN = "mean"


GROUPS: Mapping[Role, ColumnGroup] = {
    Role.WEIGHT: ColumnGroup.UPDATES,
    Role.BIAS: ColumnGroup.UPDATES,
    Role.HIDDEN: ColumnGroup.FORWARD,
    Role.OUTPUT: ColumnGroup.FORWARD,
    Role.ERROR: ColumnGroup.ERROR,
    Role.GRADIENT: ColumnGroup.GRADIENTS,
    Role.STATE: ColumnGroup.UPDATES,
    Role.MEAN: ColumnGroup.ERROR,
}  # the inputs and targets, which are given, are in none


def lay_out_columns(
    network_names: NetworkNames,
    backward: Sequence[Equation],
    update: Sequence[Equation],
    *,
    has_mean: bool,
) -> dict[str, Role]:
    """Return the columns from left to right, with their groups.

    Args:
        has_mean: whether the table has the column E_mean, the mean error over the samples.
    """
    columns: dict[str, Role] = dict.fromkeys(
        (*network_names.targets, *network_names.inputs), Role.GIVEN
    )
    for layer, neurons in enumerate(network_names.layers):
        columns |= dict.fromkeys(network_names.layer_weights[layer], Role.WEIGHT)
        columns |= dict.fromkeys(network_names.layer_biases[layer], Role.BIAS)
        is_last = layer == len(network_names.layers) - 1
        role = Role.OUTPUT if is_last else Role.HIDDEN
        columns |= dict.fromkeys((name for neuron in neurons for name in neuron), role)
    columns |= dict.fromkeys((*network_names.errors, TOTAL_ERROR), Role.ERROR)
    columns |= dict.fromkeys(_intermediate_columns(backward), Role.GRADIENT)
    columns |= dict.fromkeys(map(gradient_name, network_names.trained), Role.GRADIENT)
    states = [equation.name for equation in update if equation.quantity.kind is Kind.STATE]
    columns |= dict.fromkeys(states, Role.STATE)
    if has_mean:
        columns[MEAN_ERROR] = Role.MEAN
    return columns


def _intermediate_columns(backward: Sequence[Equation]) -> list[str]:
    """Choose the derivatives that get a column because a formula would be too long."""
    chosen: set[str] = set()
    inlined: dict[str, Expression] = {}
    for equation in backward:
        rhs = substitute(equation.rhs, inlined)
        if size(rhs) > MAX_INLINED_SIZE:
            for used in dict.fromkeys(names(equation.rhs)):
                if used.name in inlined and size(inlined[used.name]) > 1:
                    chosen.add(used.name)
                    del inlined[used.name]
            rhs = substitute(equation.rhs, inlined)
        if equation.quantity.kind is Kind.ADJOINT:
            inlined[equation.name] = rhs
    return [equation.name for equation in backward if equation.name in chosen]


def inline(
    equations: Sequence[Equation], columns: dict[str, Role]
) -> tuple[dict[str, Expression], dict[str, Expression]]:
    """Return the right-hand sides of the columns, and of the derivatives without a column.

    The former contain the latter instead of their names.
    """
    within_row: dict[str, Expression] = {}
    inlined: dict[str, Expression] = {}
    for equation in equations:
        rhs = substitute(equation.rhs, inlined)
        if equation.name in columns:
            within_row[equation.name] = rhs
        else:
            inlined[equation.name] = rhs
    return within_row, inlined
