"""Which weight leads where: read from the formulas of the sums, or from their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, permutations
from operator import itemgetter
from typing import TypeVar

import numpy as np

from backprop_sheet.audit.compare.record_values import TOLERANCE
from backprop_sheet.audit.find.evidence import Array, Evidence
from backprop_sheet.audit.find.proposals import Proposal
from backprop_sheet.audit.find.tables import Column
from backprop_sheet.audit.read.formula_parser import UnreadableFormulaError, parse_formula
from backprop_sheet.audit.read.spellings import visible
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.names import Kind, kind_of
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import (
    CellReference,
    Expression,
    Name,
    Operation,
    names,
    walk,
)

MAX_DEPTH = 3  # helper columns within helper columns: w1*i1 in a column of its own
MAX_ORDERS = 20_000  # orders of weights that are tried for one sum

Node = int | Address  # the index of a column, or a cell outside
Item = TypeVar("Item")


@dataclass
class Structure:
    """What leads where.

    Attributes:
        columns: the column of each quantity.
        constants: the cell outside the table of each input or bias.
    """

    columns: dict[str, int] = field(default_factory=dict)
    constants: dict[str, Address] = field(default_factory=dict)

    def put(self, name: str, node: Node) -> None:
        """Note where a quantity is."""
        if isinstance(node, Address):
            self.constants[name] = node
        else:
            self.columns[name] = node


@dataclass
class _Sum:
    column: int
    pairs: list[tuple[Node, Node]]  # weight and source
    single: list[Node]
    layer: int = 0


class Formulas:
    """The formulas of one record's cells, as expressions of columns and of cells outside."""

    def __init__(self, columns: Sequence[Column], records: int) -> None:
        """Read the second record, as the first one has no updates."""
        self.columns = columns
        self.record = min(1, records - 1)
        self._places: dict[Address, tuple[int, int]] = {}
        for record in (self.record - 1, self.record):
            if record < 0:
                continue
            for index, column in enumerate(columns):
                if (cell := column.cells[record]) is not None:
                    self._places.setdefault(cell, (index, record))
        self._expressions: dict[int, Expression | None] = {}

    def expression(self, index: int) -> Expression | None:
        """Return the formula of a column; None if it has none that can be read."""
        if index not in self._expressions:
            self._expressions[index] = self._parse(index)
        return self._expressions[index]

    def _parse(self, index: int) -> Expression | None:
        column = self.columns[index]
        formula, home = column.formula(self.record), column.cells[self.record]
        if formula is None or home is None:
            return None
        sheet = column.sheets[home.sheet]

        def resolve(title: str | None, row: int, over: int) -> Expression:
            address = Address(title or home.sheet, row, over)
            place = self._places.get(address)
            if place is None:
                return CellReference(address.sheet, row, over)
            return Name(f"#{place[0]}", place[1] - self.record)

        try:
            return parse_formula(
                formula,
                resolve,
                defined_names=sheet.defined_names,
                header=self._column_of_header,
                home=(home.row, home.column),
            )
        except UnreadableFormulaError:
            return None

    def _column_of_header(self, written: str) -> Expression | None:
        """Return the column that a structured reference names: ``Table1[@w1]``."""
        wanted = visible(written).strip().casefold()
        for index, column in enumerate(self.columns):
            if visible(column.text).strip().casefold() == wanted:
                return Name(f"#{index}")
        return None

    def is_updated(self, index: int) -> bool:
        """Whether a column's formula uses the column's own value of the record above."""
        expression = self.expression(index)
        return expression is not None and Name(f"#{index}", -1) in names(expression)

    def used(self, index: int) -> set[int]:
        """Return the columns that a formula uses in its own record."""
        expression = self.expression(index)
        if expression is None:
            return set()
        return {int(name.name[1:]) for name in names(expression) if name.shift == 0}

    @cached_property
    def referred(self) -> set[int]:
        """The columns that formulas use, in their own record or the one above."""
        expressions = map(self.expression, range(len(self.columns)))
        return {
            int(name.name[1:])
            for expression in expressions
            if expression is not None
            for name in names(expression)
        }


def node_of(expression: Expression) -> Node | None:
    """Return the column or the cell that a name stands for, or None."""
    if isinstance(expression, CellReference):
        return Address(expression.sheet, expression.row, expression.column)
    if isinstance(expression, Name) and not expression.shift:
        return int(expression.name[1:])
    return None


def outside_cells(formulas: Formulas) -> list[Address]:
    """Return the cells outside the table that its formulas use, in order."""
    found: dict[Address, None] = {}
    for index in range(len(formulas.columns)):
        expression = formulas.expression(index)
        for leaf in walk(expression) if expression is not None else ():
            if isinstance(leaf, CellReference):
                found.setdefault(Address(leaf.sheet, leaf.row, leaf.column))
    return list(found)


