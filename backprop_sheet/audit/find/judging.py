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

from backprop_sheet.audit.find.column_formulas import Formulas
from backprop_sheet.audit.find.column_numbers import Memory
from backprop_sheet.audit.find.counted_from_zero import counted_from_one, letters_from_zero
from backprop_sheet.audit.find.evidence import MIN_FITTING, Evidence, Judgement
from backprop_sheet.audit.find.proposals import DOUBTFUL, NONE, Proposal, propose, renumbered
from backprop_sheet.audit.find.table_columns import TableColumns
from backprop_sheet.audit.read.header_numbers import common_end
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import (
    GIVEN_KINDS,
    ITERATION,
    LEARNING_RATE,
    NEUTRAL_KINDS,
    SAMPLE,
    TOTAL_ERROR,
    Kind,
    kind_of,
)
from backprop_sheet.equations.system import EquationSystem

UNEXPLAINED = 1.0  # the cost of a column that follows from nothing
# Of a column with numbers that change or are used, and without a quantity: less than DOUBTFUL.
LEFT = 0.05
MISSING = 0.2  # of a quantity without a column
RENUMBERED = 1.0  # of another numbering, however many columns it concerns

MAX_HALF_UNIT = 0.01  # of the last digit, as a part of the number, where two digits are known
SIGNS = ("", NEGATIVE)
PART_ALONE = 0.03  # of a derivative of one output's error, without those of the others
MIXED_SIGNS = 0.03  # of derivatives of which some, and not all, have the other sign

Labels = Mapping[str, Mapping[Address, float]]


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


