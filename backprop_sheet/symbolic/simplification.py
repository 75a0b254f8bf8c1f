"""Simplify sums and products, and keep the order in which they were written.

A product becomes ``coefficient * factors / divisors``; factors that are also divisors cancel. A sum
without divisors is expanded and collected if that makes it shorter: for the cross-entropy with a
sigmoid, the gradient ``(-t/a + (1 - t)/(1 - a))*a*(1 - a)`` becomes ``a - t``. The coefficients are
exact fractions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from backprop_sheet.symbolic.expressions import (
    ONE,
    ZERO,
    Expression,
    Negative,
    Number,
    Operation,
    size,
)

Exact = int | Fraction  # integers are faster
Monomial = tuple[Expression, ...]  # atoms, in the order in which they first occurred


@dataclass(frozen=True)
class Product:
    """``coefficient * factors[0] * factors[1] … / divisors[0] …``."""

    coefficient: Exact
    factors: tuple[Expression, ...] = ()
    divisors: tuple[Expression, ...] = ()


def product(*parts: Expression) -> Expression:
    """Multiply and simplify.

    A sum with divisors among the parts is multiplied out if all of its divisors cancel.
    """
    for index, part in enumerate(parts):
        terms = _terms(part)
        if len(terms) > 1 and any(term.divisors for term in terms):
            others = [*parts[:index], *parts[index + 1 :]]
            multiplied = [_as_product([*others, _written(term)]) for term in terms]
            if not any(term.divisors for term in multiplied):
                return _shortest_sum(multiplied)
    return _written(_as_product(parts))


def total(parts: Iterable[Expression]) -> Expression:
    """Add and simplify."""
    terms = [term for part in parts for term in _terms(part)]
    terms = [term for term in terms if term.coefficient]
    return _shortest_sum(terms) if terms else ZERO


def negative(expression: Expression) -> Expression:
    """Change the sign. The operands of a difference are exchanged."""
    return product(Number(-1.0), expression)


def _as_product(parts: Iterable[Expression]) -> Product:
    coefficient: Exact = 1
    factors: list[Expression] = []
    divisors: list[Expression] = []

    def take(part: Expression, inverse: bool) -> None:
        nonlocal coefficient
        match part:
            case Number(value):
                exact = int(value) if value == int(value) else Fraction(value)
                coefficient = Fraction(coefficient) / exact if inverse else coefficient * exact
            case Negative(operand):
                coefficient = -coefficient
                take(operand, inverse)
            case Operation("*", left, right):
                take(left, inverse)
                take(right, inverse)
            case Operation("/", left, right):
                take(left, inverse)
                take(right, not inverse)
            case _:
                own, opposite = (divisors, factors) if inverse else (factors, divisors)
                if part in opposite:
                    opposite.remove(part)
                else:
                    own.append(part)

    for part in parts:
        take(part, False)
    return Product(coefficient, tuple(factors), tuple(divisors))


def _written(term: Product) -> Expression:
    """Write a product; if it is negative and has a difference, exchange the operands of that."""
    coefficient, factors = term.coefficient, list(term.factors)
    if not coefficient:
        return ZERO
    if coefficient < 0:
        for index, factor in enumerate(factors):
            if (
                isinstance(factor, Operation)
                and factor.operator == "-"
                and not isinstance(factor.left, Number)
            ):
                factors[index] = Operation("-", factor.right, factor.left)
                coefficient = -coefficient
                break
    sign = coefficient < 0
    coefficient = -coefficient if sign else coefficient
    numerator: list[Expression] = factors or [ONE]
    if coefficient.numerator != 1:
        number = Number(float(coefficient.numerator))
        numerator = [number, *factors] if factors else [number]
    result = reduce(lambda left, right: Operation("*", left, right), numerator)
    divisors = list(term.divisors)
    if coefficient.denominator != 1:
        divisors.append(Number(float(coefficient.denominator)))
    for divisor in divisors:
        result = Operation("/", result, divisor)
    return Negative(result) if sign else result


def _terms(expression: Expression) -> list[Product]:
    match expression:
        case Operation("+", left, right):
            return _terms(left) + _terms(right)
        case Operation("-", left, right):
            return _terms(left) + [_negated(term) for term in _terms(right)]
        case Negative(operand):
            return [_negated(term) for term in _terms(operand)]
    return [_as_product([expression])]


def _negated(term: Product) -> Product:
    return replace(term, coefficient=-term.coefficient)


def _sum_of(terms: list[Product]) -> Expression:
    """Write a sum of terms, a positive term first."""
    parts = [_written(term) for term in terms]
    first = next((i for i, part in enumerate(parts) if not isinstance(part, Negative)), 0)
    result = parts[first]
    for part in (*parts[:first], *parts[first + 1 :]):
        if isinstance(part, Negative):
            result = Operation("-", result, part.operand)
        else:
            result = Operation("+", result, part)
    return result


def _shortest_sum(terms: list[Product]) -> Expression:
    plain = _sum_of(terms)
    if len(terms) == 1 or any(term.divisors for term in terms):
        return plain
    expanded = _expand(terms)
    if len(expanded) > 4 * len(terms):
        return plain
    collected = _collect(expanded)
    return collected if _cost(collected) < _cost(plain) else plain


def _cost(expression: Expression) -> int:
    return 2 * size(expression) + isinstance(expression, Negative)


def _expand(terms: list[Product]) -> dict[Monomial, Exact]:
    """Multiply out and return the coefficients of the monomials.

    The factors of a monomial are atoms: names, calls, powers and sums with divisors.
    """
    result: dict[Monomial, Exact] = {}
    for term in terms:
        grown: dict[Monomial, Exact] = {(): term.coefficient}
        for factor in term.factors:
            following: dict[Monomial, Exact] = {}
            parts = _terms(factor)
            if any(part.divisors for part in parts):
                parts = [Product(1, (factor,))]
            for part in parts:
                for monomial, coefficient in grown.items():
                    key = tuple(sorted((*monomial, *part.factors), key=repr))
                    following[key] = following.get(key, 0) + coefficient * part.coefficient
            grown = following
        for monomial, coefficient in grown.items():
            result[monomial] = result.get(monomial, 0) + coefficient
    return {monomial: coefficient for monomial, coefficient in result.items() if coefficient}


def _collect(monomials: dict[Monomial, Exact]) -> Expression:
    """Write a polynomial with its most common atom factored out."""
    counts = Counter(atom for monomial in monomials for atom in dict.fromkeys(monomial))
    shared = [atom for atom, count in counts.items() if count > 1]
    if not shared:
        return _sum_of([Product(c, m) for m, c in monomials.items()]) if monomials else ZERO
    common = max(shared, key=lambda atom: counts[atom])
    inner: list[Product] = []
    rest: list[Product] = []
    for monomial, coefficient in monomials.items():
        if common in monomial:
            others = list(monomial)
            others.remove(common)
            inner.append(Product(coefficient, tuple(others)))
        else:
            rest.append(Product(coefficient, monomial))
    factored = _as_product([common, _sum_of(inner)])
    return _sum_of([factored, *rest])
