"""The intermediate derivatives that people give columns of their own: δ_o1, ∂E/∂a_o1, ∂a_o1/∂o1 …

They follow from each other by the chain rule: ∂E/∂x is the sum of ∂E/∂u * ∂u/∂x over all
quantities u that are computed directly from x (Rumelhart, Hinton and Williams, 1986). The same
holds for the error of one output, E1. δ_o1 is another name of ∂E/∂o1. Some textbooks define it with
the other sign, as (t1 - a_o1)*a_o1*(1 - a_o1), which is here called −∂E/∂o1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backprop_sheet.equations.names import TOTAL_ERROR, Kind, NetworkNames, kind_of
from backprop_sheet.symbolic.differentiation import derivative
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Operation,
    names,
    size,
    substitute,
    transform,
)
from backprop_sheet.symbolic.simplification import product, total

MAX_OUTPUTS = 4  # of a network whose outputs' errors are differentiated one by one
# Definitions with more leaves than this refer to other intermediate derivatives by their names.
MAX_DEFINITION = 400
NEGATIVE = "−"  # before the name of a derivative whose column has the other sign


def with_other_sign(name: str) -> str:
    """Return the name of a derivative whose column has the other sign."""
    return name.removeprefix(NEGATIVE) if name.startswith(NEGATIVE) else NEGATIVE + name


def is_derivative(name: str) -> bool:
    """Whether a name is that of a derivative, with either sign: ∂E/∂w1, −∂E/∂o1, ∂a_o1/∂o1."""
    return name.removeprefix(NEGATIVE).startswith("∂")


def is_slope(name: str) -> bool:
    """Whether a quantity is the derivative of an activation by its sum: ∂a_o1/∂o1."""
    return name.startswith("∂a_")


def chain_rules(
    network_names: NetworkNames, forward: Mapping[str, Expression]
) -> dict[str, Expression]:
    """Return every derivative in terms of other derivatives, in the order of computation.

    Args:
        forward: the right-hand sides of the sums, activations and errors.
    """
    rules = _ChainRules(network_names, forward)
    result = dict(rules.slopes())
    errors = network_names.errors if 1 < len(network_names.errors) <= MAX_OUTPUTS else ()
    for error in ("E", *errors):
        for by in rules.variables():
            terms = list(rules.terms(error, by))
            if terms:
                result[f"∂{error}/∂{by}"] = total(terms)
    return result


class _ChainRules:
    def __init__(self, network_names: NetworkNames, forward: Mapping[str, Expression]) -> None:
        self._names, self._forward = network_names, forward
        self._users: dict[str, list[str]] = {}  # what is computed directly from a quantity
        for name, rhs in forward.items():
            if name != TOTAL_ERROR:
                for used in dict.fromkeys(names(rhs)):
                    self._users.setdefault(used.name, []).append(name)
        neurons = [neuron for layer in network_names.layers for neuron in layer]
        self._values: dict[Expression, Expression] = {forward[a]: Name(a) for _, a in neurons}
        self._locals: dict[tuple[str, str], Expression] = {}
        self._slopes = {(a, s): f"∂{a}/∂{s}" for s, a in neurons}

    def slopes(self) -> Iterator[tuple[str, Expression]]:
        """Yield ∂a_o1/∂o1 for every neuron."""
        for (activation, sum_name), name in self._slopes.items():
            yield name, self._local(activation, sum_name)

    def variables(self) -> Iterator[str]:
        """Yield what is differentiated by, layer by layer from the outputs."""
        by_layer = zip(
            self._names.layers, self._names.layer_weights, self._names.layer_biases, strict=True
        )
        for neurons, weights, biases in reversed(list(by_layer)):
            yield from (activation for _, activation in neurons)
            yield from (sum_name for sum_name, _ in neurons)
            yield from (*weights, *biases)

    def terms(self, error: str, by: str) -> Iterator[Expression]:
        """Yield the terms of ∂error/∂by, one per quantity that is computed from ``by``."""
        for user in self._users.get(by, ()):
            if not self._depends(error, user):
                continue
            if user in self._names.errors:
                yield self._local(user, by)
            elif (slope := self._slopes.get((user, by))) is not None:
                yield product(Name(f"∂{error}/∂{user}"), Name(slope))
            else:
                yield product(Name(f"∂{error}/∂{user}"), self._local(user, by))

    def _depends(self, error: str, name: str) -> bool:
        if name in self._names.errors:
            return error in ("E", name)
        return any(self._depends(error, user) for user in self._users.get(name, ()))

    def _local(self, user: str, by: str) -> Expression:
        """Return ∂user/∂by in terms of the quantities themselves: a_o1*(1 - a_o1)."""
        if (user, by) not in self._locals:
            result = derivative(self._forward[user], Name(by))
            self._locals[user, by] = transform(result, lambda node: self._values.get(node, node))
        return self._locals[user, by]


def intermediate_definitions(
    rules: Mapping[str, Expression],
    columns: Mapping[str, Expression],
    inlined: Mapping[str, Expression],
) -> dict[str, Expression]:
    """Return the derivatives in terms of the columns, with both signs of those of the error.

    Args:
        rules: as :func:`chain_rules` returns them.
        columns: the right-hand sides of the derivatives that are columns of the table.
        inlined: the right-hand sides of the other derivatives that are known.
    """
    result: dict[str, Expression] = {}
    for name, rule in rules.items():
        if name not in columns and name not in inlined:
            definition = transform(substitute(rule, {**inlined, **result}), _without_parentheses)
            result[name] = definition if size(definition) <= MAX_DEFINITION else rule
    known = {**columns, **inlined, **result}
    for name in rules:
        if name.startswith("∂E"):
            result[NEGATIVE + name] = Negative(known[name])
    return result


def _without_parentheses(node: Expression) -> Expression:
    """Write a*(b*c) as a*b*c."""
    match node:
        case Operation("*", left, Operation("*", middle, right)):
            return Operation("*", _without_parentheses(Operation("*", left, middle)), right)
    return node


def explain_intermediate(name: str) -> str:
    """Say in words what a derivative is."""
    positive = name.removeprefix(NEGATIVE)
    of, _, by = positive.removeprefix("∂").partition("/∂")
    what = "the total error" if of == "E" else of
    words = f"how fast {what} changes with {by}"
    if of == "E" and kind_of(by) is Kind.SUM:
        words += f" (δ_{by} in many textbooks)"
    return words if name == positive else f"the negative of {words}"
