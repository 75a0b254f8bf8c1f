"""How a table was read as an exercise: its columns, and what was read against its header."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from backprop_sheet.audit.find.assignment import Assigner
from backprop_sheet.audit.find.column_formulas import outside_cells
from backprop_sheet.audit.find.evidence import MIN_FITTING
from backprop_sheet.audit.find.form_tables import FormTable
from backprop_sheet.audit.find.judging import Assignment
from backprop_sheet.audit.find.numbers_in_formulas import numbers_in_formulas
from backprop_sheet.audit.find.proposals import renumbered
from backprop_sheet.audit.find.proposed_columns import Labels
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.find.ties import tied_columns
from backprop_sheet.audit.find.unknown_headers import labels_left_out
from backprop_sheet.audit.read.header_text import visible
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.audit.results import ReadColumn
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import LEARNING_RATE, NEUTRAL_KINDS, Kind, kind_of
from backprop_sheet.equations.system import EquationSystem

BY_HEADER, BY_NUMBERS, BY_FORMULA = "header", "numbers", "formula"
MIN_COUNTED = 3  # numbers with the same differences: iterations, samples


@dataclass(frozen=True)
class Reading:
    """A table, read as an exercise.

    Attributes:
        table: with the names of the exercise's quantities.
        system: the exercise's equations.
        labels: the values outside the table, by name and cell.
        columns: how each column was read.
        explained, unexplained: the numbers of computed columns that follow from the others, and of
            those that do not.
        foreign: the headers of quantities that the exercise does not have.
        numbering: another numbering of weights and neurons: the exercise's name by the header's.
        from_zero: the letters that count from 0 in the headers, such as w of w0 … w7.
        is_all_used: whether every column with different numbers is a quantity, or one is computed
            from it, so that none is what the table seems to lack.
        tied: two columns, if neither headers nor numbers tell which of them is which quantity.
        parameters_left: the number of columns without a quantity that are updated as parameters
            are, and that others are computed from, and of such biases beside the table: those of
            a larger network.
    """

    table: Table
    system: EquationSystem
    labels: Labels
    columns: tuple[ReadColumn, ...]
    cost: float
    explained: int
    unexplained: int
    foreign: tuple[str, ...]
    numbering: Mapping[str, str]
    from_zero: frozenset[str] = frozenset()
    is_all_used: bool = False
    tied: tuple[ReadColumn, ...] = ()
    parameters_left: int = 0

    @property
    def against_headers(self) -> tuple[ReadColumn, ...]:
        """The columns that were read against their headers."""
        return tuple(column for column in self.columns if column.is_against_header)


def reading_of(assigner: Assigner, assignment: Assignment) -> Reading:
    """Return the table with the names that an assignment gives its columns."""
    return _Maker(assigner, assignment).reading()


class _Maker:
    def __init__(self, assigner: Assigner, assignment: Assignment) -> None:
        self.assigner, self.assignment = assigner, assignment
        self.system, self.columns = assigner.system, assigner.columns
        left = set(range(len(self.columns))) - set(assignment.names.values())
        self.used = {  # columns without a quantity that others are computed from
            used
            for index in (assignment.names.values() if left else ())
            for used in assigner.formulas.used(index) & left
        }

    def reading(self) -> Reading:
        names = self.assignment.names
        named = {
            name: self.columns[index]
            for name, index in sorted(names.items(), key=lambda item: item[1])
        }
        table = self.assigner.table
        if tuple(named) != table.names or any(
            named[name] is not table.column(name) for name in table.names
        ):
            table = table.with_names(named)
        labels = {name: dict(cells) for name, cells in self.assigner.labels.items()}
        for name, (cell, value) in self.assignment.constants.items():
            labels[name] = {cell: value, **labels.get(name, {})}
        named_columns = {index: name for name, index in names.items()}
        stated = {*labels, *names}
        labels |= numbers_in_formulas(self.system, named_columns, self.assigner.formulas, stated)
        for cell, value in self._unused_rates():
            labels.setdefault(LEARNING_RATE, {}).setdefault(cell, value)
        computed = [name for name in names if self._is_computed(name)]
        shares = {name: self.assignment.judgement.share.get(name) for name in computed}
        explained = sum(share is not None and share >= MIN_FITTING for share in shares.values())
        unexplained = sum(share is not None and share < MIN_FITTING for share in shares.values())
        left = [index for index in range(len(self.columns)) if index not in names.values()]
        foreign = [index for index in left if self._is_foreign(index)]
        columns = tuple(self._read_columns())
        return Reading(
            table,
            self.system,
            labels,
            tuple(self._listed(columns, table)),
            self.assignment.cost,
            explained,
            unexplained,
            tuple(self._text(index) for index in foreign),
            self.assignment.numbering,
            self.assigner.from_zero,
            not labels_left_out(table, labels) and not any(map(self._is_unused, left)),
            tuple(columns[index] for index in tied_columns(self.assigner, self.assignment)),
            sum(map(self._is_parameter, left)) + self._biases_outside(),
        )

    def _biases_outside(self) -> int:
        """Count the biases beside the table that its formulas use and the exercise lacks."""
        lacking = [
            cells
            for name, cells in self.assigner.labels.items()
            if kind_of(name) is Kind.BIAS and name not in self.system.quantities
        ]
        used = set(outside_cells(self.assigner.formulas)) if lacking else set()
        return sum(not used.isdisjoint(cells) for cells in lacking)

    def _is_parameter(self, index: int) -> bool:
        """Whether a column follows from its record above, and is used as weights are."""
        formulas = self.assigner.formulas
        return formulas.is_updated(index) and any(
            index in formulas.used(other) and not formulas.is_updated(other)
            for other in range(len(self.columns))
        )

    def _is_unused(self, index: int) -> bool:
        """Whether a column has different numbers, is no counter, and no quantity is from it."""
        if index in self.referred or not self.assigner.may_vary(index):
            return False
        known = self.assigner.numbers.values[index]
        known = known[~np.isnan(known)]
        return len(known) < MIN_COUNTED or bool(np.ptp(np.diff(known)) > 0)

    @cached_property
    def referred(self) -> set[int]:
        """The columns that quantities are computed from, also through other columns."""
        pending = list(self.assignment.names.values())
        reached = set(pending)
        while pending:
            used = {column for column, _ in self.assigner.formulas.references(pending.pop())}
            pending += used - reached
            reached |= used
        return reached

    def _unused_rates(self) -> Iterator[tuple[Address, float]]:
        """Yield what columns state as η, the same in all records, although no update uses it."""
        taken = set(self.assignment.names.values())
        for index, proposal in enumerate(self.assigner.proposals):
            if index in taken or LEARNING_RATE not in proposal.names:
                continue
            column = self.columns[index]
            values = [number(column.value(record)) for record in range(len(column.cells))]
            known = [value for value in values if value is not None]
            cell = next(iter(column.cells), None)
            if cell is not None and len(set(known)) == 1 and 2 * len(known) > len(values):
                yield cell, known[0]

    def _is_computed(self, name: str) -> bool:
        name = name.removeprefix(NEGATIVE)
        return name in self.system.updates or name in self.assigner.evidence.order

    def _is_foreign(self, index: int) -> bool:
        """Whether a header clearly names a quantity of a network that the exercise lacks."""
        proposal = self.assigner.proposals[index]
        kinds = (Kind.INPUT, Kind.WEIGHT, Kind.BIAS, Kind.SUM, Kind.ACTIVATION, Kind.TARGET)
        return (
            bool(proposal.names)
            and not proposal.is_doubtful
            and proposal.kind in kinds
            and not any(name in self.assigner.known for name in proposal.names)
        )

    def _text(self, index: int) -> str:
        return " ".join(visible(self.columns[index].text).split())

    # --- how columns were read ---

    def _listed(self, columns: Sequence[ReadColumn], table: Table) -> list[ReadColumn]:
        """Return the columns as they are listed.

        Those of a form are in the order of their labels, those of its new parameters among them.
        """
        if not isinstance(table, FormTable):
            return list(columns)
        listed = [(self._place(index), column) for index, column in enumerate(columns)]
        known = {place for place, _ in listed}
        agreeing = {column.quantity: column.agrees for column in columns}
        new = []
        for label, name in table.labels_of_next():
            if label not in known:
                text = " ".join(visible(str(table.value_at(label) or "")).split())
                by = BY_HEADER if meaning_of(text) is not None else BY_NUMBERS
                place, agrees = label.text(table.sheet), agreeing.get(name, True)
                new.append((label, ReadColumn(text, place, name, by, agrees=agrees)))
        if table.has_one_block:  # the first value is given
            told = {column.quantity for _, column in new}
            listed = [
                (place, replace(column, agrees=column.agrees or column.quantity in told))
                for place, column in listed
            ]
        sheets = list(table.sheets)

        def down(place: Address) -> tuple[int, int, int]:
            return sheets.index(place.sheet), place.column, place.row

        def across(place: Address) -> tuple[int, int, int]:
            return sheets.index(place.sheet), place.row, place.column

        headers = list(map(self.assigner.table.header, self.assigner.table.names))
        order = down if headers == sorted(headers, key=down) else across
        listed = sorted([*listed, *new], key=lambda one: order(one[0]) if one[0] else ())
        return [column for _, column in listed]

    def _place(self, index: int) -> Address | None:
        """Return the cell of a column's header, or its first cell."""
        column = self.columns[index]
        return column.header or next((cell for cell in column.cells if cell is not None), None)

    def _read_columns(self) -> list[ReadColumn]:
        by_column = {index: name for name, index in self.assignment.names.items()}
        return [
            self._read_column(index, by_column.get(index)) for index in range(len(self.columns))
        ]

    def _read_column(self, index: int, name: str | None) -> ReadColumn:
        proposal = self.assigner.proposals[index]
        cell = self._place(index)
        place = "" if cell is None else cell.text(self.assigner.table.sheet)
        if name is None:
            named = proposal.names[0] if proposal.kind in NEUTRAL_KINDS else ""
            return ReadColumn(
                self._text(index),
                place,
                named,
                BY_HEADER if named or self._is_update(index) else "",
                names_quantity=bool(proposal.names) or self._is_used_unread(index),
                is_used=index in self.referred,
            )
        plain = name.removeprefix(NEGATIVE)
        by = BY_HEADER
        is_against = False
        if plain not in proposal.names:
            is_in_formulas = index in self.assigner.formulas.referred and _is_from_structure(plain)
            by = BY_FORMULA if is_in_formulas else BY_NUMBERS
            renamed = self.assignment.numbering.get(proposal.names[0]) if proposal.names else None
            is_against = (
                bool(proposal.names)
                and renamed != plain
                and not self._is_renumbered(proposal.names[0], plain)
                and any(one in self.assigner.known for one in proposal.names)
            )
        share = self.assignment.judgement.share.get(name)
        agrees = share is None or share >= MIN_FITTING
        return ReadColumn(self._text(index), place, name, by, is_against, agrees=agrees)

    def _is_update(self, index: int) -> bool:
        """Whether a column is w1+, and the parameters of the next record are computed from it."""
        meaning = meaning_of(self._text(index))
        return meaning is not None and meaning.is_next and index in self.referred

    def _is_used_unread(self, index: int) -> bool:
        """Whether others are computed from a column that no update goes through, as through w1+."""
        meaning = meaning_of(self._text(index))
        return index in self.used and not (meaning is not None and meaning.is_next)

    def _is_renumbered(self, old: str, new: str) -> bool:
        return renumbered(old, self.assignment.numbering) == new


def _is_from_structure(name: str) -> bool:
    """Whether sums of products tell what it is."""
    return kind_of(name) in (Kind.WEIGHT, Kind.INPUT, Kind.BIAS)
