"""Which columns are the derivatives ∂E/∂h1 …, told by what is computed from them.

So they are found although their own numbers are those of a mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from backprop_sheet.audit.find.network_reading import NetworkReading
from backprop_sheet.audit.find.read_columns import ColumnSet
from backprop_sheet.audit.find.update_reading import Updates
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import gradient_name
from backprop_sheet.symbolic.expressions import Name
from backprop_sheet.symbolic.polynomial import is_unit, polynomial


def used_by_updates(
    reading: NetworkReading, updates: Updates, assigned: Mapping[str, str]
) -> dict[str, str]:
    """Return the columns of ∂E/∂h1 … that the updates of a neuron's parameters multiply.

    Their sign follows from most updates.

    Args:
        assigned: the quantity of each known column.
    """
    votes: Counter[tuple[str, str]] = Counter()
    signs: Counter[int] = Counter()
    for parameter, factors in updates.factors.items():
        target = sum_of(reading, parameter)
        for (column, sign), count in factors.items():
            signs[sign] += count
            if column not in assigned and target and count:
                votes[column, target] += count
    prefix = NEGATIVE if signs[1] > signs[-1] else ""
    found: dict[str, str] = {}
    for (column, target), _ in votes.most_common():
        name = prefix + gradient_name(target)
        if column not in found and name not in (*assigned.values(), *found.values()):
            found[column] = name
    return found


def used_by_gradients(
    columns: ColumnSet, reading: NetworkReading, assigned: Mapping[str, str]
) -> dict[str, str]:
    """Return the columns of ∂E/∂h1 … that all gradients of a neuron's weights multiply.

    Args:
        assigned: the quantity of each known column.
    """
    found: dict[str, str] = {}
    columns_of = {quantity: column for column, quantity in assigned.items()}
    for sum_name, _ in (neuron for layer in reading.names.layers for neuron in layer):
        votes: Counter[tuple[str, str]] = Counter()
        for weight, connection in reading.names.connections.items():
            if connection.target != sum_name:
                continue
            for sign in ("", NEGATIVE):
                column = columns_of.get(sign + gradient_name(weight))
                if column is not None:
                    votes.update(_factors(columns, column, sign, assigned))
        multiples = _multiples(columns, reading, columns_of, sum_name)
        for (column, sign), _ in votes.most_common(1):
            name = sign + gradient_name(sum_name)
            if column not in found and name not in columns_of and column not in multiples:
                found[column] = name
    return found


def _multiples(
    columns: ColumnSet, reading: NetworkReading, columns_of: Mapping[str, str], sum_name: str
) -> set[str]:
    """Return the columns of which the gradient of a neuron's bias is a multiple, such as 2*e.

    They are no derivatives by its sum, which would be that gradient.
    """
    found: set[str] = set()
    for bias, targets in reading.names.bias_targets.items():
        column = columns_of.get(gradient_name(bias)) or columns_of.get(
            NEGATIVE + gradient_name(bias)
        )
        formula = columns.columns[column].main if column and targets == (sum_name,) else None
        for term, factor in ((polynomial(formula) or {}) if formula is not None else {}).items():
            if len(term) == 1 and isinstance(term[0], Name) and not is_unit(factor):
                found.add(term[0].name)
    return found


def sum_of(reading: NetworkReading, parameter: str) -> str:
    """Return the weighted sum that has a parameter; "" for a bias of several sums."""
    if parameter in reading.names.connections:
        return reading.names.connections[parameter].target
    targets = reading.names.bias_targets.get(parameter, ())
    return targets[0] if len(targets) == 1 else ""


def _factors(
    columns: ColumnSet, gradient: str, sign: str, assigned: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the unknown column that a gradient is a product of, and its sign."""
    formula = columns.columns[gradient].main
    terms = polynomial(formula) if formula is not None else None
    if terms is None or len(terms) != 1 or not is_unit(next(iter(terms.values()))):
        return
    [(term, factor)] = terms.items()
    unknown = [
        part.name
        for part in term
        if isinstance(part, Name) and part.name not in assigned and part.name in columns.computed
    ]
    if len(unknown) == 1:
        yield unknown[0], sign if factor > 0 else ("" if sign else NEGATIVE)
