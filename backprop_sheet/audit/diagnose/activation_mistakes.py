"""Mistakes of functions: the activation, e in the sigmoid, roots, bias corrections."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.equations.names import ITERATION
from backprop_sheet.exercise.choices import ACTIVATIONS, Activation
from backprop_sheet.symbolic.expressions import (
    ONE,
    Call,
    Expression,
    Name,
    Negative,
    NodePath,
    Number,
    Operation,
    names,
    nodes_with_paths,
    replace_at,
    transform,
)
from backprop_sheet.symbolic.rendering import to_text


def activation_mistakes(rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas with another activation, or without it, and without a square root."""
    known = {activation.function: activation for activation in ACTIVATIONS.values()}
    for path, part in nodes_with_paths(rhs):
        match part:
            case Call(function, arguments) if function in known:
                activation = known[function]
                if not activation.takes_layer and function != "linear":
                    yield from _other_activation(rhs, path, activation, arguments)
                for wrong, cause in activation.mistakes(part):
                    yield Mistake(replace_at(rhs, path, wrong), cause)
                if function == "σ":
                    yield from _rounded_e(rhs, path, arguments[0])
            case Name(name) if name.startswith("a_"):
                yield Mistake(
                    replace_at(rhs, path, Call("σ", (part,))),
                    f"the sigmoid is applied once too often, to {name}",
                )
            case Call("sqrt", (argument,)):
                yield Mistake(
                    replace_at(rhs, path, argument),
                    f"the square root of {to_text(argument)} is missing",
                )


def _rounded_e(rhs: Expression, path: NodePath, argument: Expression) -> Iterator[Mistake]:
    """Yield the sigmoid with a typed number for e."""
    for base in (2.718, 2.72, 2.71, 2.7, 2.7183, 2.71828, 3.0):
        power = Operation("^", Number(base), Negative(argument))
        sigmoid = Operation("/", ONE, Operation("+", ONE, power))
        yield Mistake(replace_at(rhs, path, sigmoid), typed_e(base))


def typed_e(base: float) -> str:
    """Describe a number that is typed instead of e."""
    return f"{base:g} instead of e: use EXP"


def _other_activation(
    rhs: Expression, path: NodePath, activation: Activation, arguments: tuple[Expression, ...]
) -> Iterator[Mistake]:
    """Yield the formula without its activation, and with another one."""
    yield Mistake(
        replace_at(rhs, path, arguments[0]),
        f"{activation.words} is missing around {to_text(arguments[0])}",
    )
    for other in ACTIVATIONS.values():
        if other != activation and not other.takes_layer and other.name != "linear":
            yield Mistake(
                replace_at(rhs, path, Call(other.function, arguments)),
                f"{other.words} instead of {activation.words}",
            )


def bias_corrections(rhs: Expression) -> Iterator[Mistake]:
    """Yield Adam without one or both bias corrections, and with ε under the square root."""

    def corrected(node: Expression) -> tuple[Expression, Expression] | None:
        """Return what a bias correction divides, and by what."""
        match node:
            case Operation("/", Name() as left, right) if Name(ITERATION) in names(right):
                return left, right
        return None

    corrections = 0
    for path, part in nodes_with_paths(rhs):
        if (parts := corrected(part)) is not None:
            corrections += 1
            yield Mistake(
                replace_at(rhs, path, parts[0]),
                f"the bias correction of {to_text(parts[0])} is left out: it must be divided by "
                f"{to_text(parts[1])}",
            )
    if corrections > 1:
        yield Mistake(
            transform(rhs, lambda node: (corrected(node) or (node,))[0]),
            "the bias correction is left out: both averages must be divided by their 1 - βⁿ",
        )
    for path, part in nodes_with_paths(rhs):
        match part:
            case Operation("+", Call("sqrt", (argument,)), Name("ε") as epsilon):
                inside = Call("sqrt", (Operation("+", argument, epsilon),))
                yield Mistake(
                    replace_at(rhs, path, inside), "ε is added under the square root, not after it"
                )
