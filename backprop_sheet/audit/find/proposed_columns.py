"""The columns of a table with what their headers propose, and what it costs to read them otherwise.

Which headers propose what depends on the exercise, on the values beside the table, and on the
columns' numbers: an input does not change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from backprop_sheet.audit.find.column_formulas import ColumnFormulas
from backprop_sheet.audit.find.counted_from_zero import counted_from_one, letters_from_zero
from backprop_sheet.audit.find.numbers_in_formulas import numbers_in_formulas
from backprop_sheet.audit.find.proposals import NONE, Proposal, propose, renumbered
from backprop_sheet.audit.find.table_columns import TableColumns
from backprop_sheet.audit.read.header_numbers import common_end
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.intermediates import is_derivative
from backprop_sheet.equations.names import (
    COMPUTED_KINDS,
    GIVEN_KINDS,
    ITERATION,
    LEARNING_RATE,
    SAMPLE,
    TOTAL_ERROR,
    Kind,
    gradient_name,
    kind_of,
)
from backprop_sheet.equations.system import EquationSystem

MAX_HALF_UNIT = 0.01  # of the last digit, as a part of the number, where two digits are known

Labels = Mapping[str, Mapping[Address, float]]


class ProposedColumns:
    """The columns of one table, and the quantities of one exercise that their headers propose."""

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
        headed = {at: one.names[0] for at, one in enumerate(self.proposals) if one.names}
        stated = {*self.labels, *(name for one in self.proposals for name in one.names)}
        self.labels = {
            **self.labels,
            **numbers_in_formulas(system, headed, read.formulas, stated),
        }
        self.numbers = read.numbers(system.rows_per_iteration)
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

    @property
    def formulas(self) -> ColumnFormulas:
        """The formulas of one record, as expressions of the columns."""
        return self._read.formulas

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
                    if proposal.is_doubtful and self._is_not_computed(name, index):
                        continue
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

    def _is_not_computed(self, name: str, index: int) -> bool:
        """Whether a column has one typed number, and cannot be the computed quantity of its header.

        Either that is a derivative that is not needed ("b" beside the gradients, 0 in each record),
        or another column has the same proposal and different numbers ("e1", an input, beside
        "Error 1").
        """
        if self.table.records <= 1 or self.numbers.computed[index] or not self.is_fixed(index):
            return False
        if is_derivative(name) and name not in self.system.columns:
            return True
        return kind_of(name) in COMPUTED_KINDS and any(
            name in other.names and self.is_varied(place)
            for place, other in enumerate(self.proposals)
            if place != index
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
        if proposal.is_doubtful and name in self._called_errors.get(proposal.names[:1], ()):
            return 2 * NONE  # textbooks call δ_o1 an error, too, and the difference
        return proposal.cost(name)

    @cached_property
    def _called_errors(self) -> Mapping[tuple[str, ...], Sequence[str]]:
        """The derivatives by an output and by its sum, by the output's error."""
        outputs = zip(self.system.errors, self.system.layers[-1], strict=False)
        return {(error,): [*map(gradient_name, output)] for error, output in outputs}

    def is_of_other_weight(self, name: str, index: int, names: Mapping[str, int]) -> bool:
        """Whether a gradient's header ends more as that of another weight than as its own.

        Both "w1 (i1→h1)" and "w2 (i2→h1)" end in h1.

        Args:
            names: the columns of the weights.
        """
        own = names.get(name.rpartition("∂")[2]) if kind_of(name) is Kind.GRADIENT else None
        if own is None:
            return False
        text, columns = self.columns[index].text, self.columns
        of_own = common_end(text, columns[own].text)
        return any(
            common_end(text, columns[names[w]].text) > of_own
            for w in self.system.weights
            if w in names
        )


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
