"""Decide which quantity each column of a table is: headers propose, numbers decide.

The assignment that explains most is taken. A column is explained if its numbers follow from the
equation of its quantity and from the columns that are assigned to the others. The search begins
with the headers; if they explain everything, it ends there. Else it tries what the numbers say, the
alternatives of ambiguous headers, and the numbering that the sums show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, permutations, product, takewhile

import numpy as np

from backprop_sheet.audit.find.column_formulas import Formulas, outside_cells
from backprop_sheet.audit.find.evidence import (
    MIN_FITTING,
    Array,
    Evidence,
    Judgement,
    Walk,
    read_numbers,
    sample_records,
    used_names,
)
from backprop_sheet.audit.find.given_values import cells_beside_texts
from backprop_sheet.audit.find.proposals import (
    NONE,
    Proposal,
    propose,
    renumbered,
)
from backprop_sheet.audit.find.structure import Structure, structures_of
from backprop_sheet.audit.find.structure_by_numbers import Candidates, structures_by_numbers
from backprop_sheet.audit.find.tables import Column, Table
from backprop_sheet.audit.read.spellings import visible
from backprop_sheet.audit.read.workbook import Address, number
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import (
    GIVEN_KINDS,
    ITERATION,
    LEARNING_RATE,
    NEUTRAL_KINDS,
    PARAMETER_KINDS,
    SAMPLE,
    Kind,
    gradient_name,
    kind_of,
)
from backprop_sheet.equations.system import EquationSystem

MAX_COLUMNS = 400  # of a table whose columns are assigned by numbers
MAX_WRONG = 4  # wrong columns that are found by what uses them
MAX_TRIALS = 60  # columns that are tried for these, each time
MAX_CHOSEN = 3  # inputs, or targets, that are looked for among other columns and cells
UNEXPLAINED = 1.0  # the cost of a column that follows from nothing
LEFT = 0.05  # of a column with numbers that change, and without a quantity
MISSING = 0.2  # of a quantity without a column
OTHER_SIGN = 0.05  # of a derivative with the other sign
MAX_COST = 0.5  # of a reading against the header in a first search
RENUMBERED = 1.0  # of another numbering, however many columns it concerns

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


class Assigner:
    """Assigns the columns of one table to the quantities of one exercise."""

    def __init__(
        self, table: Table, columns: Sequence[Column], system: EquationSystem, labels: Labels
    ) -> None:
        """Read the numbers of a few records.

        Args:
            columns: the table's columns, and those of other sheets that belong to it.
            labels: the values that the sheets have outside the table, by name and cell.
        """
        self.table, self.system, self.labels = table, system, labels
        self.columns = tuple(columns[:MAX_COLUMNS])
        self.proposals = propose(table, self.columns, system)
        records = sample_records(table.records, system.rows_per_iteration)
        self.numbers = read_numbers(self.columns, records, system.rows_per_iteration)
        self.constants = {name: next(iter(cells.values())) for name, cells in labels.items()}
        self.known = {
            *system.columns,
            *system.within_row,
            *system.inlined,
            LEARNING_RATE,
            ITERATION,
            SAMPLE,
            *system.hyperparameters,
        }
        self.evidence = self._evidence({})
        self.known |= set(self.evidence.order)

    @cached_property
    def formulas(self) -> Formulas:
        """The formulas of one record, as expressions of the columns."""
        return Formulas(self.columns, self.table.records)

    def _evidence(self, constants: Mapping[str, tuple[Address, float]]) -> Evidence:
        more = {name: value for name, (_, value) in constants.items()}
        rates = tuple(dict.fromkeys(self.labels.get(LEARNING_RATE, {}).values()))
        return Evidence(self.system, self.numbers, {**self.constants, **more}, rates)

    # --- the search ---

    def by_headers(self) -> Assignment:
        """Return the assignment that the headers propose."""
        return self._judged(self._proposed({}))

    def best(self) -> Assignment:
        """Return the assignment that explains most."""
        first = self.by_headers()
        if self.is_final(first):
            return first
        best = first
        structured: Assignment | None = None
        for variant in self._variants(first):
            if variant.cost < best.cost - 1e-9:
                best = variant
            if self.is_settled(best):
                return best
            if variant.structure and (structured is None or variant.cost < structured.cost - 1e-9):
                structured = variant
        used = replace(self._with_used(best), structure=best.structure)
        completed = self._with_other_given(used)
        if structured is not None and structured is not best:
            # Where inputs and targets are not known, a right structure explains little as yet.
            completed = min(completed, self._with_other_given(structured), key=_cost_of)
        return completed

    def _with_used(self, best: Assignment) -> Assignment:
        """Take columns for what others use them as, also if their own numbers are wrong.

        The update of w3 shows which column is ∂E/∂w3, and the gradients show which is δ_o1.
        """
        for _ in range(MAX_WRONG):
            trials = islice(self._used_as(best), MAX_TRIALS)
            better = min((best, *(one for one in trials if self._tells(best, one))), key=_cost_of)
            if better is best:
                break
            again = self._by_numbers(better.names, best.numbering, best.constants, bold=False)
            best = min(better, again, key=_cost_of)
        return best

    def _tells(self, before: Assignment, after: Assignment) -> bool:
        """Whether what an assignment explains in addition has about the predicted numbers.

        From a column that is rounded to few digits, almost any numbers seem to follow.
        """
        return all(
            self._is_near(before, after, name)
            for name in self._unexplained(before)
            if name in after.names and self._is_explained(after.judgement, name)
        )

    def _is_near(self, before: Assignment, after: Assignment, name: str) -> bool:
        own = self.numbers.values[after.names[name]]
        known_before = before.judgement.predicted.get(name, ())
        with np.errstate(all="ignore"):
            for values in after.judgement.predicted.get(name, ()):
                if any(values is other for other in known_before):
                    continue
                known = np.isfinite(own) & np.isfinite(values)
                distances = np.abs(values - own)[known]
                if len(distances) and np.median(distances) <= 0.5 * np.median(np.abs(own[known])):
                    return True
        return False

    def _used_as(self, best: Assignment) -> Iterator[Assignment]:
        """Yield assignments with one more column, or with the other sign of one."""
        free = self._free_columns(best)
        used_by = used_names(self.system)
        for user in self._unexplained(best):
            plain = user.removeprefix(NEGATIVE)
            if _has_two_signs(plain):
                other = plain if user != plain else NEGATIVE + plain
                others = {name: at for name, at in best.names.items() if name != user}
                yield self._judged(
                    {**others, other: best.names[user]}, best.numbering, best.constants
                )
            references = {column for column, _ in self.formulas.references(best.names[user])}
            columns = [at for at in free if at in references] if references else free
            for name in used_by.get(plain, ()):
                if name in best.names or NEGATIVE + name in best.names:
                    continue
                for sign, column in product(_signs(name, best.names), columns):
                    if self._is_no_given(name, column):
                        continue
                    yield self._judged(
                        {**best.names, sign + name: column}, best.numbering, best.constants
                    )

    def _free_columns(self, best: Assignment) -> list[int]:
        """Return the columns without a quantity that have numbers."""
        taken = set(best.names.values())
        return [
            index
            for index, proposal in enumerate(self.proposals)
            if index not in taken
            and proposal.kind not in NEUTRAL_KINDS
            and not np.isnan(self.numbers.values[index]).all()
        ]

    def _unexplained(self, assignment: Assignment) -> list[str]:
        return [
            name
            for name in assignment.names
            if self._is_computed_quantity(name)
            and not self._is_explained(assignment.judgement, name)
        ]

    def _variants(self, first: Assignment) -> Iterator[Assignment]:
        base = self._proposed({})
        for bold in (False, True):
            yield self._by_numbers(base, {}, {}, bold=bold)
        for structure in self._structures(base):
            numbering = self._numbering(structure)
            constants = self._outside(structure.constants)
            given = {**structure.columns, **self._gradients_by_weights(structure.columns)}
            renamed = self._proposed(numbering, given, constants)
            yield replace(self._judged(renamed, numbering, constants), structure=given)
            for bold in (False, True):
                by_numbers = self._by_numbers(renamed, numbering, constants, bold=bold)
                yield replace(by_numbers, structure=given)

    def _with_other_given(self, best: Assignment) -> Assignment:
        """Try other columns and cells for η, targets and inputs whose users are unexplained."""
        base = self._proposed(best.numbering, best.structure, best.constants)
        if LEARNING_RATE in base and self._any_unexplained(best, self.system.updates):
            without = {name: column for name, column in base.items() if name != LEARNING_RATE}
            other = self._by_numbers(without, best.numbering, best.constants, bold=False)
            best = min(best, replace(other, structure=best.structure), key=_cost_of)
        first_sums = [sum_name for sum_name, _ in self.system.layers[0]]
        for names, users in (
            (self.system.targets, self.system.errors),
            (self.system.inputs, first_sums),
        ):
            if len(names) > MAX_CHOSEN or not self._any_unexplained(best, users):
                continue
            for other in self._chosen(names, users, best):
                if _cost_of(other) < _cost_of(best):
                    best = replace(other, structure=best.structure)
                    if not self._any_unexplained(best, users):
                        break
        return best

    def _any_unexplained(self, assignment: Assignment, names: Iterable[str]) -> bool:
        return any(
            name not in assignment.names or not self._is_explained(assignment.judgement, name)
            for name in names
        )

    def _chosen(
        self, names: Sequence[str], users: Sequence[str], best: Assignment
    ) -> Iterator[Assignment]:
        """Choose other columns, or cells outside the table, for inputs or targets.

        Args:
            users: what is computed from these. If some choices explain more of it than the others,
                only those are tried with the whole table.
        """
        base = self._proposed(best.numbering, best.structure, best.constants)
        others = {name: column for name, column in base.items() if name not in names}
        cells = {name: cell for name, cell in best.constants.items() if name not in names}
        choices = list(self._choices(names, base))
        explained = [
            self._explained({**others, **columns}, {**cells, **outside}, users)
            for columns, outside in choices
        ]
        most = max(explained, default=0)
        if not most and any(name in best.names for name in users):
            return
        for (columns, outside), count in zip(choices, explained, strict=True):
            if count == most:
                yield self._by_numbers(
                    {**others, **columns}, best.numbering, {**cells, **outside}, bold=bool(columns)
                )

    def _choices(
        self, names: Sequence[str], base: Mapping[str, int]
    ) -> Iterator[tuple[dict[str, int], dict[str, tuple[Address, float]]]]:
        """Yield columns, or cells outside the table, that some inputs or targets may be."""
        present = [base[name] for name in names if name in base]
        fixed = [
            index
            for index in range(len(self.columns))
            if self._is_fixed(index) and index not in base.values()
        ]
        columns = [*present, *fixed][: MAX_CHOSEN + 1]
        if len(columns) >= len(names):
            for choice in permutations(columns, len(names)):
                if list(choice) != present:
                    yield dict(zip(names, choice, strict=True)), {}
        cells = self._outside_cells()
        if not present and len(cells) <= 2 * MAX_CHOSEN:
            for addresses in permutations(cells, len(names)):
                outside = [(cell, cells[cell]) for cell in addresses]
                yield {}, dict(zip(names, outside, strict=True))

    def _explained(
        self,
        names: Mapping[str, int],
        constants: Mapping[str, tuple[Address, float]],
        users: Sequence[str],
    ) -> int:
        """Return how many of the quantities before the gradients follow from others."""
        evidence = self._evidence(constants)
        walk = Walk(evidence, names)
        count = 0
        with np.errstate(all="ignore"):
            for name in evidence.order:
                if name[0] == "∂":
                    break
                walk.step(name, names.get(name))
                if name in users:
                    count += any(
                        np.any(evidence.fitting(values, walk.slack_of(name)) >= MIN_FITTING)
                        for values in walk.predicted[name]
                    )
        return count

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
                not {name, NEGATIVE + name}.isdisjoint(assignment.names) for name in self._needed()
            )
            and all(
                self._is_explained(assignment.judgement, name)
                for name in assignment.names
                if self._is_computed_quantity(name)
            )
        )

    def is_final(self, assignment: Assignment) -> bool:
        """Whether no other assignment can be better, of this exercise or of a less likely one."""
        return self.is_settled(assignment) or self._is_one_mistake(assignment)

    def _is_one_mistake(self, assignment: Assignment) -> bool:
        """Whether one column alone is unexplained, and all have clear headers.

        If two columns had each other's headers, more than one would be unexplained.
        """
        return (
            len(self._unexplained(assignment)) == 1
            and len(set(assignment.names.values())) == len(self.columns)
            and not any(proposal.is_doubtful for proposal in self.proposals)
            and all(
                not {name, NEGATIVE + name}.isdisjoint(assignment.names) for name in self._needed()
            )
        )

    def _is_explained(self, judgement: Judgement, name: str) -> bool:
        """Whether a column follows from others, or nothing can be said because of its numbers."""
        share = judgement.share.get(name)
        if share is None:
            return self.table.records == 1 or bool(judgement.predicted.get(name))
        return share >= MIN_FITTING

    def _needed(self) -> Iterable[str]:
        return (name for name in self.system.within_row if name in self.system.columns)

    def is_varied(self, index: int) -> bool:
        """Whether a column has different numbers."""
        known = self.numbers.values[index]
        known = known[~np.isnan(known)]
        return len(known) > 1 and bool(np.ptp(known) > 0)

    def may_vary(self, index: int) -> bool:
        """Whether a column has different numbers, or only one record with a number."""
        known = np.count_nonzero(~np.isnan(self.numbers.values[index]))
        return known == 1 or self.is_varied(index)

    def _is_fixed(self, index: int) -> bool:
        known = self.numbers.values[index]
        known = known[~np.isnan(known)]
        return len(known) > 0 and not np.ptp(known) > 0

    # --- proposals ---

    def _proposed(
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
                    if len(proposal.names) > 1 and self._is_no_given(name, index):
                        continue
                    if name == LEARNING_RATE and self._is_of_results(index):
                        continue
                    if proposal.is_doubtful and self._is_other_bias(name, index):
                        continue  # "b" beside b1 = 0.35
                    if name in self.known and name not in names and name not in (constants or ()):
                        names[name] = index
                        taken.add(index)
                        break
        return names

    def _is_no_given(self, name: str, index: int) -> bool:
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

    def _is_of_results(self, index: int) -> bool:
        """Whether a column lists learning rates, with a result for each, and no record's own."""
        numbers = self.numbers.values[index]
        known = numbers[~np.isnan(numbers)]
        if len(known) < 2 or np.ptp(known) == 0:
            return False
        records = ~np.isnan(self.numbers.values).all(axis=0)  # not the gap between first and last
        if len(known) < records.sum():
            return True
        return bool(self.formulas.referred) and index not in self.formulas.referred

    def _numbering(self, structure: Structure) -> dict[str, str]:
        """Return the exercise's names of weights and neurons by the headers' names."""
        numbering: dict[str, str] = {}
        for name, index in structure.columns.items():
            proposal = self.proposals[index]
            if proposal.names and kind_of(proposal.names[0]) in (Kind.WEIGHT, Kind.BIAS, Kind.SUM):
                numbering[proposal.names[0]] = name
                if kind_of(name) is Kind.SUM:
                    numbering[f"a_{proposal.names[0]}"] = f"a_{name}"
        return {old: new for old, new in numbering.items() if old != new}

    # --- numbers ---

    def _by_numbers(
        self,
        base: Mapping[str, int],
        numbering: Mapping[str, str],
        constants: Mapping[str, tuple[Address, float]],
        *,
        bold: bool,
    ) -> Assignment:
        """Follow the order of computation, and look for the column that has each quantity's values.

        Args:
            base: the columns by their headers, which come first.
            bold: whether columns are taken whose headers clearly say something else.
        """
        evidence = self._evidence(constants) if constants else self.evidence
        # The exercise's own columns first, then intermediate derivatives among the others.
        search = _Search(self, evidence, numbering, bold)
        needed = search.follow(base, is_needed_only=True)
        names = search.follow(needed, is_needed_only=False)
        for name, column in base.items():
            if name not in names and column not in names.values():
                names[name] = column
        return self._judged(names, numbering, constants)

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

    # --- structures ---

    def _structures(self, base: Mapping[str, int]) -> Iterator[Structure]:
        addresses = {cell: name for name, cells in self.labels.items() for cell in cells}
        structures = list(structures_of(self.system, self.formulas, self.proposals, addresses))
        if structures:
            yield from structures
            return
        candidates = self._candidates(base)
        if len(candidates.weights) >= len(self.system.weights):
            yield from structures_by_numbers(self.system, self.evidence, base, candidates)

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
            index
            for index in indices
            if index not in taken and not self.proposals[index].names and self.is_varied(index)
        ]
        return Candidates(sorted({*headed, *unnamed}), headed, neurons)

    def _gradients_by_weights(self, structure: Mapping[str, int]) -> dict[str, int]:
        """Return the columns whose headers end as those of the weights do: ``∂E/∂u11``.

        A header that is a quantity's name, or ends as several do, tells nothing.
        """
        weights = {
            name: visible(self.columns[index].text)
            for name, index in structure.items()
            if kind_of(name) in PARAMETER_KINDS
        }
        taken = set(structure.values())
        ends: dict[str, list[int]] = {}
        for index, proposal in enumerate(self.proposals):
            if index in taken or any(name in self.known for name in proposal.names):
                continue
            text = visible(self.columns[index].text)
            common = {name: _common_end(text, header) for name, header in weights.items()}
            longest = max(common.values(), default=0)
            found = [name for name, length in common.items() if length == longest]
            if longest and len(found) == 1:
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

    def _outside_cells(self) -> dict[Address, float]:
        """Return the cells outside the table that its formulas use, with their numbers.

        No formula tells those of a typed table: they are the ones beside labels of no known word.
        """
        known = set(self.labels.get(LEARNING_RATE, {}))
        cells = outside_cells(self.formulas)
        if not cells:
            known = {cell for addresses in self.labels.values() for cell in addresses}
            cells = cells_beside_texts(self.table)
        return {
            cell: value
            for cell in cells
            if cell not in known and (value := number(self.table.value_at(cell))) is not None
        }

    # --- judging ---

    def _judged(
        self,
        names: Mapping[str, int],
        numbering: Mapping[str, str] | None = None,
        constants: Mapping[str, tuple[Address, float]] | None = None,
    ) -> Assignment:
        evidence = self._evidence(constants) if constants else self.evidence
        judgement = evidence.judge(names)
        cost = RENUMBERED if numbering else 0.0
        taken = set(names.values())
        for name, index in names.items():
            cost += self.reading_cost(index, name.removeprefix(NEGATIVE), numbering or {})
            if not self._is_computed_quantity(name):
                continue
            share = judgement.share.get(name)
            if not self._is_explained(judgement, name):
                cost += UNEXPLAINED
            elif share is not None:
                cost += 0.2 * (1 - share)
        for index, proposal in enumerate(self.proposals):
            if index in taken or proposal.kind in NEUTRAL_KINDS:
                continue
            if proposal.names and proposal.names[0] in self.known and not proposal.is_doubtful:
                cost += UNEXPLAINED
            elif self.numbers.computed[index] or self.is_varied(index):
                cost += LEFT
            elif proposal.kind is Kind.BIAS and not proposal.is_doubtful:
                cost += MISSING  # which the exercise lacks
        cost += sum(MISSING for name in self._needed() if {name, NEGATIVE + name}.isdisjoint(names))
        lacking = [
            name
            for name in (*self.system.inputs, *self.system.targets, *self.system.parameters)
            if name not in names and name not in evidence.constants
        ]
        cost += MISSING * (len(lacking) + self._biases_left(lacking))
        return Assignment(names, judgement, cost, numbering or {}, constants or {})

    def _biases_left(self, lacking: Sequence[str]) -> int:
        """Count the biases that the sheet states, and the exercise lacks; less those it needs."""
        stated = [name for name in self.labels if kind_of(name) is Kind.BIAS]
        if not self.system.biases:
            return len(stated)
        others = sum(name not in self.system.biases for name in stated)  # in other words: θ1
        return -min(others, sum(name in self.system.biases for name in lacking))

    def _is_computed_quantity(self, name: str) -> bool:
        name = name.removeprefix(NEGATIVE)
        return name in self.system.updates or name in self.evidence.order


