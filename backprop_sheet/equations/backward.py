"""The equations of the backward pass: the derivatives of the error.

They are derived by reverse-mode differentiation of the forward equations (Rumelhart, Hinton and
Williams, 1986): starting from the error, the derivative of each quantity q is the sum of
∂E/∂u · ∂u/∂q over all quantities u that are computed directly from q.
"""

from __future__ import annotations

from collections.abc import Sequence

from backprop_sheet.equations.equation import Equation, Factor, Path, Step
from backprop_sheet.equations.names import (
    TOTAL_ERROR,
    Kind,
    NetworkNames,
    Quantity,
    gradient_name,
)
from backprop_sheet.exercise.choices import activation_named
from backprop_sheet.exercise.model import Network
from backprop_sheet.symbolic.differentiation import derivative
from backprop_sheet.symbolic.expressions import ONE, Expression, Name, names, transform
from backprop_sheet.symbolic.simplification import product, total


def backward_equations(
    network: Network, network_names: NetworkNames, forward: Sequence[Equation]
) -> list[Equation]:
    """Differentiate the error, layer by layer from the outputs.

    The derivatives by hidden activations, and by the sums of a layer whose activation takes the
    whole layer, have an equation each, which the derivatives of earlier layers use.
    """
    chain = _ReverseMode(network_names, forward)
    layers = list(enumerate(network_names.layers))
    for layer, neurons in reversed(layers):
        for _, activation in neurons:
            chain.differentiate(activation)
            if layer < len(layers) - 1:
                chain.add_equation(activation, Kind.ADJOINT)
                chain.known.add(activation)
        for sum_name, _ in neurons:
            chain.differentiate(sum_name)
            if activation_named(network.activations[layer]).takes_layer:
                chain.add_equation(sum_name, Kind.ADJOINT)
                chain.known.add(sum_name)
        for parameter in (*network_names.layer_weights[layer], *network_names.layer_biases[layer]):
            if parameter in network_names.trained:
                chain.differentiate(parameter)
                chain.add_equation(parameter, Kind.GRADIENT)
    return chain.equations


class _ReverseMode:
    """The derivatives of the error that have been found so far.

    Attributes:
        equations: those that have an equation.
        known: the quantities whose derivative later derivatives refer to by its name.
    """

    def __init__(self, network_names: NetworkNames, forward: Sequence[Equation]) -> None:
        self.equations: list[Equation] = []
        self.known: set[str] = set()
        self._quantities = network_names.quantities
        self._forward = {equation.name: equation.rhs for equation in forward}
        self._values: dict[Expression, Expression] = {
            equation.rhs: Name(equation.name) for equation in forward
        }
        self._users: dict[str, list[str]] = {}  # what is computed directly from a quantity
        for equation in forward:
            for used in dict.fromkeys(names(equation.rhs)):
                self._users.setdefault(used.name, []).append(equation.name)
        self._derivatives: dict[str, Expression] = dict.fromkeys(network_names.errors, ONE)
        self._paths: dict[str, list[Path]] = {error: [()] for error in network_names.errors}

    def differentiate(self, name: str) -> None:
        """Differentiate E_total by a quantity: add the terms of all quantities that use it."""
        terms: list[Expression] = []
        paths: list[Path] = []
        for user in self._users[name]:
            if user == TOTAL_ERROR:
                continue
            local = derivative(self._forward[user], Name(name))
            local = transform(local, lambda node: self._values.get(node, node))
            factor = Factor(user, name, local)
            if user in self.known:
                terms.append(product(Name(gradient_name(user)), local))
                paths.append((Factor("E", user, None), factor))
            else:
                terms.append(product(self._derivatives[user], local))
                paths += [(*path, factor) for path in self._paths[user]]
        self._derivatives[name], self._paths[name] = total(terms), paths

    def add_equation(self, by: str, kind: Kind) -> None:
        """Give the derivative by a quantity an equation."""
        layer, index = self._quantities[by].layer, self._quantities[by].index
        quantity = Quantity(gradient_name(by), kind, layer, index, by)
        rhs, paths = self._derivatives[by], tuple(self._paths[by])
        self.equations.append(Equation(Step.BACKWARD, quantity, rhs, paths))
