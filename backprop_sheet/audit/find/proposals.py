"""What the headers of a table propose: the quantities of its columns, with their weight."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from backprop_sheet.audit.find.counted_from_zero import counted_from_one
from backprop_sheet.audit.find.mistyped_headers import add_mistyped
from backprop_sheet.audit.find.tables import Column, Table
from backprop_sheet.audit.read.header_numbers import split_at_number
from backprop_sheet.audit.read.meanings import Meaning
from backprop_sheet.audit.read.spellings import is_derivative_word, meaning_of
from backprop_sheet.audit.read.two_headers import is_parameter, unit_or_parameter, unit_quantity
from backprop_sheet.audit.read.workbook import number
from backprop_sheet.equations.names import (
    LEARNING_RATE,
    PARAMETER_KINDS,
    TOTAL_ERROR,
    Kind,
    gradient_name,
    kind_of,
)
from backprop_sheet.equations.system import EquationSystem

CLEAR, NEAR, DOUBTFUL, NONE = 0.6, 0.3, 0.1, 0.02  # the cost of a reading against the header
MAX_FIXED = 50  # records that show whether a column's numbers are fixed

_NAME_IN_DERIVATIVE = re.compile(r"∂([^/∂]+)/∂(.+)")


@dataclass(frozen=True)
class Proposal:
    """What a header proposes.

    Attributes:
        names: the quantities that it can be, the most likely one first; not all are quantities of
            the exercise.
        is_doubtful: the header is a word or a letter without a number, or occurs twice.
        is_letter: it does not say which of several it is: w beside w2, h beside 1.
    """

    names: tuple[str, ...] = ()
    is_doubtful: bool = False
    is_letter: bool = False

    @property
    def numbered(self) -> tuple[str, ...]:
        """The quantities, if the header says which of several it is."""
        return () if self.is_letter else self.names

    @cached_property
    def kind(self) -> Kind | None:
        """The kind of the most likely quantity."""
        return kind_of(self.names[0]) if self.names else None

    def cost(self, name: str) -> float:
        """Return what it costs to read the column as another quantity than its header says."""
        if name in self.names:
            return 0.0 if name == self.names[0] else NONE
        if not self.names:
            return NONE
        if self.is_doubtful:
            return DOUBTFUL
        return NEAR if any(_neuron(name) == _neuron(other) for other in self.names) else CLEAR


def _neuron(name: str) -> str:
    """Return what two quantities of one neuron have in common: h1 and a_h1."""
    return name.removeprefix("a_").replace("E", "o") if name[0] in "aho" else name


def propose(
    table: Table,
    columns: Sequence[Column],
    system: EquationSystem,
    from_zero: frozenset[str] = frozenset(),
) -> list[Proposal]:
    """Return what the header of each column proposes.

    Args:
        columns: the table's columns, and maybe more.
        from_zero: the letters that count from 0.
    """
    by_header = {id(table.column(name)): name for name in table.names}
    meanings = [_meaning(column) for column in columns]
    _leave_groups(meanings, columns, table.records)
    _tell_by_groups(meanings, columns)
    add_mistyped(meanings, columns, _meaning)
    # "b" is weak, and leaves it to "b1" to be b1.
    times = Counter(one.name for one in meanings if one is not None and not one.is_weak)
    proposals = []
    for column, meaning in zip(columns, meanings, strict=True):
        names: list[str] = []
        resolved = by_header.get(id(column))
        is_doubtful = resolved is None
        if meaning is not None:
            is_repeated = times[meaning.name] > 1
            is_doubtful = meaning.is_weak or is_repeated or meaning.name[0] == "y"
            names += (
                canonical(system, counted_from_one(name, from_zero))
                for name in _alternatives(meaning)
            )
            if meaning.is_next:
                names, is_doubtful = [], True
        if resolved is not None:
            resolved = canonical(system, counted_from_one(resolved, from_zero))
            if _is_part(names, resolved):
                names.append(resolved)  # ∂E1/∂a_h1 is first of all what it says
            else:
                if names and resolved not in names:
                    is_doubtful = is_doubtful or names[0][0] != resolved[0]
                names.insert(0, resolved)
        is_letter = is_doubtful and not split_at_number(column.text)[1]
        proposals.append(Proposal(tuple(dict.fromkeys(names)), is_doubtful, is_letter))
    return [_as_its_like(proposal, proposals) for proposal in proposals]


def _as_its_like(proposal: Proposal, proposals: Sequence[Proposal]) -> Proposal:
    """Return a proposal of ∂E/∂h2 beside ∂E/∂a_h1, and no ∂E/∂h1, as one of ∂E/∂a_h2 first."""
    above, _, by = proposal.names[0].partition("/∂") if proposal.names else ("", "", "")
    if kind_of(by) is not Kind.SUM:
        return proposal
    others = {other.names[0] for other in proposals if other is not proposal and other.names}
    by_sums, by_activations = (
        any(other.startswith(f"{above}/∂{start}{by[0]}") for other in others)
        for start in ("", "a_")
    )
    slip_for = f"{above}/∂a_{by}"
    if by_sums or not by_activations or slip_for in others:
        return proposal
    return replace(proposal, names=(slip_for, *proposal.names))


def _is_part(names: Sequence[str], resolved: str) -> bool:
    """Whether a header names the derivative of one output's error, resolved to that of all."""
    return bool(names) and names[0].startswith("∂E") and names[0] != resolved