@dataclass(frozen=True)
class _Search:
    """Follows the order of computation, and looks for the column that has each quantity's values.

    Attributes:
        numbering: the exercise's names of weights and neurons by the headers' names.
        bold: whether columns are taken whose headers clearly say something else.
        given: the columns of inputs, targets and parameters.
    """

    assigner: Assigner
    evidence: Evidence
    numbering: Mapping[str, str]
    bold: bool

    given: dict[str, int] = field(default_factory=dict)

    def follow(self, base: Mapping[str, int], *, is_needed_only: bool) -> dict[str, int]:
        """Return the column of each quantity.

        Args:
            base: the columns that come first if their numbers fit, or if no other column's do.
            is_needed_only: whether only the exercise's own columns are looked for.
        """
        given = {name: column for name, column in base.items() if _is_given(name)}
        names = dict(given)
        self.given.update(given)
        walk = Walk(self.evidence, given)
        with np.errstate(all="ignore"):
            for name in self.evidence.order:
                column: int | None = None
                if NEGATIVE + name in base:
                    column = -1 - base[NEGATIVE + name]
                elif name in base or name in self.evidence.system.columns or not is_needed_only:
                    others = names if is_needed_only else {**base, **names}
                    column = self._choose(walk, name, base, others)
                if column is not None:
                    sign = NEGATIVE if column < 0 else ""
                    names[sign + name] = walk.assignment[sign + name] = abs(column) - 1
                    walk.step(name, None if sign else abs(column) - 1)
                else:
                    walk.step(name, None)
        return _without_mixed_signs(names)

    def _choose(
        self, walk: Walk, name: str, base: Mapping[str, int], names: Mapping[str, int]
    ) -> int | None:
        """Return 1 + the column of a quantity, negative for the other sign; None without one."""
        predicted = walk.predict(name)
        own = base.get(name)
        taken = {column for other, column in names.items() if other != name}
        if own in taken:
            own = None
        as_proposed = None if own is None else own + 1
        if not predicted:
            return as_proposed
        slack = walk.slack_of(name)
        if own is not None:
            fitting = (self.evidence.fitting(values, slack)[own] for values in predicted)
            if max(fitting) >= MIN_FITTING:
                return as_proposed
        owners = {column: other for other, column in base.items() if other != name}
        best: tuple[float, int] | None = None
        for column in self._matching(name, predicted, slack):
            index = abs(column) - 1
            cost = self._cost(name, column, index in owners)
            if index not in taken and cost is not None and (best is None or cost < best[0]):
                best = cost, column
        return as_proposed if best is None else best[1]

    def _matching(
        self, name: str, predicted: Sequence[Array], slack: Array | None
    ) -> Iterator[int]:
        """Yield 1 + each column with a quantity's values, negative for the other sign."""
        for values in predicted:
            if not _tells(values):
                continue
            for sign in (1, -1) if _has_two_signs(name) or _is_gradient(name) else (1,):
                shares = self.evidence.fitting(sign * values, slack)
                for index in np.flatnonzero(shares >= MIN_FITTING).tolist():
                    if name in self.evidence.system.columns or self.assigner.may_vary(index):
                        yield sign * (index + 1)

    def _cost(self, name: str, column: int, is_owned: bool) -> float | None:
        """Return what it costs to take a column; None if its header says too clearly what it is."""
        index = abs(column) - 1
        if column < 0 and _is_gradient(name) and self.assigner.proposals[index].names:
            return None  # under a header that says what it is, a wrong sign is a mistake
        cost = self.assigner.reading_cost(index, name, self.numbering)
        cost += OTHER_SIGN if column < 0 else 0.0
        cost += 0.0 if self._has_number_of(name, index) else NONE
        if is_owned:
            is_doubtful = self.assigner.proposals[index].is_doubtful
            return cost + NONE if self.bold or cost <= NONE or is_doubtful else None
        return cost if self.bold or cost <= MAX_COST else None

    def _has_number_of(self, name: str, index: int) -> bool:
        """Whether a header ends as that of the weight: of two equal columns, Δw4 is ∂E/∂w4."""
        weight = self.given.get(name.rpartition("∂")[2]) if _is_gradient(name) else None
        columns = self.assigner.columns
        return weight is None or _common_end(columns[index].text, columns[weight].text) > 0


