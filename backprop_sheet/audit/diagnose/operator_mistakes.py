"""Mistakes of parentheses, signs and operators, and parts that are left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    Call,
    Expression,
    Name,
    Negative,
    NodePath,
    Number,
    Operation,
    nodes_with_paths,
    replace_at,
    transform,
)
from backprop_sheet.symbolic.parsing import parse
from backprop_sheet.symbolic.rendering import to_text

THREE = Number(3.0)
MAX_TEXT = 400  # characters; in longer formulas, parentheses are not moved


def _spelled(rhs: Expression) -> str:
    """Return the equation with σ(x) written as 1/(1 + exp(-x)), as in a spreadsheet."""

    def spell_out(node: Expression) -> Expression:
        match node:
            case Call("σ", (argument,)):
                power = Call("exp", (Negative(argument),))
                return Operation("/", ONE, Operation("+", ONE, power))
            case Number(0.5):
                return Number(0.5)
        return node

    return to_text(transform(rhs, spell_out))


def wrong_parentheses(rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas with one pair of parentheses left out, or one parenthesis moved."""
    written = _spelled(rhs)
    pairs, stack = [], []
    for at, sign in enumerate(written):
        if sign == "(":
            stack.append(at)
        elif sign == ")":
            pairs.append((stack.pop(), at))
    for opening, closing in pairs:
        inner = written[opening + 1 : closing]
        if opening and written[opening - 1].isalpha():
            continue  # a function keeps its parentheses
        without = f"{written[:opening]} {inner} {written[closing + 1 :]}"
        yield from _parsed(without, f"a missing parenthesis around {inner}")
    if len(written) > MAX_TEXT:
        return
    for opening, closing in pairs:
        without = written[:closing] + written[closing + 1 :]
        for at in range(opening + 1, len(without) + 1):
            if at < len(without) and (without[at].isalnum() or without[at] in "_∂/[]"):
                continue
            moved = f"{without[:at]}){without[at:]}"
            inner = written[opening : closing + 1]
            yield from _parsed(moved, f"a parenthesis in the wrong place: it should be {inner}")
    for at in range(len(written)):
        # An opening parenthesis too far right: (1 - a)*b becomes 1 - (a*b).
        if written[at] == "(" and not (at and written[at - 1].isalpha()):
            without = written[:at] + written[at + 1 :]
            for to in range(at + 1, min(len(without), at + 12)):
                moved = f"{without[:to]}({without[to:]}"
                yield from _parsed(moved, "a parenthesis in the wrong place")


def _parsed(written: str, cause: str) -> Iterator[Mistake]:
    try:
        yield Mistake(parse(written), cause)
    except ValueError:
        return