def structure_of(
    system: EquationSystem,
    formulas: Formulas,
    proposals: Sequence[Proposal],
    labels: Mapping[Address, str],
) -> Structure | None:
    """Read from the formulas of the sums which weight leads where; None if that does not fit.

    Args:
        labels: the names of cells outside the table.
    """
    return _Reader(system, formulas, proposals, labels).read()


class _Reader:
    def __init__(
        self,
        system: EquationSystem,
        formulas: Formulas,
        proposals: Sequence[Proposal],
        labels: Mapping[Address, str],
    ) -> None:
        self.system, self.formulas = system, formulas
        self.proposals, self.labels = proposals, labels

    def read(self) -> Structure | None:
        sums = [found for index in range(len(self.proposals)) if (found := self._sum(index))]
        result = Structure()
        sources: list[Node] = []
        of_sum: dict[int, int] = {}
        for layer, neurons in enumerate(self.system.layers):
            if layer == 0:
                mine = [one for one in sums if all(self._is_given(src) for _, src in one.pairs)]
                if not mine:
                    return None
                sources = self._in_order(
                    list(dict.fromkeys(src for one in mine for _, src in one.pairs)),
                    Kind.INPUT,
                )
                if len(sources) != len(self.system.inputs):
                    return None
                for name, node in zip(self.system.inputs, sources, strict=True):
                    result.put(name, node)
            else:
                before = set(sources)
                mine = [
                    one for one in sums if one.pairs and {src for _, src in one.pairs} <= before
                ]
            if len(mine) != len(neurons):
                return None
            mine = self._ordered_sums(mine)
            if not self._put_layer(result, layer, mine, sources):
                return None
            of_sum = {one.column: index for index, one in enumerate(mine)}
            sources = self._activations(of_sum)
            if len(sources) != len(neurons):
                return result if layer == len(self.system.layers) - 1 else None
        return result

    def _sum(self, index: int) -> _Sum | None:
        expression = self.formulas.expression(index)
        if expression is None or self.formulas.is_updated(index):
            return None
        found = _Sum(index, [], [])
        for term in self._terms(expression, MAX_DEPTH):
            if isinstance(term, Operation) and term.operator == "*":
                left, right = node_of(term.left), node_of(term.right)
                if left is None or right is None:
                    return None
                if self._is_weight(left) and not self._is_weight(right):
                    found.pairs.append((left, right))
                elif self._is_weight(right) and not self._is_weight(left):
                    found.pairs.append((right, left))
                else:
                    return None
            else:
                node = node_of(term)
                if node is None:
                    return None
                found.single.append(node)
        return found if found.pairs and self._has_size(found) else None

    def _has_size(self, found: _Sum) -> bool:
        return len(found.pairs) in {len(self.system.inputs), *map(len, self.system.layers)}

    def _terms(self, expression: Expression, depth: int) -> Iterator[Expression]:
        """Yield the terms of a sum; those in helper columns, too."""
        if isinstance(expression, Operation) and expression.operator == "+":
            yield from self._terms(expression.left, depth)
            yield from self._terms(expression.right, depth)
            return
        node = node_of(expression)
        if isinstance(node, int) and depth and not self.proposals[node].names:
            inner = self.formulas.expression(node)
            if isinstance(inner, Operation) and inner.operator in "*+":
                yield from self._terms(inner, depth - 1)
                return
        yield expression

    def _is_weight(self, node: Node) -> bool:
        if isinstance(node, Address):
            return self.labels.get(node, " ")[0] == "w"
        proposal = self.proposals[node]
        return self.formulas.is_updated(node) or proposal.kind is Kind.WEIGHT

    def _is_given(self, node: Node) -> bool:
        """Whether a node is an input: a cell outside, or a column that only repeats a number."""
        if isinstance(node, Address):
            return True
        expression = self.formulas.expression(node)
        return (
            expression is None or isinstance(expression, Name)
        ) and not self.formulas.is_updated(node)

    def _number(self, node: Node, kinds: tuple[Kind, ...]) -> tuple[int, ...] | None:
        if isinstance(node, Address):
            found: Sequence[str] = [self.labels[node]] if node in self.labels else []
        else:
            found = self.proposals[node].names
        for name in found:
            if kind_of(name) in kinds:
                digits = "".join(sign if sign.isdigit() else " " for sign in name).split()
                if digits:
                    return tuple(map(int, digits))
        return None

    def _in_order(self, nodes: list[Node], kind: Kind) -> list[Node]:
        return _by_number(nodes, [self._number(node, (kind,)) for node in nodes])

    def _ordered_sums(self, sums: list[_Sum]) -> list[_Sum]:
        kinds = (Kind.SUM, Kind.ACTIVATION)
        return _by_number(sums, [self._number(one.column, kinds) for one in sums])

    def _put_layer(
        self, result: Structure, layer: int, sums: Sequence[_Sum], sources: Sequence[Node]
    ) -> bool:
        system = self.system
        weights = iter(system.layer_weights[layer])
        for (sum_name, _), one in zip(system.layers[layer], sums, strict=True):
            result.put(sum_name, one.column)
            leads = {source: weight for weight, source in one.pairs}
            if set(leads) != set(sources) or len(one.pairs) != len(sources):
                return False
            for source in sources:
                result.put(next(weights), leads[source])
            for name, targets in system.bias_targets.items():
                if sum_name in targets and len(one.single) == 1:
                    result.put(name, one.single[0])
        used = [weight for one in sums for weight, _ in one.pairs]
        return len(set(used)) == len(used)

    def _activations(self, of_sum: Mapping[int, int]) -> list[Node]:
        """Return the columns that are computed from one sum each, in the order of the sums."""
        found: dict[int, int] = {}
        for index in range(len(self.proposals)):
            used = self.formulas.used(index)
            if len(used) == 1 and (sum_column := next(iter(used))) in of_sum:
                found.setdefault(of_sum[sum_column], index)
        return [found[index] for index in sorted(found)]


