"""How much an assignment of a table's columns to quantities explains, and what it costs.

A column is explained if its numbers follow from the equation of its quantity and from the columns
that are assigned to the others. What is left unexplained costs, and so does reading a column
against its header.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from backprop_sheet.audit.find.column_numbers import Memory
from backprop_sheet.audit.find.evidence import MIN_FITTING, Evidence, Judgement
from backprop_sheet.audit.find.proposals import DOUBTFUL
from backprop_sheet.audit.find.proposed_columns import Labels, ProposedColumns
from backprop_sheet.audit.find.table_columns import TableColumns
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import (
    LEARNING_RATE,
    NEUTRAL_KINDS,
    Kind,
    kind_of,
)
from backprop_sheet.equations.system import EquationSystem

UNEXPLAINED = 1.0  # the cost of a column that follows from nothing
# Of a column with numbers that change or are used, and without a quantity: less than DOUBTFUL.
LEFT = 0.05
MISSING = 0.2  # of a quantity without a column
DISAGREEING = 0.2  # of all records that do not agree, in a column that most of them explain
RENUMBERED = 1.0  # of another numbering, however many columns it concerns

SIGNS = ("", NEGATIVE)
PART_ALONE = 0.03  # of a derivative of one output's error, without those of the others
MIXED_SIGNS = 0.03  # of derivatives of which some, and not all, have the other sign


@dataclass(frozen=True)
class Assignment:
    """Which column each quantity is.

    Attributes:
        names: the index of the column of each quantity.
        numbering: another numbering of weights and neurons: the exercise's name by the header's.
        constants: cells outside the table that were found to be inputs or targets.
        cost: how much it leaves unexplained, and reads against the headers.
        structure: the columns of the quantities that formulas or sums showed.
    """

    names: Mapping[str, int]
    judgement: Judgement
    cost: float
    numbering: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, tuple[Address, float]] = field(default_factory=dict)
    structure: Mapping[str, int] = field(default_factory=dict)


class Judge(ProposedColumns):
    """Judges assignments of the columns of one table to the quantities of one exercise."""

    def __init__(self, read: TableColumns, system: EquationSystem, labels: Labels) -> None:
        """Read what the headers propose; ``labels`` as for :class:`ProposedColumns`."""
        super().__init__(read, system, labels)
        self._memory = Memory()
        self._cost_without = lru_cache(maxsize=None)(self._left_cost)
        self._reading_costs: dict[frozenset[tuple[str, str]], dict[tuple[int, str], float]] = {}
        self.evidence = self.evidence_with({})
        self.known |= set(self.evidence.order)

    def evidence_with(self, constants: Mapping[str, tuple[Address, float]]) -> Evidence:
        """Return the evidence if some cells outside the table are inputs or targets."""
        more = {name: value for name, (_, value) in constants.items()}
        rates = tuple(dict.fromkeys(self.labels.get(LEARNING_RATE, {}).values()))
        constants_known = {**self.constants, **more}
        return Evidence(self.system, self.numbers, self._memory, constants_known, rates)

    # --- what is explained ---

    def is_settled(self, assignment: Assignment) -> bool:
        """Whether an assignment explains everything, and no filled column is left."""
        taken = set(assignment.names.values())
        left = any(
            self.numbers.computed[index] or self.is_varied(index)
            for index in range(len(self.columns))
            if index not in taken and self.proposals[index].kind not in NEUTRAL_KINDS
        )
        return (
            not left
            and all(
                not {name, NEGATIVE + name}.isdisjoint(assignment.names) for name in self.needed
            )
            and all(
                self.is_explained(assignment.judgement, name)
                for name in assignment.names
                if self._is_computed_quantity(name)
            )
        )

    def is_final(self, assignment: Assignment) -> bool:
        """Whether no other assignment can be better, of this exercise or of a less likely one."""
        return self.is_settled(assignment) or self._is_one_mistake(assignment)

    def _is_one_mistake(self, assignment: Assignment) -> bool:
        """Whether one column alone is unexplained, and all have clear headers.

        If two columns had each other's headers, more than one would be unexplained; ∂E/∂a_h1 alone
        may have the header ∂E1/∂a_h1. A counter of iterations or samples may stand in the table
        twice.
        """
        taken = set(assignment.names.values())
        unexplained = self.unexplained(assignment)
        return (
            len(unexplained) == 1
            and unexplained[0] not in self._parts_beside
            and all(
                proposal.kind is Kind.COUNTER or (index in taken and not proposal.is_doubtful)
                for index, proposal in enumerate(self.proposals)
            )
            and all(
                not {name, NEGATIVE + name}.isdisjoint(assignment.names) for name in self.needed
            )
        )

    def unexplained(self, assignment: Assignment) -> list[str]:
        """Return the quantities whose columns do not follow from others."""
        return [
            name
            for name in assignment.names
            if self._is_computed_quantity(name)
            and not self.is_explained(assignment.judgement, name)
        ]

    def any_unexplained(self, assignment: Assignment, names: Iterable[str]) -> bool:
        """Whether some quantities have no column, or one that does not follow from others."""
        return any(
            name not in assignment.names or not self.is_explained(assignment.judgement, name)
            for name in names
        )

    def is_explained(self, judgement: Judgement, name: str) -> bool:
        """Whether a column follows from others, or nothing can be said because of its numbers."""
        share = judgement.share.get(name)
        if share is None:
            return self.table.records == 1 or bool(judgement.predicted.get(name))
        return share >= MIN_FITTING

    @cached_property
    def needed(self) -> Sequence[str]:
        """The computed quantities that the exercise's own table has."""
        return [name for name in self.system.within_row if name in self.system.columns]

    @cached_property
    def _begun_with(self) -> Sequence[str]:
        """What an iteration begins with."""
        return (*self.system.inputs, *self.system.targets, *self.system.parameters)

    def free_columns(self, assignment: Assignment) -> list[int]:
        """Return the columns without a quantity that have numbers."""
        taken = set(assignment.names.values())
        return [
            index
            for index, proposal in enumerate(self.proposals)
            if index not in taken
            and proposal.kind not in NEUTRAL_KINDS
            and not np.isnan(self.numbers.values[index]).all()
        ]

    def _is_computed_quantity(self, name: str) -> bool:
        return name.removeprefix(NEGATIVE) in self._computed_quantities

    @cached_property
    def _computed_quantities(self) -> frozenset[str]:
        return frozenset((*self.system.updates, *self.evidence.order))

    # --- costs ---

    def judged(
        self,
        names: Mapping[str, int],
        numbering: Mapping[str, str] | None = None,
        constants: Mapping[str, tuple[Address, float]] | None = None,
    ) -> Assignment:
        """Return an assignment with what it explains, and its cost."""
        evidence = self.evidence_with(constants) if constants else self.evidence
        judgement = evidence.judge(names)
        cost = self._renumbering_cost(numbering or {})
        cost += MIXED_SIGNS if _has_mixed_signs(names) else 0.0
        cost += UNEXPLAINED if self._has_negative_rate(judgement) else 0.0
        taken = set(names.values())
        reading_costs = self._reading_costs.setdefault(frozenset((numbering or {}).items()), {})
        for name, index in names.items():
            cost += PART_ALONE if self._is_part_alone(name, index, names) else 0.0
            reading_cost = reading_costs.get((index, name))
            if reading_cost is None:
                plain = name.removeprefix(NEGATIVE)
                reading_cost = self.reading_cost(index, plain, numbering or {})
                reading_costs[index, name] = reading_cost
            cost += reading_cost
            if self.is_of_other_weight(name, index, names):
                cost += UNEXPLAINED if self.is_coarse(index) else DOUBTFUL
            if not self._is_computed_quantity(name):
                continue
            share = judgement.share.get(name)
            if not self.is_explained(judgement, name):
                cost += UNEXPLAINED
            elif share is not None:
                cost += DISAGREEING * (1 - share)
        for index in range(len(self.proposals)):
            cost += 0.0 if index in taken else self._cost_without(index)
        cost += sum(MISSING for name in self.needed if {name, NEGATIVE + name}.isdisjoint(names))
        known = names.keys() | evidence.constants.keys()
        lacking = [name for name in self._begun_with if name not in known]
        cost += MISSING * (len(lacking) + self._biases_left(lacking))
        return Assignment(names, judgement, cost, numbering or {}, constants or {})

    def _left_cost(self, index: int) -> float:
        """Return what it costs that a column has no quantity."""
        proposal = self.proposals[index]
        if proposal.kind in NEUTRAL_KINDS:
            return 0.0
        if proposal.names and proposal.names[0] in self.known and not proposal.is_doubtful:
            return UNEXPLAINED
        if self.numbers.computed[index] or self.is_varied(index) or index in self.formulas.referred:
            return LEFT
        is_bias = proposal.kind is Kind.BIAS and not proposal.is_doubtful
        return MISSING if is_bias else 0.0  # which the exercise lacks

    def _is_part_alone(self, name: str, index: int, names: Container[str]) -> bool:
        """Whether a derivative of one output's error is found by its numbers, and no other's is.

        A δ_h1 that lacks one of its paths has the numbers of ∂E2/∂h1.
        """
        others = self._parts_beside.get(name)
        if others is None or name in self.proposals[index].names:
            return False
        return not any(other in names for other in others)

    @cached_property
    def _parts_beside(self) -> Mapping[str, Sequence[str]]:
        """The derivatives of the other outputs' errors, by each derivative of one output's."""
        errors = [f"∂{error}" for error in self.system.errors]
        return {
            sign + name: [
                other + f"{error}/∂{by}" for error in errors if error != above for other in SIGNS
            ]
            for name in self.evidence.order
            for above, _, by in [name.partition("/∂")]
            if above in errors
            for sign in SIGNS
        }

    def _renumbering_cost(self, numbering: Mapping[str, str]) -> float:
        """Return what another numbering costs; a single mistyped number, as w44, is none."""
        renamed = [name for name in numbering if kind_of(name) is not Kind.ACTIVATION]
        if len(renamed) == 1 and renamed[0] not in self.known:
            return DOUBTFUL
        return RENUMBERED if numbering else 0.0

    def _has_negative_rate(self, judgement: Judgement) -> bool:
        """Whether updates follow from a negative learning rate only: w + η∂E/∂w in all rows."""
        return (judgement.rate or 0.0) < 0 and any(
            (judgement.share.get(name) or 0.0) >= MIN_FITTING for name in self.system.updates
        )

    @cached_property
    def _stated_biases(self) -> Sequence[str]:
        return [name for name in self.labels if kind_of(name) is Kind.BIAS]

    def _biases_left(self, lacking: Sequence[str]) -> int:
        """Count the biases that the sheet states, and the exercise lacks; less those it needs."""
        stated = self._stated_biases
        if not self.system.biases:
            return len(stated)
        others = sum(name not in self.system.biases for name in stated)  # in other words: θ1
        return -min(others, sum(name in self.system.biases for name in lacking))


def cost_of(assignment: Assignment) -> float:
    """Return the cost without rounding errors, to compare it with another."""
    return round(assignment.cost, 9)


@lru_cache(maxsize=4096)
def has_two_signs(name: str) -> bool:
    """Whether textbooks define a derivative with either sign: δ."""
    above, _, below = name.partition("/∂")
    return above == "∂E" and kind_of(below) in (Kind.SUM, Kind.ACTIVATION)


def _has_mixed_signs(names: Iterable[str]) -> bool:
    """Whether some derivatives by sums, or by activations, have the other sign than others."""
    found = {
        (name[0] == NEGATIVE, kind_of(name.rpartition("∂")[2]))
        for name in names
        if has_two_signs(name.removeprefix(NEGATIVE))
    }
    return len(found) > len({kind for _, kind in found})
