"""Which weight leads where, read from the formulas of the sums.

One wrong formula does not hide the rest: what a sum lacks follows from what the others leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, permutations
from operator import itemgetter

from backprop_sheet.audit.find.alike_formulas import alike
from backprop_sheet.audit.find.column_formulas import ColumnFormulas, Node
from backprop_sheet.audit.find.numbered_order import in_order_of
from backprop_sheet.audit.find.proposals import Proposal
from backprop_sheet.audit.find.sum_formulas import MAX_DEPTH, SumFormulas, WeightedSum
from backprop_sheet.audit.read.header_numbers import common_end, numbers_in, split_at_number
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.names import Kind, kind_of
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import walk

MAX_UNSURE = 3  # weights whose place wrong sums leave open
MAX_STRUCTURES = 6  # that are tried for these
# How little the header of an activation fits the sum that it is computed from.
UNKNOWN, OTHER = 1, 2


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
class _Layer:
    """The sums of a layer, and the nodes that they have in common."""

    sums: list[WeightedSum]
    sources: list[Node]


def structures_of(
    system: EquationSystem,
    formulas: ColumnFormulas,
    proposals: Sequence[Proposal],
    labels: Mapping[Address, str],
) -> Iterator[Structure]:
    """Yield what the formulas of the sums say; several if wrong sums leave it open.

    Args:
        labels: the names of cells outside the table.
    """
    return _StructureReader(system, formulas, proposals, labels).read()


class _StructureReader:
    def __init__(
        self,
        system: EquationSystem,
        formulas: ColumnFormulas,
        proposals: Sequence[Proposal],
        labels: Mapping[Address, str],
    ) -> None:
        self.system, self.formulas = system, formulas
        self.proposals, self.labels = proposals, labels
        self.sums = SumFormulas(formulas, proposals, labels)

    def read(self) -> Iterator[Structure]:
        """Yield the structures, the likely ones first."""
        layers = self._layers(self.sums.read())
        if layers is None:
            return
        targets = self._targets(layers[-1])
        for weights in self._weights(layers):
            result = Structure()
            for name, node in targets.items():
                result.put(name, node)
            for name, node in zip(self.system.inputs, layers[0].sources, strict=True):
                result.put(name, node)
            for name, node in weights.items():
                result.put(name, node)
            for neurons, layer, after in zip(
                self.system.layers, layers, [*layers[1:], None], strict=True
            ):
                for place, (sum_name, activation) in enumerate(neurons):
                    result.put(sum_name, layer.sums[place].column)
                    if after is not None:
                        result.put(activation, after.sources[place])
            self._put_biases(result, layers)
            yield result

    def _put_biases(self, result: Structure, layers: Sequence[_Layer]) -> None:
        """Note the biases: what most sums of a layer add, and those of other layers do not."""
        singles = {
            sum_name: found.single[0]
            for neurons, layer in zip(self.system.layers, layers, strict=True)
            for (sum_name, _), found in zip(neurons, layer.sums, strict=True)
            if len(found.single) == 1
        }
        every = Counter(singles.values())
        claims: dict[Node, list[str]] = {}
        for name, targets in self.system.bias_targets.items():
            mine = Counter(singles[one] for one in targets if one in singles)
            if mine:
                likely = max(mine, key=lambda node: (2 * mine[node] - every[node], mine[node]))
                result.put(name, likely)
                claims.setdefault(likely, []).append(name)
        for node, claimed_by in claims.items():
            self._separate(result, node, claimed_by, every)

    def _separate(
        self, result: Structure, node: Node, biases: Sequence[str], used: Container[Node]
    ) -> None:
        """Give one of two biases that are the same column that which no sum adds, by a mistake."""
        spare = [
            index
            for index, proposal in enumerate(self.proposals)
            if proposal.kind is Kind.BIAS and index not in used
        ]
        if isinstance(node, Address) or len(spare) != len(biases) - 1:
            return
        headed = (name for name in biases if name in self.proposals[node].names)
        owner = next(headed, biases[0])
        others = [name for name in biases if name != owner]
        for name, index in zip(others, spare, strict=True):
            result.put(name, index)

    # --- layers ---

    def _layers(self, sums: Sequence[WeightedSum]) -> list[_Layer] | None:
        """Return the layers in order; None if the formulas do not show them."""
        sources = self._inputs(sums)
        left = list(sums)
        layers: list[_Layer] = []
        for neurons in self.system.layers:
            if sources is None or len(sources) != (
                len(layers[-1].sums) if layers else len(self.system.inputs)
            ):
                return None
            mine = self._sums_from(left, sources, [name for name, _ in neurons])
            if mine is None:
                return None
            layers.append(_Layer(mine, sources))
            left = [one for one in left if one not in mine]
            sources = self._activations(mine, left)
        return layers

    def _inputs(self, sums: Sequence[WeightedSum]) -> list[Node] | None:
        """Return the nodes that the first sums are computed from."""
        count = len(self.system.inputs)
        times = Counter(
            source
            for one in sums
            if all(self.sums.is_given(source) for _, source in one.pairs)
            for _, source in one.pairs
        )
        ranked = sorted(
            times, key=lambda node: (-times[node], self._number(node, (Kind.INPUT,)) is None)
        )
        if len(ranked) < count:
            return None
        inputs = [node for node in times if node in ranked[:count]]  # as the sums have them
        return in_order_of(inputs, [self._number(node, (Kind.INPUT,)) for node in inputs])

    def _sums_from(
        self, sums: Sequence[WeightedSum], sources: Sequence[Node], names: Sequence[str]
    ) -> list[WeightedSum] | None:
        """Return the sums of a layer, in order: those with the most products of its sources."""
        shared = {
            one.column: len({source for _, source in one.pairs} & set(sources)) for one in sums
        }
        ranked = sorted(
            (one for one in sums if shared[one.column]), key=lambda one: -shared[one.column]
        )
        mine = sorted(ranked[: len(names)], key=lambda one: one.column)
        mine += [WeightedSum(one) for one in self._typed_sums(mine)[: len(names) - len(mine)]]
        taken = {one.column for one in mine}
        headers = {proposal.names[0]: at for at, proposal in enumerate(self.proposals)
                   if proposal.names}  # fmt: skip
        for name in names:  # a sum without a formula
            if len(mine) < len(names) and headers.get(name, -1) not in {-1, *taken}:
                mine.append(WeightedSum(headers[name]))
        if len(mine) < len(names):
            return None
        mine.sort(key=lambda one: one.column)
        kinds = (Kind.SUM, Kind.ACTIVATION)
        numbers = [self._number(one.column, kinds) for one in mine]
        return in_order_of(mine, numbers if any(numbers) else self._last_numbers(mine))

    def _typed_sums(self, sums: Sequence[WeightedSum]) -> list[int]:
        """Return the columns without a formula that are used as sums are: typed everywhere.

        The one cell of it that has a name may stand in the record above.
        """
        taken = {one.column for one in sums}
        return [
            column
            for index in range(len(self.proposals))
            if self.formulas.used(index) <= taken
            for other, _ in alike(self.formulas, index)
            if len(used := {column for column, _ in self.formulas.references(other)}) == 1
            for column in used - taken
            if self.formulas.expression(column) is None
        ]

    def _activations(
        self, mine: Sequence[WeightedSum], left: Sequence[WeightedSum]
    ) -> list[Node] | None:
        """Return what the next sums are computed from, in the order of a layer's sums."""
        of_sum = {one.column: place for place, one in enumerate(mine)}
        found: dict[int, Node] = {}
        others: list[Node] = []
        following = [
            one for one in left if any(self._sums_below(source, of_sum) for _, source in one.pairs)
        ]
        times = Counter(source for one in following for _, source in one.pairs)

        def sums_of(node: Node) -> set[int]:
            below = self._sums_below(node, of_sum)
            if below or isinstance(node, Address):
                return below
            return self._sums_alike(node, of_sum)  # a number typed everywhere

        def strangeness(node: Node) -> int:  # of a_h1 that is computed from h2
            same = self._sums_alike(node, of_sum)
            return 0 if same & sums_of(node) else OTHER if same else UNKNOWN

        for source in sorted(times, key=lambda node: (strangeness(node), -times[node])):
            below = sums_of(source)
            if len(below) == 1 and (place := of_sum[next(iter(below))]) not in found:
                found[place] = source
            elif not isinstance(source, Address):
                others.append(source)
        for place in range(len(mine)):
            if place not in found and others:
                found[place] = others.pop(0)  # a wrong activation that is used as one
        if len(found) < len(mine):
            return None
        return [found[place] for place in range(len(mine))]

    def _sums_alike(self, node: Node, sums: Iterable[int]) -> set[int]:
        """Return the sums whose headers have a node's number, or end in it: y_h1 and v_h1."""
        kinds = (Kind.SUM, Kind.ACTIVATION)
        number = self._number(node, kinds)
        numbers = {column: self._number(column, kinds) for column in sums}
        if isinstance(node, Address) or (number is not None and any(numbers.values())):
            return {column for column in sums if numbers[column] == number}
        columns = self.formulas.columns
        return {
            column for column in sums if common_end(columns[node].text, columns[column].text) > 0
        }

    def _sums_below(self, node: Node, of_sum: Mapping[int, int]) -> set[int]:
        """Return the sums that a column is computed from, also through helper columns."""
        below: set[int] = set()
        nodes = [node]
        for _ in range(MAX_DEPTH):
            used = {
                column
                for one in nodes
                if not isinstance(one, Address)
                for column in self.formulas.used(one)
            }
            below |= used & of_sum.keys()
            nodes = [column for column in used if column not in of_sum]
        return below

    def _targets(self, last: _Layer) -> dict[str, Node]:
        """Return the given nodes that the formulas with one output alone have in common."""
        outputs = self._outputs(last)
        every = set().union(*outputs)
        times: list[Counter[Node]] = [Counter() for _ in outputs]
        for index in range(len(self.proposals)):
            used = self.formulas.used(index) & every
            for place, activations in enumerate(outputs):
                if used and used <= activations:
                    times[place].update(self._given_nodes(index))
        # If E1 is computed with t2, and δ_o1 with t1, the labels decide, or what the others leave.
        likely = [
            (count, self._is_named(node, name), name, node)
            for name, counter in zip(self.system.targets, times, strict=True)
            for node, count in counter.items()
            if count == max(counter.values())
        ]
        result: dict[str, Node] = {}
        for _, _, name, node in sorted(likely, key=itemgetter(0, 1), reverse=True):
            if name not in result and node not in result.values():
                result[name] = node
        lacking = [name for name in self.system.targets if name not in result]
        if result and len(lacking) == 1:
            result |= self._target_alike(lacking[0], result, every)
        return result

    def _outputs(self, last: _Layer) -> list[set[int]]:
        """Return the columns that are computed from each output's sum alone.

        Where none is, one that is computed from another sum by mistake has the header of this.
        """
        outputs = [
            {
                index
                for index in range(len(self.proposals))
                if self.formulas.used(index) == {one.column}
            }
            for one in last.sums
        ]
        for one, own in zip(last.sums, outputs, strict=True):
            for other in outputs if not own else ():
                headed = {index for index in other if self._sums_alike(index, [one.column])}
                if len(other) > len(headed):
                    own |= headed
                    other -= headed
        return outputs

    def _target_alike(
        self, name: str, targets: Mapping[str, Node], activations: set[int]
    ) -> dict[str, Node]:
        """Return a target whose output is wrong, and that output.

        A formula uses them as another one uses the other target and its output.
        """
        output = self.system.layers[-1][self.system.targets.index(name)][1]
        for index in range(len(self.proposals)):
            used = self.formulas.used(index)
            if len(used) != 1 or not used <= activations:
                continue
            for other, leaves in alike(self.formulas, index):
                nodes = {
                    self.sums.node(leaf, index): self.sums.node(like, other)
                    for leaf, like in leaves.items()
                }
                free = nodes.get(next(iter(used)))
                given = next((nodes[one] for one in targets.values() if one in nodes), None)
                if given is None or given in targets.values() or not self.sums.is_given(given):
                    continue
                if isinstance(free, int) and free not in activations:
                    return {name: given, output: free}
        return {}

    def _is_named(self, node: Node, name: str) -> bool:
        if isinstance(node, Address):
            return self.labels.get(node) == name
        return name in self.proposals[node].names

    def _given_nodes(self, index: int) -> set[Node]:
        expression = self.formulas.expression(index)
        nodes = {self.sums.node(leaf, index) for leaf in walk(expression)} if expression else set()
        return {
            node
            for node in nodes
            if node is not None and not self.sums.is_weight(node) and self.sums.is_given(node)
        }

    # --- weights ---

    def _weights(self, layers: Sequence[_Layer]) -> Iterator[dict[str, Node]]:
        """Yield the node of each weight."""
        claims: dict[str, list[Node]] = {}  # the nodes that a weight may be
        for names, layer in zip(self.system.layer_weights, layers, strict=True):
            weights = iter(names)
            for one in layer.sums:
                for source in layer.sources:
                    claims[next(weights)] = [node for node, of in one.pairs if of == source]
        times = Counter(node for nodes in claims.values() for node in nodes)
        # One that another sum multiplies by what is no source of it may belong to that sum.
        used = Counter(node for layer in layers for one in layer.sums for node, _ in one.pairs)
        sure = {
            name: nodes[0]
            for name, nodes in claims.items()
            if len(nodes) == 1 and used[nodes[0]] == 1
        }
        open_names = [name for name in claims if name not in sure]
        free = self._free_weights(layers, set(sure.values()), times)
        if not open_names or len(open_names) > MAX_UNSURE or len(free) < len(open_names):
            if len(open_names) <= MAX_UNSURE:
                yield sure
            return
        orders = list(permutations(free, len(open_names)))
        orders.sort(
            key=lambda order: (
                -sum(node in claims[name] for name, node in zip(open_names, order, strict=True))
            )
        )
        for order in islice(orders, MAX_STRUCTURES):
            yield sure | dict(zip(open_names, order, strict=True))

    def _free_weights(
        self, layers: Sequence[_Layer], sure: set[Node], claimed: Counter[Node]
    ) -> list[Node]:
        """Return the weights whose place is open: those of no sum, and those of two."""
        biases = {node for layer in layers for one in layer.sums for node in one.single}
        free: list[Node] = [
            index
            for index, proposal in enumerate(self.proposals)
            if index not in sure
            and (index in claimed or index not in biases)
            and proposal.kind is not Kind.BIAS
            and self.sums.is_weight(index)
        ]
        return [*free, *(node for node in claimed if isinstance(node, Address))][: 2 * MAX_UNSURE]

    # --- numbers in headers ---

    def _last_numbers(self, sums: Sequence[WeightedSum]) -> list[tuple[int, ...] | None]:
        """Return the numbers of headers that nothing else differs in, and that name nothing."""
        headers = [split_at_number(self.formulas.columns[one.column].text) for one in sums]
        if len({(before, after) for before, _, after in headers}) > 1:
            return [None] * len(sums)
        return [(int(number),) if number else None for _, number, _ in headers]

    def _number(self, node: Node, kinds: tuple[Kind, ...]) -> tuple[int, ...] | None:
        if isinstance(node, Address):
            found: Sequence[str] = [self.labels[node]] if node in self.labels else []
        else:
            found = self.proposals[node].numbered
        for name in found:
            if kind_of(name) in kinds and (numbers := numbers_in(name)):
                return numbers
        return None