# --- by numbers -----------------------------------------------------------------------------------


def structure_by_numbers(
    system: EquationSystem, evidence: Evidence, base: Mapping[str, int], weights: Sequence[int]
) -> Structure | None:
    """Find which weight leads where by trying the orders of the weights.

    Args:
        base: the columns as their headers say; inputs, sums and activations are taken from these.
        weights: the columns that may be weights.
    """
    result = Structure(dict(base))
    values = evidence.numbers.values
    taken: set[int] = set()
    sources: Sequence[str] = system.inputs
    for layer, neurons in enumerate(system.layers):
        names_of_weights = iter(system.layer_weights[layer])
        known = [_source(evidence, base, name) for name in sources]
        if any(column is None for column in known):
            return None
        for sum_name, _ in neurons:
            mine = [next(names_of_weights) for _ in sources]
            if sum_name not in base:
                return None
            free = [index for index in weights if index not in taken]
            target = values[base[sum_name]]
            order = _order(free, [base.get(name) for name in mine], known, target, evidence)
            if order is None:
                return None
            taken.update(order)
            result.columns |= dict(zip(mine, order, strict=True))
        sources = [activation for _, activation in neurons]
    return result


def _by_number(items: list[Item], numbers: list[tuple[int, ...] | None]) -> list[Item]:
    """Return the items in the order of their numbers, if each has one of its own."""
    known = [number for number in numbers if number is not None]
    if len(set(known)) < len(items):
        return items
    return [item for _, item in sorted(zip(known, items, strict=True), key=itemgetter(0))]


def _source(evidence: Evidence, base: Mapping[str, int], name: str) -> Array | None:
    if name in base:
        values: Array = evidence.numbers.values[base[name]]
        return values
    if name in evidence.constants:
        return np.full(evidence.numbers.values.shape[1], evidence.constants[name])
    return None


def _order(
    free: Sequence[int],
    first: Sequence[int | None],
    sources: Sequence[np.ndarray | None],
    target: np.ndarray,
    evidence: Evidence,
) -> tuple[int, ...] | None:
    """Return the weights whose products with the sources add up to a sum."""
    values = evidence.numbers.values
    orders: list[tuple[int, ...]] = [
        tuple(index for index in first if index is not None)  # as the headers say
    ]
    candidates = [*orders, *islice(permutations(free, len(sources)), MAX_ORDERS)]
    half = evidence.numbers.half_units
    for order in candidates:
        if len(order) != len(sources) or not set(order) <= set(free):
            continue
        total = np.zeros(len(target))
        slack = np.zeros(len(target))
        for index, source in zip(order, sources, strict=True):
            assert source is not None
            total = total + values[index] * source
            slack = slack + half[index] * np.abs(source)
        known = ~np.isnan(total) & ~np.isnan(target)
        if not known.any():
            continue
        allowed = TOLERANCE * np.maximum(np.abs(total), np.abs(target)) + 1e-15 + slack
        if np.mean(np.abs(total - target)[known] <= allowed[known]) >= 0.9:
            return order
    return None