def _alternatives(meaning: Meaning) -> list[str]:
    name = meaning.name
    if name[0] == "y" and name[1:].isdigit():
        return [f"t{name[1:]}", f"a_o{name[1:]}"]
    if name == LEARNING_RATE and meaning.is_weak:
        return [name, TOTAL_ERROR]  # l, the loss
    return [name]


def _meaning(column: Column) -> Meaning | None:
    """Return the meaning of a header, with that of its group: w5 under "Gradients"."""
    own = meaning_of(column.text) if column.text else None
    if not column.group:
        return own
    if own is None:
        return meaning_of(f"{column.group} {column.text}") or meaning_of(
            f"{column.text} {column.group}"
        )
    if is_derivative_word(column.group) and kind_of(own.name) in PARAMETER_KINDS:
        return Meaning(gradient_name(own.name), own.is_weak)
    return own


def _leave_groups(meanings: list[Meaning | None], columns: Sequence[Column], records: int) -> None:
    """Read fixed biases under "Gradients" as biases if the table has no others, in place.

    The header of a group is the first of its cells, so that nothing says where the group ends.
    """
    outside = {meaning.name for meaning in meanings if meaning is not None}
    for index, column in enumerate(columns):
        own = meaning_of(column.text) if column.group and column.text else None
        if own is None or kind_of(own.name) is not Kind.BIAS or own.name in outside:
            continue
        known = [number(column.value(record)) for record in range(min(records, MAX_FIXED))]
        if len(known) > 1 and known[0] and len(set(known)) == 1:
            meanings[index] = own


def _tell_by_groups(meanings: list[Meaning | None], columns: Sequence[Column]) -> None:
    """Tell repeated headers of units apart by their groups, in place: "h1" below "out" is a_h1."""
    times = Counter(meaning.name for meaning in meanings if meaning is not None)
    for index, (meaning, column) in enumerate(zip(meanings, columns, strict=True)):
        if meaning is None or times[meaning.name] == 1 or not column.group:
            continue
        unit = unit_or_parameter(column.text)
        if unit is not None and not is_parameter(unit):
            meanings[index] = unit_quantity(column.group, unit) or meaning


def canonical(system: EquationSystem, name: str) -> str:
    """Return the exercise's name for a quantity: ∂E/∂o1 for δ_o1 and ∂E1/∂o1."""
    if name.startswith("δ_"):
        name = gradient_name(name.removeprefix("δ_"))
    return same_quantities(system).get(name, name)


@lru_cache(maxsize=64)
def same_quantities(system: EquationSystem) -> Mapping[str, str]:
    """Return the derivatives of one output's error that are those of the whole error.

    Only E1 depends on w5, so that ∂E1/∂w5 is ∂E/∂w5.
    """
    parts: dict[str, list[str]] = {}
    for name in system.chain_rules:
        above, _, by = name.partition("/∂")
        if above.removeprefix("∂") in system.errors:
            parts.setdefault(by, []).append(name)
    same = {names[0]: gradient_name(by) for by, names in parts.items() if len(names) == 1}
    if len(system.errors) == 1:
        [error] = system.errors
        for name in system.chain_rules:
            above, _, by = name.partition("/∂")
            if above == "∂E":
                same[f"∂{error}/∂{by}"] = name
    return same


def renumbered(name: str, numbering: Mapping[str, str]) -> str:
    """Return a name with another numbering of weights and neurons, also in derivatives.

    Where sums are headed z_1 and activations H1, δ_h1 is still the derivative by the sum.
    """
    if name in numbering:
        return numbering[name]
    if match := _NAME_IN_DERIVATIVE.fullmatch(name):
        above, below = match.groups()
        by = numbering.get(below, below)
        return f"∂{numbering.get(above, above)}/∂{by if kind_of(by) is kind_of(below) else below}"
    if "_" in name:  # optimizer states: v_w1
        prefix, _, of = name.partition("_")
        if of in numbering:
            return f"{prefix}_{numbering[of]}"
    return name
