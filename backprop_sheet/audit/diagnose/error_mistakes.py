"""Mistakes with errors and learning rates."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.equations.names import ERROR_KINDS, LEARNING_RATE, Kind, kind_of
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import (
    TWO,
    Call,
    Expression,
    Name,
    Number,
    Operation,
    nodes_with_paths,
    replace_at,
)
from backprop_sheet.symbolic.rendering import to_text


def error_mistakes(system: EquationSystem, column: str, rhs: Expression) -> Iterator[Mistake]:
    """Yield an error's term twice, its root, and gradients with an error for its derivative."""
    kind = kind_of(column)
    if kind in ERROR_KINDS:
        yield Mistake(Call("sqrt", (rhs,)), "the square root of the right formula")
        match rhs:
            case Operation("*", Number(), Operation("^", Operation("-") as difference, Number(2))):
                words = f"the absolute value of {to_text(difference)} instead of half its square"
                yield Mistake(Call("abs", (difference,)), words)
        for name, quantity in system.quantities.items():
            if kind is not Kind.ERROR and quantity.kind is Kind.ERROR:
                yield Mistake(Operation("+", rhs, Name(name)), f"an extra term: {name}")
    elif kind in (Kind.GRADIENT, Kind.ADJOINT):
        yield from _error_for_derivative(system, rhs)


def _error_for_derivative(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas with E1 or a square for a_o1 - t1, and with the total error for all these."""
    errors = {
        quantity.index: name
        for name, quantity in system.quantities.items()
        if quantity.kind is Kind.ERROR
    }
    total = next(
        (name for name, quantity in system.quantities.items() if quantity.kind is Kind.TOTAL), ""
    )
    each = with_total = rhs
    text = ""
    for path, part in nodes_with_paths(rhs):
        match part:
            case Operation("-", Name(output, shift), Name(target)):
                known = system.quantities.get(target)
            case _:
                continue
        if known is None or known.kind is not Kind.TARGET or output not in system.quantities:
            continue
        square = replace_at(rhs, path, Operation("^", part, TWO))
        yield Mistake(square, f"the square of {to_text(part)} instead of the difference itself")
        text = text or to_text(part)
        words = "the error instead of its derivative"
        if error := errors.get(known.index):
            each = replace_at(each, path, Name(error, shift))
            alone = replace_at(rhs, path, Name(error, shift))
            for wrong in (each, alone):
                yield Mistake(wrong, f"{words}: {error} where {to_text(part)} belongs")
        if total:
            with_total = replace_at(with_total, path, Name(total, shift))
            yield Mistake(with_total, f"{words}: {total} where {text} belongs")


def rate_mistakes(column: str, rhs: Expression) -> Iterator[Mistake]:
    """Yield updates whose step has η twice, or is divided by it.

    Args:
        column: the parameter.
    """
    above, rate = Name(column, -1), Name(LEARNING_RATE)
    step = Operation("-", rhs, above)
    twice = Operation("+", above, Operation("*", rate, step))
    yield Mistake(twice, f"an extra factor: {LEARNING_RATE}")
    squared = Operation("*", rate, rate)
    words = f"divided by {LEARNING_RATE} instead of multiplied by it"
    yield Mistake(Operation("+", above, Operation("/", step, squared)), words)
