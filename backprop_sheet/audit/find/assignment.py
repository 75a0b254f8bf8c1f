"""Decide which quantity each column of a table is: headers propose, numbers decide.

The assignment that explains most is taken. A column is explained if its numbers follow from the
equation of its quantity and from the columns that are assigned to the others. The search begins
with the headers; if they explain everything, it ends there. Else it tries what the numbers say, the
alternatives of ambiguous headers, and the numbering that the sums show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np

from backprop_sheet.audit.find.column_search import by_numbers
from backprop_sheet.audit.find.columns_by_use import ColumnsByUse
from backprop_sheet.audit.find.given_search import with_other_given
from backprop_sheet.audit.find.headed_alike import with_headed_alike
from backprop_sheet.audit.find.judging import RENUMBERED, UNEXPLAINED, Assignment, cost_of
from backprop_sheet.audit.find.left_over import with_left_over
from backprop_sheet.audit.find.numberings import (
    as_headed,
    by_connections,
    in_one_order,
    left_numbers,
    usual_numberings,
)
from backprop_sheet.audit.find.proposals import Proposal
from backprop_sheet.audit.find.structure import Structure, structures_of
from backprop_sheet.audit.find.structure_by_numbers import Candidates, structures_by_numbers
from backprop_sheet.audit.read.header_numbers import common_end
from backprop_sheet.audit.read.header_text import visible
from backprop_sheet.audit.read.workbook import Address, number
from backprop_sheet.equations.names import (
    COMPUTED_KINDS,
    GIVEN_KINDS,
    NEUTRAL_KINDS,
    Kind,
    gradient_name,
    kind_of,
)

_NUMBERED = (Kind.WEIGHT, Kind.BIAS, Kind.SUM)

MAX_LIKELY, CLOSE = 3, 0.1  # structures that cost about as much as the best one
MAX_FIXED = 4  # columns with a fixed number that may be inputs


class Assigner(ColumnsByUse):
    """Assigns the columns of one table to the quantities of one exercise."""

    # --- the search ---

    def by_headers(self) -> Assignment:
        """Return the assignment that the headers propose."""
        return self.judged(self.proposed({}))

    def best(self) -> Assignment:
        """Return the assignment that explains most."""
        first = self.by_headers()
        if self.is_final(first):
            return first
        best = first
        structured: dict[frozenset[tuple[str, int]], Assignment] = {}  # the best of each structure
        for variant in self._variants(first):
            if variant.cost < best.cost - 1e-9:
                best = variant
            if best.cost < RENUMBERED + UNEXPLAINED and self.is_settled(best):
                return best  # in another numbering, a wrong column costs as much
            if variant.structure:
                structure = frozenset(variant.structure.items())
                structured[structure] = min(
                    variant, structured.get(structure, variant), key=cost_of
                )
        if self.is_settled(best):
            return best
        used = replace(self.with_used(best), structure=best.structure)
        completed = with_other_given(self, used, self.with_used)
        likely = sorted(structured.values(), key=cost_of)[:MAX_LIKELY]
        for place, one in enumerate(likely):
            is_close = one.cost <= best.cost + CLOSE
            if one is best or (place and not is_close):
                continue
            # Where inputs and targets are not known, a right structure explains little as yet.
            other = with_other_given(self, one, self.with_used)
            if (
                is_close
                or cost_of(other) < cost_of(completed)
                or self._explains_more(other, completed)
            ):
                completed = min(completed, self.with_used(other), key=cost_of)
        found = with_left_over(self, with_headed_alike(self, completed))
        if found.names == completed.names:
            return found
        # What the columns found last are computed from.
        judged = self.judged(found.names, found.numbering, found.constants)
        used = self.with_used(judged)
        if any(kind_of(name) in GIVEN_KINDS for name in used.names.keys() - found.names.keys()):
            return found  # what does not follow from a target tells no target
        return replace(used, cost=found.cost, structure=found.structure)

    def _explains_more(self, one: Assignment, other: Assignment) -> bool:
        """Whether an assignment explains more columns, whatever it leaves unexplained.

        Where an activation is wrong and unknown, nothing of what is computed from it follows.
        """
        explained, by_other = (
            len(assignment.names) - len(self.unexplained(assignment)) for assignment in (one, other)
        )
        return explained > by_other

    def _variants(self, first: Assignment) -> Iterator[Assignment]:
        base = self.proposed({})
        for bold in (False, True):
            yield by_numbers(self, base, {}, {}, bold=bold)
        for structure in self._structures(base, first):
            numbering = self._numbering(structure)
            constants = self._outside(structure.constants)
            given = {**structure.columns, **self._gradients_by_weights(structure.columns)}
            renamed = self.proposed(numbering, given, constants)
            yield replace(self.judged(renamed, numbering, constants), structure=given)
            for bold in (False, True):
                followed = by_numbers(self, renamed, numbering, constants, bold=bold)
                yield replace(followed, structure=given)

    # --- structures ---

    def _numbering(self, structure: Structure) -> dict[str, str]:
        """Return the exercise's names of weights and neurons by the headers' names.

        A header without a number, w beside w2, has none of another weight, but the number that is
        left.
        """
        numbering: dict[str, str] = {}
        for is_doubtful in (True, False):
            for name, index in structure.columns.items():
                proposal = self.proposals[index]
                headed = proposal.numbered[0] if proposal.numbered else ""
                if proposal.is_doubtful is is_doubtful and headed and kind_of(headed) in _NUMBERED:
                    numbering[headed] = name
                    if kind_of(name) is Kind.SUM:
                        numbering[f"a_{headed}"] = f"a_{name}"
        numbering |= left_numbers(self.system, numbering, structure)
        return {old: new for old, new in numbering.items() if old != new}

    def _structures(self, base: Mapping[str, int], first: Assignment) -> Iterator[Structure]:
        addresses = {cell: name for name, cells in self.labels.items() for cell in cells}
        structures = list(structures_of(self.system, self.formulas, self.proposals, addresses))
        if structures:
            yield from structures
            yield from as_headed(self.system, self._with_last_weight(base), structures[0])
            yield from in_one_order(self.system, structures[0])
            if len(structures) > 1:
                yield from self._numbered_as_usual(base, structures[0])
            return
        neurons = [name for names in self.system.layers for pair in names for name in pair]
        if all(
            name in first.names and self.is_explained(first.judgement, name) for name in neurons
        ):
            return  # the neurons follow from the weights as the headers say
        likely: Structure | None = None
        for known in self._with_fixed_given(base):
            candidates = self._candidates(known)
            if len(candidates.weights) >= len(self.system.weights):
                chosen = {name: at for name, at in known.items() if base.get(name) != at}
                for found in structures_by_numbers(self.system, self.evidence, known, candidates):
                    found.columns.update(chosen)
                    likely = likely or found
                    yield found
        yield from self._numbered_as_usual(base, likely or Structure())

    def _with_last_weight(self, base: Mapping[str, int]) -> Mapping[str, int]:
        """Return the columns with that of the only weight without one, if it is clear.

        Under a header that names nothing, it is the one that is updated, too.
        """
        lacking = [name for name in self.system.weights if name not in base]
        taken = set(base.values())
        updated = [
            index
            for index, proposal in enumerate(self.proposals)
            if index not in taken and not proposal.names and self.formulas.is_updated(index)
        ]
        if len(lacking) != 1 or len(updated) != 1:
            return base
        return {**base, lacking[0]: updated[0]}

    def _numbered_as_usual(self, base: Mapping[str, int], likely: Structure) -> Iterator[Structure]:
        """Yield the weights in other usual numberings, where wrong sums leave these open.

        Args:
            likely: where the rest is.
        """
        ends = by_connections(self.system)
        stated = {
            ends[proposal.names[0]]: index
            for index, proposal in enumerate(self.proposals)
            if proposal.names and proposal.names[0] in ends
        }
        if len(stated) == len(ends):
            yield Structure({**likely.columns, **stated}, likely.constants)
        base = self._with_last_weight(base)
        if all(name in base for name in self.system.weights):
            for numbering in usual_numberings(self.system):
                weights = {new: base[old] for old, new in numbering.items()}
                yield Structure({**likely.columns, **weights}, likely.constants)

    def _with_fixed_given(self, base: Mapping[str, int]) -> Iterator[Mapping[str, int]]:
        """Yield the columns with those of missing inputs and biases: some with a fixed number.

        Their headers are not clear, and name nothing that is computed. Of few digits, an
        activation has a fixed number, too.
        """
        known = {*base, *self.evidence.constants}
        fixed_biases = (name for name in self.system.biases if name not in self.system.trained)
        inputs, biases = (
            [name for name in names if name not in known]
            for names in (self.system.inputs, fixed_biases)
        )
        lacking = [*inputs, *biases]
        taken = set(base.values())
        fixed = [
            index
            for index, proposal in enumerate(self.proposals)
            if index not in taken
            and (proposal.is_doubtful or self._may_be_given(proposal))
            and self.is_fixed(index)
        ]
        if not lacking or not len(lacking) <= len(fixed) <= MAX_FIXED:
            yield base
            return
        in_order = permutations if inputs and biases else combinations
        for chosen in in_order(fixed, len(lacking)):
            yield {**base, **dict(zip(lacking, chosen, strict=True))}

    def _may_be_given(self, proposal: Proposal) -> bool:
        """Whether a header names nothing of the exercise, and nothing else that is computed."""
        return self.known.isdisjoint(proposal.names) and proposal.kind not in COMPUTED_KINDS

    def _candidates(self, base: Mapping[str, int]) -> Candidates:
        """Return the columns that may be weights, and those that may be sums and activations."""
        indices = [
            index
            for index, proposal in enumerate(self.proposals)
            if proposal.kind not in NEUTRAL_KINDS
        ]
        headed = [index for index in indices if self.proposals[index].kind is Kind.WEIGHT]
        neurons = [
            index
            for index in indices
            if not self.proposals[index].names
            or self.proposals[index].is_doubtful
            or self.proposals[index].kind in (Kind.SUM, Kind.ACTIVATION)
        ]
        taken = set(base.values())
        unnamed = [
            index for index in indices if index not in taken and not self.proposals[index].names
        ]
        # A weight that is updated by less than its last digit is the same number twice.
        updated = [index for index in unnamed if self._has_next_alone(index)]
        unnamed = [index for index in unnamed if self.is_varied(index)]
        different = {self.proposals[index].names[0] for index in headed}  # one is typed twice
        if len(different) + len(updated) >= len(self.system.weights):
            unnamed = updated
        elif len(different) + len(unnamed) < len(self.system.weights):
            unnamed += [index for index in indices if self._is_of_nothing(index)]
        headers = [column.text for column in self.columns]
        return Candidates(sorted({*headed, *unnamed}), headed, neurons, headers)

    def _is_of_nothing(self, index: int) -> bool:
        """Whether numbers change below the header of a neuron or an error that no exercise has.

        It is perhaps mistyped: ``z1`` for ``w1``.
        """
        proposal = self.proposals[index]
        kinds = (Kind.SUM, Kind.ACTIVATION, Kind.ERROR)
        is_known = not self.known.isdisjoint(proposal.names)
        return proposal.kind in kinds and not is_known and self.is_varied(index)

    def _has_next_alone(self, index: int) -> bool:
        """Whether a column has a number in the last record, where most have none: a parameter."""
        last = ~np.isnan(self.numbers.values[:, -1])
        return bool(last[index] and 2 * np.count_nonzero(last) < len(last))

    def _gradients_by_weights(self, structure: Mapping[str, int]) -> dict[str, int]:
        """Return the columns whose headers end as those of the weights do: ``∂E/∂u11``.

        A header that is a quantity's name, or ends as several do, tells nothing. One that ends as
        that of a sum is of this neuron. Beside "gradient w1", "delta output 1" is none of w1, and
        "gradient u21" is none of v21 beside u21.
        """
        headers = {name: visible(self.columns[index].text) for name, index in structure.items()}
        headed = {name for proposal in self.proposals for name in proposal.names}
        weights = {name: text for name, text in headers.items() if kind_of(name) is Kind.WEIGHT}
        lacking = [
            name
            for name in weights
            if headed.isdisjoint(map(gradient_name, self.proposals[structure[name]].names))
        ]
        sums = [text for name, text in headers.items() if kind_of(name) is Kind.SUM]
        taken = set(structure.values())
        ends: dict[str, list[int]] = {}
        for index, proposal in enumerate(self.proposals):
            if index in taken or any(name in self.known for name in proposal.names):
                continue
            text = visible(self.columns[index].text)
            common = {name: common_end(text, header) for name, header in weights.items()}
            longest = max(common.values(), default=0)
            found = [name for name, length in common.items() if length == longest]
            is_of_neuron = any(common_end(text, header) > longest for header in sums)
            if longest and len(found) == 1 and found[0] in lacking and not is_of_neuron:
                ends.setdefault(found[0], []).append(index)
        return {
            gradient: indices[0]
            for name, indices in ends.items()
            if len(indices) == 1 and (gradient := gradient_name(name)) in self.known
        }

    def _outside(self, cells: Mapping[str, Address]) -> dict[str, tuple[Address, float]]:
        result = {}
        for name, cell in cells.items():
            value = number(self.table.value_at(cell))
            if value is not None:
                result[name] = (cell, value)
        return result