def _is_given(name: str) -> bool:
    kind = kind_of(name)
    return kind in (*GIVEN_KINDS, *PARAMETER_KINDS, *NEUTRAL_KINDS, Kind.STATE)


def _cost_of(assignment: Assignment) -> float:
    return round(assignment.cost, 9)


def _common_end(text: str, other: str) -> int:
    """Return how many letters and digits at their ends two headers have in common.

    They must include a digit: ``gradient w13`` and ``Gewicht 13`` have two.
    """
    ends = [[sign for sign in one.casefold() if sign.isalnum()] for one in (text, other)]
    pairs = zip(*(reversed(one) for one in ends), strict=False)
    common = [sign for sign, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return len(common) if any(sign.isdigit() for sign in common) else 0


def _has_two_signs(name: str) -> bool:
    """Whether textbooks define a derivative with either sign: δ."""
    above, _, below = name.partition("/∂")
    return above == "∂E" and kind_of(below) in (Kind.SUM, Kind.ACTIVATION)


def _is_gradient(name: str) -> bool:
    """Whether a name is the derivative by a parameter: Δw has the other sign."""
    return kind_of(name) is Kind.GRADIENT


def _without_mixed_signs(names: dict[str, int]) -> dict[str, int]:
    """Give all gradients one sign: a few with another one are wrong, or found by chance."""
    gradients = [name for name in names if _is_gradient(name.removeprefix(NEGATIVE))]
    negative = {name for name in gradients if name.startswith(NEGATIVE)}
    if 2 * len(negative) > len(gradients):
        plain = set(gradients) - negative
        return {NEGATIVE + name if name in plain else name: at for name, at in names.items()}
    return {name: column for name, column in names.items() if name not in negative}


def _signs(name: str, others: Iterable[str]) -> tuple[str, ...]:
    """Return the signs that a derivative's column may have; all gradients have the same."""
    if _has_two_signs(name):
        return ("", NEGATIVE)
    has_other = any(
        _is_gradient(one.removeprefix(NEGATIVE)) for one in others if one[0] == NEGATIVE
    )
    return (NEGATIVE,) if has_other and _is_gradient(name) else ("",)


def _tells(values: Array) -> bool:
    """Whether numbers are enough to recognize a quantity: not all zero."""
    known = values[np.isfinite(values)]
    return len(known) > 0 and bool(np.any(np.abs(known) > 1e-12))
