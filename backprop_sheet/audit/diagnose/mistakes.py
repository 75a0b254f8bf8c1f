"""The catalogue of mistakes: typical wrong versions of an equation, each described in words.

A mistake is one small change of a right-hand side, such as another name, a missing parenthesis or a
wrong sign. The number of mistakes of a column grows with the length of its formula times the number
of names.
"""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.diagnose.activation_mistakes import activation_mistakes, bias_corrections
from backprop_sheet.audit.diagnose.error_mistakes import error_mistakes
from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.audit.diagnose.name_mistakes import exchanged_names, quantity_name, wrong_names
from backprop_sheet.audit.diagnose.operator_mistakes import (
    missing_parts,
    wrong_operators,
    wrong_parentheses,
    wrong_signs,
)
from backprop_sheet.audit.diagnose.row_mistakes import wrong_rows
from backprop_sheet.audit.diagnose.update_mistakes import other_functions, update_mistakes
from backprop_sheet.equations.intermediates import NEGATIVE, is_slope
from backprop_sheet.equations.names import ERROR_KINDS, MEAN_ERROR, Kind, kind_of
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import (
    ONE,
    Expression,
    Number,
    Operation,
    names,
    plain_names,
)
from backprop_sheet.symbolic.rendering import to_text

MAX_CANDIDATES = 48  # columns; with more, only similar quantities are exchanged


def mistakes(system: EquationSystem, column: str, position: int = 0) -> Iterator[Mistake]:
    """Yield every mistake of a column's equation, the likeliest first.

    Args:
        position: the row's position within its iteration, if an iteration has several rows.
    """
    rhs = row_rhs(system, column, position)
    yield from wrong_names(system, rhs, candidates(system, column))
    yield from structural_mistakes(system, column, position)


def simple_mistakes(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    """Yield the commonest mistakes of any formula, of which a student may make two."""

    def is_likely(other: str, name: str) -> bool:
        one, right = system.quantities.get(other), system.quantities.get(name)
        if one is None or right is None:
            return False
        is_same_neuron = (one.layer, one.index) == (right.layer, right.index)
        kinds = {one.kind, right.kind}
        return one.kind is right.kind or (is_same_neuron and kinds == {Kind.SUM, Kind.ACTIVATION})

    yield from wrong_signs(rhs)
    yield from wrong_names(system, rhs, system.columns, is_likely)
    yield from missing_parts(system, rhs)
    yield from activation_mistakes(rhs)
    yield from wrong_rows(system, rhs)
    yield from exchanged_names(system, rhs)
    yield from _twice_or_half(rhs)


def structural_mistakes(
    system: EquationSystem, column: str, position: int = 0
) -> Iterator[Mistake]:
    """Yield the mistakes of a column other than :func:`wrong_names`."""
    rhs = row_rhs(system, column, position)
    for source in (
        exchanged_names(system, rhs),
        activation_mistakes(rhs),
        bias_corrections(rhs),
        update_mistakes(system, column, position),
        wrong_parentheses(rhs),
        wrong_signs(rhs),
        missing_parts(system, rhs),
        other_functions(system, column),
        wrong_operators(rhs),
        wrong_rows(system, rhs),
        _other_columns(system, column, position),
        error_mistakes(system, column, rhs),
        _extra(system, column, rhs),
    ):
        yield from source


def candidates(system: EquationSystem, column: str) -> list[str]:
    """Return the names that may stand in a column's formula by mistake."""
    everything = [*(name for name in system.columns if name != MEAN_ERROR), *system.constants]
    if len(everything) <= MAX_CANDIDATES:
        return everything
    used = plain_names(row_rhs(system, column))
    kinds = {
        (quantity.kind, quantity.layer)
        for quantity in system.quantities.values()
        if quantity.name in used
    }
    similar = [
        name
        for name, quantity in system.quantities.items()
        if name in system.columns and (quantity.kind, quantity.layer) in kinds
    ]
    partners = [
        other
        for layer in system.layers
        for pair in layer
        for name, other in (pair, pair[::-1])
        if name in used
    ]
    return list(dict.fromkeys((*partners, *similar, *system.constants)))


def _other_columns(system: EquationSystem, column: str, position: int) -> Iterator[Mistake]:
    kind = kind_of(column)
    for other in system.correct:
        if other != column and (
            len(system.correct) <= MAX_CANDIDATES or system.quantities[other].kind is kind
        ):
            yield Mistake(row_rhs(system, other, position), f"this is the formula of {other}")


def _twice_or_half(rhs: Expression) -> Iterator[Mistake]:
    for factor, words in ((2.0, "an extra factor: 2"), (0.5, "an extra factor: ½")):
        yield Mistake(Operation("*", rhs, Number(factor)), words)


def _extra(system: EquationSystem, column: str, rhs: Expression) -> Iterator[Mistake]:
    shift = min((name.shift for name in names(rhs)), default=0)
    if kind_of(column) in ERROR_KINDS:  # half of an error is half of it, also where η is 0.5
        yield from _twice_or_half(rhs)
    for other in candidates(system, column):
        quantity = quantity_name(system, other, shift)
        yield Mistake(Operation("*", rhs, quantity), f"an extra factor: {other}")
        slope = Operation("*", rhs, Operation("-", ONE, quantity))
        yield Mistake(slope, f"an extra factor: 1 - {other}")
    yield from _twice_or_half(rhs)
    if column.removeprefix(NEGATIVE).startswith("∂E"):
        for name, rule in system.chain_rules.items():
            if is_slope(name) and list(names(rule)):
                yield Mistake(Operation("*", rhs, rule), f"an extra factor: {to_text(rule)}")
