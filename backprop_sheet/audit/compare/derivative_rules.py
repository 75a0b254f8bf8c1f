"""The right formula of a derivative in terms of the intermediate derivatives that a table has."""

from __future__ import annotations

from collections.abc import Collection

from backprop_sheet.equations.intermediates import NEGATIVE, with_other_sign
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Operation,
    names,
    rename,
    substitute,
)

MAX_STEPS = 8  # of the chain rule, one after the other


def right_with(system: EquationSystem, column: str, found: Expression) -> Expression | None:
    """Return the right formula in terms of intermediate derivatives such as a formula uses.

    None if it uses none, or there is no such formula.
    """
    used = dict.fromkeys(name.name for name in names(found))
    derivatives = [name for name in used if name in system.intermediates or name in system.inlined]
    if not derivatives:
        return None
    right = update_with if column in system.updates else rule_with
    return right(system, column, derivatives)


def rule_with(
    system: EquationSystem, column: str, derivatives: Collection[str]
) -> Expression | None:
    """Return the chain rule of a column in terms of derivatives such as the given ones.

    For ∂E/∂w1 and ∂E/∂o1 it is in terms of ∂E/∂o1 and ∂E/∂o2. None if no such rule has derivatives.
    """
    rule = system.chain_rules.get(column.removeprefix(NEGATIVE))
    if rule is None:
        return None
    kinds = {_kind(system, name) for name in derivatives}
    for _ in range(MAX_STEPS):
        others = {
            name.name: system.chain_rules[name.name]
            for name in names(rule)
            if name.name in system.chain_rules and _kind(system, name.name) not in kinds
        }
        if not others:
            break
        rule = substitute(rule, others)
    negative = {_kind(system, name) for name in derivatives if name.startswith(NEGATIVE)}
    if negative:  # t - a of a column of its own tells nothing of δ
        rule = rename(
            rule,
            lambda name: _as_negative(name) if _kind(system, name.name) in negative else name,
        )
    if column.startswith(NEGATIVE):
        rule = Negative(rule)
    return rule if any(_plain(name.name) in system.chain_rules for name in names(rule)) else None


def update_with(
    system: EquationSystem, column: str, derivatives: Collection[str]
) -> Expression | None:
    """Return the update of gradient descent, or of a velocity, in terms of such derivatives.

    If all of these have the other sign, the update adds: ``w1[n-1] + η*−∂E/∂h1[n-1]*i1[n-1]``.
    None if the table has derivatives of both signs, or the update is another one.
    """
    equation = next((one for one in system.equations if one.name == column), None)
    signs = {name.startswith(NEGATIVE) for name in derivatives}
    if equation is None or system.is_batch or len(signs) != 1:
        return None
    factor: Expression | None
    plain = list(map(_plain, derivatives))
    match equation.rhs:
        case Operation("+" | "-" as operator, before, Operation("*", factor, Name(gradient, -1))):
            rule = _gradient_in(system, gradient, plain)
        case Operation("+" as operator, before, Name(gradient, -1)):
            factor, rule = None, _gradient_in(system, gradient, plain)
        case _:
            return None
    if rule is None:
        return None
    sign, is_added = NEGATIVE if signs == {True} else "", operator == "+"

    def above(name: Name) -> Name:
        is_derivative = name.name in system.chain_rules and name.name.startswith("∂E")
        return Name((sign if is_derivative else "") + name.name, name.shift - 1)

    rule = rename(rule, above)
    step = rule if factor is None else Operation("*", factor, rule)
    return Operation("+" if is_added == (sign == "") else "-", before, step)


def _gradient_in(
    system: EquationSystem, gradient: str, derivatives: Collection[str]
) -> Expression | None:
    """Return a gradient in terms of some derivatives, of which it may be one."""
    is_used = gradient in derivatives
    return Name(gradient) if is_used else rule_with(system, gradient, derivatives)


def _kind(system: EquationSystem, derivative: str) -> tuple[object, ...]:
    """Return what a derivative is of and by: of E, by a sum of the second layer."""
    above, _, below = _plain(derivative).partition("/∂")
    parts: list[object] = []
    for name in (above.removeprefix("∂"), below):
        quantity = system.quantities.get(name)
        parts += [name] if quantity is None else [quantity.kind, quantity.layer]
    return tuple(parts)


def _plain(derivative: str) -> str:
    return derivative.removeprefix(NEGATIVE)


def _as_negative(name: Name) -> Expression:
    if name.name.startswith("∂E"):
        return Negative(Name(with_other_sign(name.name), name.shift))
    return name
