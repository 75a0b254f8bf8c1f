"""Write expressions as sums of products, so that it does not matter how they are spelled.

``w1*i1 + b``, ``b + i1*w1`` and ``(i1*w1 + b)`` are the same polynomial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    children,
    names,
)

MAX_TERMS = 200  # of a polynomial
MAX_DEGREE = 6

# The factors of a term, sorted by their text; a factor that occurs twice is a square.
Monomial = tuple[Expression, ...]
# The coefficient of each term; the term without factors is a constant.
Polynomial = Mapping[Monomial, float]


def polynomial(expression: Expression) -> Polynomial | None:
    """Multiply an expression out; None if it has too many terms.

    Parts that are no polynomials, as calls, are factors as they are.
    """
    match expression:
        case Number(value):
            return {(): value}
        case Negative(operand):
            return _scaled(polynomial(operand), -1.0)
        case Operation("+" | "-" as sign, left, right):
            return _added(
                polynomial(left), _scaled(polynomial(right), 1.0 if sign == "+" else -1.0)
            )
        case Operation("*", left, right):
            return _multiplied(polynomial(left), polynomial(right))
        case Operation("/", left, right):
            divisor = polynomial(right)
            if divisor is not None and set(divisor) == {()} and divisor[()]:
                return _scaled(polynomial(left), 1 / divisor[()])
        case Operation("^", base, Number(exponent)) if exponent in (1.0, 2.0, 3.0):
            result = factor = polynomial(base)
            for _ in range(int(exponent) - 1):
                result = _multiplied(result, factor)
            return result
    return {(expression,): 1.0}


def _scaled(terms: Polynomial | None, factor: float) -> Polynomial | None:
    return None if terms is None else {term: factor * value for term, value in terms.items()}


def _added(left: Polynomial | None, right: Polynomial | None) -> Polynomial | None:
    if left is None or right is None:
        return None
    result = dict(left)
    for term, value in right.items():
        result[term] = result.get(term, 0.0) + value
        if not result[term]:
            del result[term]
    return result if len(result) <= MAX_TERMS else None


def _multiplied(left: Polynomial | None, right: Polynomial | None) -> Polynomial | None:
    if left is None or right is None or len(left) * len(right) > MAX_TERMS:
        return None
    result: dict[Monomial, float] = {}
    for first, a in left.items():
        for second, b in right.items():
            if len(first) + len(second) > MAX_DEGREE:
                return None
            term = tuple(sorted((*first, *second), key=repr))
            result[term] = result.get(term, 0.0) + a * b
    return {term: value for term, value in result.items() if value}


def is_unit(factor: float) -> bool:
    """Whether a factor is 1 or -1, but for the rounding of what it was computed from."""
    return abs(abs(factor) - 1) <= 1e-9


def is_in_names(terms: Polynomial) -> bool:
    """Whether a polynomial has no factors but names."""
    return all(isinstance(factor, Name) for term in terms for factor in term)


def largest_polynomials(expression: Expression) -> Iterator[tuple[Expression, Polynomial]]:
    """Yield the largest parts of an expression that are polynomials in names, with these."""
    if not any(names(expression)):
        return
    terms = polynomial(expression)
    if terms is not None and is_in_names(terms):
        yield expression, terms
        return
    for child in children(expression):
        yield from largest_polynomials(child)
