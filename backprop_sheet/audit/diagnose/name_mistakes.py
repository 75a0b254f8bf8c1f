"""Mistakes of names: another quantity than the right one, or two exchanged."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.equations.names import Kind, Quantity
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import activation_named
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    NodePath,
    names,
    nodes_with_paths,
    rename,
    replace_at,
)
from gradsheet.words import count


def wrong_names(
    system: EquationSystem,
    rhs: Expression,
    others: Iterable[str],
    is_likely: Callable[[str, str], bool] = lambda other, name: True,
) -> Iterator[Mistake]:
    """Yield formulas in which a name is replaced by another: everywhere, once, or all but once.

    Args:
        is_likely: whether a name is used by mistake instead of another one.
    """
    others = list(others)
    places: dict[Name, list[NodePath]] = {}
    for path, part in nodes_with_paths(rhs):
        if isinstance(part, Name):
            places.setdefault(part, []).append(path)
    for name, paths in places.items():
        for other in others:
            if other == name.name or not is_likely(other, name.name):
                continue
            words = name_instead(system, other, name.name)
            new = quantity_name(system, other, name.shift)
            for chosen in _subsets(paths):
                changed = rhs
                for path in chosen:
                    changed = replace_at(changed, path, new)
                where = (
                    "" if len(chosen) == len(paths) else f" (in {count(len(chosen), 'place')} of "
                )
                yield Mistake(changed, words + (where and f"{where}{len(paths)})"))


def _subsets(paths: list[NodePath]) -> Iterator[list[NodePath]]:
    yield paths
    if len(paths) > 1:
        for path in paths:
            yield [path]
    if len(paths) > 2:
        for path in paths:
            yield [other for other in paths if other != path]


def quantity_name(system: EquationSystem, name: str, shift: int) -> Name:
    """Return a name with a shift; constants have no shift."""
    return Name(name, 0 if name in system.constants else shift)


def name_instead(system: EquationSystem, found: str, right: str) -> str:
    """Describe the mistake of using one name instead of another."""
    instead = f"{found} where {right} belongs"
    one, other = system.quantities.get(found), system.quantities.get(right)
    if one is None or other is None:
        return f"another quantity: {instead}"
    kinds = (one.kind, other.kind)
    same_neuron = (one.layer, one.index) == (other.layer, other.index)
    if kinds == (Kind.SUM, Kind.ACTIVATION) and same_neuron:
        function = _activation_of(system, other)
        return f"the value before {function} instead of the one after it: {instead}"
    if kinds == (Kind.ACTIVATION, Kind.SUM) and same_neuron:
        function = _activation_of(system, one)
        return f"the value after {function} instead of the one before it: {instead}"
    if one.kind is other.kind:
        match one.kind:
            case Kind.ACTIVATION:
                return f"another neuron's activation: {instead}"
            case Kind.WEIGHT:
                return f"another weight: {instead}"
            case Kind.BIAS:
                return f"another bias: {instead}"
            case Kind.GRADIENT:
                return f"another parameter's gradient: {instead}"
            case Kind.STATE if one.of != other.of:
                return f"another parameter's optimizer state: {instead}"
            case Kind.INPUT | Kind.TARGET:
                which = "the other" if _number_of(system, one.kind) == 2 else "another"
                return f"{which} {one.kind}: {instead}"
            case Kind.SUM | Kind.ERROR:
                return f"another neuron's value: {instead}"
    if {*kinds} == {Kind.INPUT, Kind.TARGET}:
        return f"the {one.kind} instead of the {other.kind}: {instead}"
    return f"another quantity: {instead}"


def _activation_of(system: EquationSystem, quantity: Quantity) -> str:
    return activation_named(system.network.activations[quantity.layer - 1]).words


def _number_of(system: EquationSystem, kind: Kind) -> int:
    return len(system.inputs if kind is Kind.INPUT else system.targets)


def exchanged_names(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas in which two names of the same kind, or a weight and a bias, are exchanged."""

    def kind(name: Name) -> Kind:
        own = system.quantities[name.name].kind
        return Kind.WEIGHT if own is Kind.BIAS else own

    used = sorted(
        (name for name in dict.fromkeys(names(rhs)) if name.name in system.quantities), key=kind
    )
    for _, group in itertools.groupby(used, kind):
        for one, other in itertools.combinations(list(group)[:8], 2):
            yield Mistake(
                _with_exchanged(rhs, one, other), f"{one.name} and {other.name} are exchanged"
            )


def _with_exchanged(rhs: Expression, one: Name, other: Name) -> Expression:
    exchange = {one: other, other: one}
    return rename(rhs, lambda name: exchange.get(name, name))