def wrong_signs(rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas with one wrong sign, the likeliest first.

    A slope 1 - a the wrong way round may negate the whole formula, which is the likelier mistake.
    """
    slopes: list[Mistake] = []
    for path, part in nodes_with_paths(rhs):
        match part:
            case Operation("-", left, subtrahend):
                turned = Mistake(
                    replace_at(rhs, path, Operation("-", subtrahend, left)),
                    "a wrong sign: the difference is the wrong way round"
                    if part is rhs
                    else f"a wrong sign: {to_text(Operation('-', subtrahend, left))} instead of "
                    f"{to_text(part)}",
                )
                if left == ONE:
                    slopes.append(turned)
                else:
                    yield turned
                yield Mistake(
                    replace_at(rhs, path, Operation("+", left, subtrahend)),
                    f"a wrong sign: + instead of - {_where(part, rhs)}",
                )
            case Operation("+", left, addend):
                yield Mistake(
                    replace_at(rhs, path, Operation("-", left, addend)),
                    f"a wrong sign: - instead of + {_where(part, rhs)}",
                )
            case Negative(operand):
                yield Mistake(
                    replace_at(rhs, path, operand),
                    f"a wrong sign: {to_text(operand)} instead of {to_text(part)}",
                )
    yield Mistake(Negative(rhs), "a wrong sign: the whole formula is negated")
    yield from slopes


def _where(part: Operation, rhs: Expression) -> str:
    """Say where an operator is, without the whole formula, which would be the solution."""
    summed = rhs
    while isinstance(summed, Operation) and summed.operator in "+-":
        if summed is part:
            return f"before {_tight(part.right)}"
        summed = summed.left
    return f"in {to_text(part)}"


def _factors(expression: Expression) -> list[tuple[NodePath, Expression]]:
    match expression:
        case Operation("*", left, right):
            return [((0, *p), f) for p, f in _factors(left)] + [
                ((1, *p), f) for p, f in _factors(right)
            ]
    return [((), expression)]


def missing_parts(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas with factors, a term, a divisor or a square left out, or another power."""
    for path, part in nodes_with_paths(rhs):
        match part:
            case Operation("*", _, _):
                factors = _factors(part)
                for left_out in (1, 2):
                    for gone in itertools.combinations(factors[:12], left_out):
                        if left_out == len(factors):
                            continue
                        changed: Expression = part
                        for factor_path, _ in gone:
                            changed = replace_at(changed, factor_path, ONE)
                        missing = "*".join(_tight(factor) for _, factor in gone)
                        yield Mistake(
                            replace_at(rhs, path, changed),
                            f"a missing factor: {missing} is left out",
                        )
            case Operation("+" | "-", left, addend):
                if not isinstance(left, Number):
                    yield Mistake(replace_at(rhs, path, left), _left_out(system, addend))
                yield Mistake(replace_at(rhs, path, addend), _left_out(system, left))
            case Operation("/", left, divisor):
                yield Mistake(
                    replace_at(rhs, path, left), f"the division by {_tight(divisor)} is left out"
                )
            case Operation("^", base, Number(2.0)):
                yield Mistake(
                    replace_at(rhs, path, base), f"the square of {to_text(base)} is missing"
                )
                yield Mistake(
                    replace_at(rhs, path, Operation("*", base, TWO)),
                    f"{to_text(base)} is doubled instead of squared",
                )
                yield Mistake(
                    replace_at(rhs, path, Operation("^", base, THREE)),
                    f"the cube of {to_text(base)} instead of its square",
                )
                yield Mistake(
                    replace_at(rhs, path, Call("abs", (base,))),
                    f"the absolute value of {to_text(base)} instead of its square",
                )


def _left_out(system: EquationSystem, term: Expression) -> str:
    if isinstance(term, Name) and term.name in system.biases:
        return f"the bias {term.name} is left out"
    return f"a missing term: {to_text(term)} is left out"


def _tight(part: Expression) -> str:
    written = to_text(part)
    return f"({written})" if isinstance(part, Operation) and part.operator in "+-" else written


def wrong_operators(rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas with one wrong operator, and with + and * exchanged."""
    for path, part in nodes_with_paths(rhs):
        if isinstance(part, Operation):
            for operator in "+-*/^":
                if operator != part.operator:
                    yield Mistake(
                        replace_at(rhs, path, Operation(operator, part.left, part.right)),
                        f"a wrong operator: {operator} instead of {part.operator} "
                        f"{_where(part, rhs)}",
                    )
    yield Mistake(transform(rhs, _exchange_operators), "a wrong operator: + and * are exchanged")
    # In the written formula, a wrong operator can also split a product: a*b + (1 - a)*c.
    written = _spelled(rhs)
    if len(written) > MAX_TEXT:
        return
    for at, sign in enumerate(written):
        if sign in "*/" and written[at - 1 : at + 2] != "E/∂":
            for operator in "+-*/":
                if operator != sign:
                    yield from _parsed(
                        written[:at] + operator + written[at + 1 :],
                        f"a wrong operator: {operator} instead of {sign} before "
                        f"{_next_factor(written[at + 1 :])}",
                    )


def _exchange_operators(node: Expression) -> Expression:
    if isinstance(node, Operation) and node.operator in "+*":
        return Operation("+*".replace(node.operator, ""), node.left, node.right)
    return node


def _next_factor(rest: str) -> str:
    depth = 0
    for at, sign in enumerate(rest):
        depth += (sign == "(") - (sign == ")")
        if depth < 0 or (depth == 0 and at and sign in "*/ "):
            return rest[:at]
        if depth == 0 and sign == ")":
            return rest[: at + 1]
    return rest
