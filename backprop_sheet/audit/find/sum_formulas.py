"""The weighted sums among a table's formulas: which products of a weight and a source they add.

The products may stand in helper columns, and a weight is known by its update or its header.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backprop_sheet.audit.find.column_formulas import ColumnFormulas, Node, column_of_name
from backprop_sheet.audit.find.proposals import Proposal
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.names import Kind
from backprop_sheet.symbolic.expressions import CellReference, Expression, Name, Operation

MAX_DEPTH = 3  # helper columns within helper columns: w1*i1 in a column of its own


@dataclass
class WeightedSum:
    """A weighted sum: its products of a weight and a source, and its other terms.

    Attributes:
        others: products of which neither is known to be a weight, as its update is wrong.
    """

    column: int
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    single: list[Node] = field(default_factory=list)
    others: list[tuple[Node, Node]] = field(default_factory=list)


class SumFormulas:
    """Reads the formulas of a table's columns as weighted sums."""

    def __init__(
        self, formulas: ColumnFormulas, proposals: Sequence[Proposal], labels: Mapping[Address, str]
    ) -> None:
        """Know the columns.

        Args:
            labels: the names of cells outside the table.
        """
        self.formulas, self.proposals, self.labels = formulas, proposals, labels

    def read(self) -> list[WeightedSum]:
        """Return the columns whose formulas are weighted sums, in their order."""
        sums = [found for index in range(len(self.proposals)) if (found := self._sum(index))]
        return self._completed(sums)

    def _sum(self, index: int) -> WeightedSum | None:
        """Read a column as a weighted sum; None if it has no product of a weight.

        What only repeats a sum is none: an activation without its function.
        """
        expression = self.formulas.expression(index)
        if expression is None or isinstance(expression, Name) or self.formulas.is_updated(index):
            return None
        found = WeightedSum(index)
        for term in self._terms(expression, MAX_DEPTH):
            if isinstance(term, Operation) and term.operator == "*":
                left, right = self.node(term.left, index), self.node(term.right, index)
                if left is None or right is None:
                    return None
                if self.is_weight(left) and not self.is_weight(right):
                    found.pairs.append((left, right))
                elif self.is_weight(right) and not self.is_weight(left):
                    found.pairs.append((right, left))
                elif not self.is_weight(left):
                    found.others.append((left, right))
                else:
                    return None
            else:
                node = self.node(term, index)
                if node is None:
                    return None
                found.single.append(node)
        return found if found.pairs else None

    def _completed(self, sums: Sequence[WeightedSum]) -> list[WeightedSum]:
        """Return the sums of which each product has an input or a source of other products."""
        sources = {source for one in sums for _, source in one.pairs}
        completed = []
        for one in sums:
            pairs = list(one.pairs)
            for left, right in one.others:
                likely = [node for node in (left, right) if node in sources]
                likely = likely or [node for node in (left, right) if self.is_given(node)]
                if len(likely) == 1:
                    pairs.append((left, right) if likely == [right] else (right, left))
            if len(pairs) == len(one.pairs) + len(one.others):
                completed.append(replace(one, pairs=pairs, others=[]))
        return completed

    def _terms(self, expression: Expression, depth: int) -> Iterator[Expression]:
        """Yield the terms of a sum, whatever their signs; those in helper columns, too."""
        if isinstance(expression, Operation) and expression.operator in "+-":
            yield from self._terms(expression.left, depth)
            yield from self._terms(expression.right, depth)
            return
        node = column_of_name(expression) if isinstance(expression, Name) else None
        if node is not None and depth and not self.proposals[node].names:
            inner = self.formulas.expression(node)
            if isinstance(inner, Operation) and inner.operator in "*+":
                yield from self._terms(inner, depth - 1)
                return
        yield expression

    def node(self, expression: Expression, home: int) -> Node | None:
        """Return the column or the cell outside that a name in a sum stands for, or None.

        A weight of the record above is the weight, and any other cell of a record above a given
        number that stands in the same line.
        """
        if isinstance(expression, CellReference):
            return Address.of(expression)
        if not isinstance(expression, Name):
            return None
        column = column_of_name(expression)
        if expression.shift and not self.is_weight(column):
            return self.formulas.cell(column, home, expression.shift)
        return column

    def is_weight(self, node: Node) -> bool:
        """Whether a node is a weight, by its update, its header or its label."""
        if isinstance(node, Address):
            return self.labels.get(node, " ")[0] == "w"
        proposal = self.proposals[node]
        return self.formulas.is_updated(node) or proposal.kind is Kind.WEIGHT

    def is_given(self, node: Node, depth: int = MAX_DEPTH) -> bool:
        """Whether a node is an input: a cell outside, or a column that only repeats a number."""
        if isinstance(node, Address):
            return True
        expression = self.formulas.expression(node)
        if isinstance(expression, Name):  # =O9 repeats a given number, or what is computed there
            repeated = column_of_name(expression)
            return repeated == node or (depth > 0 and self.is_given(repeated, depth - 1))
        return expression is None
