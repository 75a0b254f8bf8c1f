"""Given values that have no cell, because formulas contain them as numbers: w1*0.05 + w2*0.1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping

from backprop_sheet.audit.find.column_formulas import ColumnFormulas, column_of_name
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.names import ERROR_KINDS, gradient_name, kind_of
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    names,
    walk,
)

Vote = tuple[str, float]


def numbers_in_formulas(
    system: EquationSystem,
    quantities: Mapping[int, str],
    formulas: ColumnFormulas,
    stated: Container[str],
) -> dict[str, dict[Address, float]]:
    """Return the inputs, targets and fixed biases that formulas contain as numbers, by name.

    What most formulas say is the given value, so that a wrong one in one of them is found. Its
    place is the first cell of a column with such a formula.

    Args:
        quantities: what each column is.
        stated: the given values that the sheets have in cells.
    """
    fixed = (name for name in system.biases if name not in system.trained)
    lacking = {name for name in (*system.inputs, *system.targets, *fixed) if name not in stated}
    if not lacking or system.sample_count > 1:
        return {}
    votes: dict[str, Counter[float]] = {}
    places: dict[Vote, Address] = {}
    for index, quantity in quantities.items():
        expression = formulas.expression(index)
        home = next((cell for cell in formulas.columns[index].cells if cell is not None), None)
        if expression is None or home is None:
            continue
        named = _Named(system, quantities, quantity)
        for vote in dict.fromkeys(named.votes(expression)):
            if vote[0] in lacking:
                votes.setdefault(vote[0], Counter())[vote[1]] += 1
                places.setdefault(vote, home)
    return {name: {places[name, value]: value} for name, value in _most(votes).items()}


def _most(votes: Mapping[str, Counter[float]]) -> dict[str, float]:
    """Return the value of each name that most formulas say.

    Of two that as many say, one that another name has is in the place of the own one by a mistake.
    """
    most = {
        name: [value for value, count in counted.items() if count == max(counted.values())]
        for name, counted in votes.items()
    }
    certain = {name: values[0] for name, values in most.items() if len(values) == 1}
    found = {}
    for name, values in most.items():
        others = [value for other, value in certain.items() if other != name]
        found[name] = next((value for value in values if value not in others), values[0])
    return found


class _Named:
    """What the numbers in the formula of one quantity are."""

    def __init__(
        self, system: EquationSystem, quantities: Mapping[int, str], quantity: str
    ) -> None:
        self.system, self.quantities, self.quantity = system, quantities, quantity
        outputs = (activation for _, activation in system.outputs)
        self.targets: Mapping[str, str] = dict(zip(outputs, system.targets, strict=True))

    def votes(self, expression: Expression) -> Iterator[Vote]:
        """Yield the given values in a formula: their names and numbers."""
        sums = {sum_name for layer in self.system.layers for sum_name, _ in layer}
        if self.quantity in sums:
            yield from self._of_sum(expression)
        elif self.quantity in self._inputs_of_gradients():
            source = self._inputs_of_gradients()[self.quantity]
            yield from ((source, value) for value in _factors(expression))
        yield from self._targets(expression)

    def _inputs_of_gradients(self) -> Mapping[str, str]:
        return {
            gradient_name(weight): connection.source
            for weight, connection in self.system.connections.items()
            if connection.source in self.system.inputs
        }

    def _of_sum(self, expression: Expression) -> Iterator[Vote]:
        """Yield an input for each product of a weight and a number, and a bias for a number."""
        for term in _terms(expression):
            if isinstance(term, Number):
                for bias, sums in self.system.bias_targets.items():
                    if self.quantity in sums:
                        yield bias, term.value
            elif isinstance(term, Operation) and term.operator == "*":
                for factor, other in ((term.left, term.right), (term.right, term.left)):
                    weight = self._quantity(factor)
                    if isinstance(other, Number) and weight in self.system.connections:
                        yield self.system.connections[weight].source, other.value

    def _targets(self, expression: Expression) -> Iterator[Vote]:
        """Yield the targets from which outputs are subtracted, or the other way round.

        In derivatives, 1 - a is the slope of an activation.
        """
        is_error = kind_of(self.quantity) in ERROR_KINDS and self._is_of_differences()
        for node in walk(expression):
            if not isinstance(node, Operation) or node.operator != "-":
                continue
            for number, other in ((node.left, node.right), (node.right, node.left)):
                target = self.targets.get(self._quantity(other))
                if isinstance(number, Number) and target and (is_error or number.value != 1):
                    yield target, number.value

    def _is_of_differences(self) -> bool:
        """Whether the loss is computed from the differences of targets and outputs only."""
        error = self.system.within_row.get(self.system.errors[0])
        return error is not None and len(names(error)) == 2

    def _quantity(self, expression: Expression) -> str:
        """Return the quantity of a column; "" if it is none."""
        if not isinstance(expression, Name):
            return ""
        return self.quantities.get(column_of_name(expression), "")


def _terms(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, Operation) and expression.operator == "+":
        yield from _terms(expression.left)
        yield from _terms(expression.right)
    else:
        yield expression


def _factors(expression: Expression) -> Iterator[float]:
    """Yield the numbers that multiply the rest of a formula."""
    if isinstance(expression, Negative):
        yield from _factors(expression.operand)
    elif isinstance(expression, Operation) and expression.operator == "*":
        for part in (expression.left, expression.right):
            if isinstance(part, Number):
                yield part.value
            else:
                yield from _factors(part)