class Judge:
    """Judges assignments of the columns of one table to the quantities of one exercise."""

    def __init__(self, read: TableColumns, system: EquationSystem, labels: Labels) -> None:
        """Read what the headers propose.

        Args:
            labels: the values that the sheets have outside the table, by name and cell.
        """
        self._read, self.table, self.columns = read, read.table, read.columns
        self.system, table = system, read.table
        self.from_zero = letters_from_zero(system, (*table.names, *labels))
        self.labels = _with_biases(
            system,
            {counted_from_one(name, self.from_zero): cells for name, cells in labels.items()},
        )
        proposals = propose(table, self.columns, system, self.from_zero)
        self.proposals = _with_bias_columns(system, proposals, self.labels)
        self.numbers = read.numbers(system.rows_per_iteration)
        self._memory = Memory()
        self._cost_without = lru_cache(maxsize=None)(self._left_cost)
        self._reading_costs: dict[frozenset[tuple[str, str]], dict[tuple[int, str], float]] = {}
        self.constants = {name: next(iter(cells.values())) for name, cells in self.labels.items()}
        self.known = {
            *system.columns,
            *system.within_row,
            *system.inlined,
            LEARNING_RATE,
            ITERATION,
            SAMPLE,
            *system.hyperparameters,
        }
        self.evidence = self.evidence_with({})
        self.known |= set(self.evidence.order)

    @property
    def formulas(self) -> Formulas:
        """The formulas of one record, as expressions of the columns."""
        return self._read.formulas

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
                not {name, NEGATIVE + name}.isdisjoint(assignment.names) for name in self.needed()
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

        If two columns had each other's headers, more than one would be unexplained. A counter of
        iterations or samples may stand in the table twice.
        """
        taken = set(assignment.names.values())
        return (
            len(self.unexplained(assignment)) == 1
            and all(
                proposal.kind is Kind.COUNTER or (index in taken and not proposal.is_doubtful)
                for index, proposal in enumerate(self.proposals)
            )
            and all(
                not {name, NEGATIVE + name}.isdisjoint(assignment.names) for name in self.needed()
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

    def needed(self) -> Sequence[str]:
        """Return the computed quantities that the exercise's own table has."""
        return self._needed

    @cached_property
    def _needed(self) -> Sequence[str]:
        return [name for name in self.system.within_row if name in self.system.columns]

    @cached_property
    def _begun_with(self) -> Sequence[str]:
        """What an iteration begins with."""
        return (*self.system.inputs, *self.system.targets, *self.system.parameters)

    def is_varied(self, index: int) -> bool:
        """Whether a column has different numbers."""
        return self.numbers.is_varied[index]

    def may_vary(self, index: int) -> bool:
        """Whether a column has different numbers, or only one record with a number."""
        known = np.count_nonzero(~np.isnan(self.numbers.values[index]))
        return known == 1 or self.is_varied(index)

    def is_fixed(self, index: int) -> bool:
        """Whether a column has the same number in all records."""
        known = self.numbers.values[index]
        known = known[~np.isnan(known)]
        return len(known) > 0 and not np.ptp(known) > 0

    def is_coarse(self, index: int) -> bool:
        """Whether a column has one digit or two, as 0.0004 has: many quantities fit."""
        values, half = np.abs(self.numbers.values[index]), self.numbers.half_units[index]
        known = values[np.isfinite(values)]
        return len(known) > 0 and bool(np.median(half) > MAX_HALF_UNIT * np.median(known))

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

    # --- proposals ---

    def proposed(
        self,
        numbering: Mapping[str, str],
        given: Mapping[str, int] | None = None,
        constants: Mapping[str, object] | None = None,
    ) -> dict[str, int]:
        """Return the assignment that the headers propose, in another numbering if it is given."""
        names: dict[str, int] = dict(given or {})
        taken = set(names.values())
        for is_doubtful in (False, True):
            for index, proposal in enumerate(self.proposals):
                if index in taken or not proposal.names or proposal.is_doubtful is not is_doubtful:
                    continue
                for proposed in proposal.names:
                    name = renumbered(proposed, numbering)
                    if len(proposal.names) > 1 and self.is_no_given(name, index):
                        continue
                    if name == LEARNING_RATE and self.is_of_results(index):
                        continue
                    if proposal.is_doubtful and self._is_other_bias(name, index):
                        continue  # "b" beside b1 = 0.35
                    if proposal.is_doubtful and self._is_no_derivative(name, index):
                        continue  # "b" beside the gradients, 0 in each record
                    if name == LEARNING_RATE and self._is_loss(index, names):
                        continue
                    if name in self.known and name not in names and name not in (constants or ()):
                        names[name] = index
                        taken.add(index)
                        break
        return names

    def is_no_given(self, name: str, index: int) -> bool:
        """Whether a column cannot be an input or target: it changes, or the sheet states that."""
        if kind_of(name) not in GIVEN_KINDS:
            return False
        return name in self.constants or (self.system.sample_count == 1 and self.is_varied(index))

    def _is_other_bias(self, name: str, index: int) -> bool:
        """Whether the sheet states a bias that is not the first number of a column."""
        stated = self.constants.get(name)
        if kind_of(name) is not Kind.BIAS or stated is None:
            return False
        return not bool(np.isclose(stated, self.numbers.values[index][0], rtol=1e-6, atol=0.0))

    def _is_no_derivative(self, name: str, index: int) -> bool:
        """Whether a column has one typed number, and is headed as a derivative not needed."""
        return (
            name[0] == "∂"
            and name not in self.system.columns
            and self.table.records > 1
            and not self.numbers.computed[index]
            and self.is_fixed(index)
        )

    def _is_loss(self, index: int, names: Mapping[str, int]) -> bool:
        """Whether a column that may be η or the loss, l, changes, and no other is the loss."""
        return (
            TOTAL_ERROR in self.proposals[index].names
            and TOTAL_ERROR not in names
            and self.is_varied(index)
        )

    def is_of_results(self, index: int) -> bool:
        """Whether a column lists learning rates, with a result for each, and no record's own."""
        numbers = self.numbers.values[index]
        known = numbers[~np.isnan(numbers)]
        if len(known) < 2 or np.ptp(known) == 0:
            return False
        records = ~np.isnan(self.numbers.values).all(axis=0)  # not the gap between first and last
        if len(known) < records.sum():
            return True
        return bool(self.formulas.referred) and index not in self.formulas.referred

    def reading_cost(self, index: int, name: str, numbering: Mapping[str, str]) -> float:
        """Return what it costs to read a column as a quantity, against its header."""
        proposal = self.proposals[index]
        if numbering:
            names = tuple(renumbered(one, numbering) for one in proposal.names)
            proposal = Proposal(names, proposal.is_doubtful)
        if proposal.names and not any(one in self.known for one in proposal.names):
            # A header of the same kind with another number or name: w11, ∂E/∂w21.
            return NONE if proposal.kind is kind_of(name) else 2 * NONE
        return proposal.cost(name)

    def is_of_other_weight(self, name: str, index: int, names: Mapping[str, int]) -> bool:
        """Whether a gradient's header ends as that of another weight, and not of its own.

        Args:
            names: the columns of the weights.
        """
        own = names.get(name.rpartition("∂")[2]) if kind_of(name) is Kind.GRADIENT else None
        text, columns = self.columns[index].text, self.columns
        return (
            own is not None
            and not common_end(text, columns[own].text)
            and any(
                common_end(text, columns[names[w]].text) for w in self.system.weights if w in names
            )
        )

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
                cost += 0.2 * (1 - share)
        for index in range(len(self.proposals)):
            cost += 0.0 if index in taken else self._cost_without(index)
        cost += sum(MISSING for name in self.needed() if {name, NEGATIVE + name}.isdisjoint(names))
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


def _with_biases(system: EquationSystem, labels: Labels) -> Labels:
    """Return labels in which biases in other words are the exercise's, if there are as many: θ1."""
    lacking = [name for name in system.biases if name not in labels]
    others = [
        name for name in labels if kind_of(name) is Kind.BIAS and name not in system.quantities
    ]
    if not lacking or len(lacking) != len(others):
        return labels
    renamed = dict(zip(others, lacking, strict=True))
    return {renamed.get(name, name): cells for name, cells in labels.items()}


def _with_bias_columns(
    system: EquationSystem, proposals: Sequence[Proposal], labels: Labels
) -> Sequence[Proposal]:
    """Return proposals in which columns of biases in other words are the exercise's: θ1.

    A header that may be a bias is none beside them: b.
    """
    clear = (proposal for proposal in proposals if not proposal.is_doubtful)
    named = {name for proposal in clear for name in proposal.names} | labels.keys()
    lacking = [name for name in system.biases if name not in named]
    others = [
        index
        for index, proposal in enumerate(proposals)
        if proposal.kind is Kind.BIAS
        and not proposal.is_doubtful
        and system.quantities.keys().isdisjoint(proposal.names)
    ]
    if not lacking or len(lacking) != len(others):
        return proposals
    biases = dict(zip(others, lacking, strict=True))
    return [
        Proposal((biases[index], *proposal.names)) if index in biases else proposal
        for index, proposal in enumerate(proposals)
    ]


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
