"""Decide which quantity each column of a table is: headers propose, numbers decide.

The assignment that explains most is taken. A column is explained if its numbers follow from the
equation of its quantity and from the columns that are assigned to the others. The search begins
with the headers; if they explain everything, it ends there. Else it tries what the numbers say, the
alternatives of ambiguous headers, and the numbering that the sums show.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, islice, product

import numpy as np

from backprop_sheet.audit.find.column_search import by_numbers, signs
from backprop_sheet.audit.find.compiled_rules import used_names
from backprop_sheet.audit.find.evidence import MIN_FITTING
from backprop_sheet.audit.find.given_search import with_other_given
from backprop_sheet.audit.find.headed_alike import with_headed_alike
from backprop_sheet.audit.find.judging import (
    RENUMBERED,
    UNEXPLAINED,
    Assignment,
    Judge,
    cost_of,
    has_two_signs,
)
from backprop_sheet.audit.find.left_over import with_left_over
from backprop_sheet.audit.find.numberings import as_headed, by_connections, usual_numberings
from backprop_sheet.audit.find.structure import Structure, structures_of
from backprop_sheet.audit.find.structure_by_numbers import Candidates, structures_by_numbers
from backprop_sheet.audit.find.unrounded import formula_gives
from backprop_sheet.audit.read.header_numbers import common_end
from backprop_sheet.audit.read.header_text import visible
from backprop_sheet.audit.read.workbook import Address, number
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import (
    NEUTRAL_KINDS,
    Kind,
    gradient_name,
    kind_of,
)
from backprop_sheet.symbolic.expressions import ZERO, names

_NUMBERED = (Kind.WEIGHT, Kind.BIAS, Kind.SUM)

MAX_WRONG = 6  # wrong columns that are found by what uses them
MAX_FIXED = 4  # columns with a fixed number that may be inputs
MAX_TRIALS = 60  # columns that are tried for these, each time


class Assigner(Judge):
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
        structured: Assignment | None = None
        for variant in self._variants(first):
            if variant.cost < best.cost - 1e-9:
                best = variant
            if best.cost < RENUMBERED + UNEXPLAINED and self.is_settled(best):
                return best  # in another numbering, a wrong column costs as much
            if variant.structure and (structured is None or variant.cost < structured.cost - 1e-9):
                structured = variant
        if self.is_settled(best):
            return best
        used = replace(self._with_used(best), structure=best.structure)
        completed = with_other_given(self, used, self._with_used)
        if structured is not None and structured is not best:
            # Where inputs and targets are not known, a right structure explains little as yet.
            other = with_other_given(self, structured, self._with_used)
            if cost_of(other) < cost_of(completed) or self._explains_more(other, completed):
                completed = min(completed, self._with_used(other), key=cost_of)
        return with_left_over(self, with_headed_alike(self, completed))

    def _explains_more(self, one: Assignment, other: Assignment) -> bool:
        """Whether an assignment explains more columns, whatever it leaves unexplained.

        Where an activation is wrong and unknown, nothing of what is computed from it follows.
        """
        explained, by_other = (
            len(assignment.names) - len(self.unexplained(assignment)) for assignment in (one, other)
        )
        return explained > by_other

    def _with_used(self, best: Assignment) -> Assignment:
        """Take columns for what others use them as, also if their own numbers are wrong.

        The update of w3 shows which column is ∂E/∂w3, and the gradients show which is δ_o1. The
        signs of δ_o1 and δ_o2 may be wrong unless another column is δ_h2, with a wrong sign.
        """
        found = self._improved(best)
        if not any(has_two_signs(name) for name in self.unexplained(found)):
            return found
        turned = [one for one in self._with_other_signs(found) if cost_of(one) <= cost_of(found)]
        return min((found, *map(self._improved, turned)), key=cost_of)

    def _improved(self, best: Assignment) -> Assignment:
        """Take one more column at a time for what others use it as, as long as more follows."""
        for _ in range(MAX_WRONG):
            trials = islice(self._used_as(best), MAX_TRIALS)
            better = min((best, *(one for one in trials if self._tells(best, one))), key=cost_of)
            if better is best:
                break
            again = by_numbers(self, better.names, best.numbering, best.constants, bold=False)
            best = min(better, again, key=cost_of)
        return best

    def _tells(self, before: Assignment, after: Assignment) -> bool:
        """Whether an assignment explains more, and this has about the predicted numbers.

        From a column that is rounded to few digits, almost any numbers seem to follow. The formula
        may give the predicted numbers before it is rounded.
        """
        unexplained = set(self.unexplained(before))
        explained = {
            name.removeprefix(NEGATIVE) for name in before.names if name not in unexplained
        }
        more = [
            name
            for name in after.names
            if name.removeprefix(NEGATIVE) not in explained
            and after.judgement.share.get(name) is not None
            and self.is_explained(after.judgement, name)
        ]
        taken = set(after.names.values()) - set(before.names.values())
        # Zeros are right wherever a factor is 0: of these, only a formula tells.
        told = [name for name in more if self._has_numbers(after.names[name])]
        if not told:
            return any(
                self._refers(after.names[name], at) and self._uses_reached(after, name)
                for name in more
                for at in taken
            )
        return all(self._is_near(before, after, name) for name in told)

    def _uses_reached(self, assignment: Assignment, name: str) -> bool:
        """Whether the formula of a derivative uses no derivatives but those that it follows from.

        One that uses ∂a_h1/∂h1 uses ∂E/∂a_h1 beside it, and not ∂E/∂h1.
        """
        reached = self._reached(name.removeprefix(NEGATIVE), assignment.names)
        column = assignment.names[name]
        return all(
            other.removeprefix(NEGATIVE) in reached
            for other, at in assignment.names.items()
            if other.removeprefix(NEGATIVE)[0] == "∂" and self._refers(column, at)
        )

    def _has_numbers(self, index: int) -> bool:
        """Whether a column has numbers other than 0."""
        return bool(np.any(np.nan_to_num(self.numbers.values[index])))

    def _is_near(self, before: Assignment, after: Assignment, name: str) -> bool:
        column = after.names[name]
        own = self.numbers.values[column]
        known_before = before.judgement.predicted.get(name, ())
        with np.errstate(all="ignore"):
            for values in after.judgement.predicted.get(name, ()):
                if any(values is other for other in known_before):
                    continue
                if formula_gives(self, column, values):
                    return True
                known = np.isfinite(own) & np.isfinite(values)
                if not np.any(own[known]):
                    continue
                distances = np.abs(values - own)[known]
                if np.median(distances) <= 0.5 * np.median(np.abs(own[known])):
                    return True
        return False

    def _used_as(self, best: Assignment) -> Iterator[Assignment]:
        """Yield assignments with one more column, or with the other sign of one."""
        free = self.free_columns(best)
        unexplained = self.unexplained(best)
        left = [*free, *self._found_by_chance(best)]
        movable = [*left, *(best.names[name] for name in unexplained)]
        used_by = used_names(self.system)
        turned: set[str] = set()
        of_derivatives = self._used_by_derivatives(best)
        for user in unexplained:
            plain = user.removeprefix(NEGATIVE)
            for name in (plain, *used_by.get(plain, ())):
                if has_two_signs(name) and name not in turned:
                    if not turned:
                        yield from self._with_other_signs(best)
                    turned.add(name)
                    yield from self._with_other_sign(best, name)
            references = {column for column, _ in self.formulas.references(best.names[user])}
            used = [at for at in movable if at in references and at != best.names[user]]
            columns = used if references else left
            for name in _used_without_columns(plain, used_by, best.names):
                for sign, column in product(signs(name, best.names), columns):
                    if self.is_no_given(name, column):
                        continue
                    if kind_of(name) is Kind.ERROR and column in of_derivatives:
                        continue  # a difference, which textbooks call an error, too
                    others = {one: at for one, at in best.names.items() if at != column}
                    with_column = {**others, sign + name: column}
                    found = self.judged(with_column, best.numbering, best.constants)
                    if not (has_two_signs(name) and self._is_used_otherwise(found, name, column)):
                        yield found
        yield from self._pairs_used(best, free, used_by)

    def _is_used_otherwise(self, found: Assignment, name: str, column: int) -> bool:
        """Whether most derivatives whose formulas use a column do not follow from it as ``name``.

        A wrong one that is computed from δ_h1 does not make this column δ_h2, if the gradients of
        h1's weights are computed from it, too.
        """
        rules = self.system.chain_rules
        follow: list[bool] = []
        for other, at in found.names.items():
            plain = other.removeprefix(NEGATIVE)
            if plain == name or plain not in rules or not self._refers(at, column):
                continue
            predicted = found.judgement.predicted.get(other, ())
            follow.append(
                name in self._reached(plain, found.names)
                and bool(predicted)
                and self.evidence.fitting(predicted[-1])[at] >= MIN_FITTING
            )
        return 2 * sum(follow) < len(follow)

    def _refers(self, index: int, column: int) -> bool:
        return any(used == column for used, _ in self.formulas.references(index))

    def _reached(self, name: str, columns: Container[str]) -> set[str]:
        """Return the derivatives that one follows from, through those without a column."""
        reached: set[str] = set()
        ahead = [name]
        while ahead:
            for used in names(self.system.chain_rules.get(ahead.pop(), ZERO)):
                if used.name not in reached and used.name.startswith("∂"):
                    reached.add(used.name)
                    if used.name not in columns and NEGATIVE + used.name not in columns:
                        ahead.append(used.name)
        return reached

    def _used_by_derivatives(self, best: Assignment) -> set[int]:
        """Return the columns that the formulas of derivatives use; errors are none of them."""
        return {
            column
            for name, at in best.names.items()
            if name.removeprefix(NEGATIVE)[0] == "∂"
            for column, _ in self.formulas.references(at)
        }

    def _found_by_chance(self, best: Assignment) -> list[int]:
        """Return the columns that have the numbers of a derivative, and whose headers tell nothing.

        A δ_h1 that lacks one of its paths is the derivative of the other output's error.
        """
        return [
            index
            for name, index in best.names.items()
            if (plain := name.removeprefix(NEGATIVE))[0] == "∂"
            and plain not in self.system.columns
            and plain not in self.proposals[index].names
        ]

    def _pairs_used(
        self, best: Assignment, free: Sequence[int], used_by: Mapping[str, Sequence[str]]
    ) -> Iterator[Assignment]:
        """Yield assignments with two more columns, of which a formula computes one with the other.

        What adds E1 and a column that follows from nothing may be E_total, and that column E2. Its
        header may be that of the total.
        """
        unexplained = {best.names[name] for name in self.unexplained(best)}
        by_column = {column: name for name, column in best.names.items()}
        for column in free:
            used = self.formulas.used(column)
            parts = [at for at in used if at in free] or [at for at in used if at in unexplained]
            known = {by_column[at] for at in used if at in by_column and at not in parts}
            if not known or len(parts) != 1:
                continue
            others = {name: at for name, at in best.names.items() if at != parts[0]}
            for name, uses in used_by.items():
                if name in others or not known.issubset(uses):
                    continue
                for part in uses:
                    if part not in others and NEGATIVE + part not in others:
                        pair = {name: column, part: parts[0]}
                        yield self.judged({**others, **pair}, best.numbering, best.constants)

    def _with_other_signs(self, best: Assignment) -> Iterator[Assignment]:
        """Yield assignments in which all derivatives of a wrong sign have the other one: δ.

        The gradients may have been found with the wrong sign for the same reason.
        """
        names = {
            NEGATIVE + name if has_two_signs(name) else name: at for name, at in best.names.items()
        }
        if names.keys() == best.names.keys():
            return
        plain = {
            own if kind_of(own := name.removeprefix(NEGATIVE)) is Kind.GRADIENT else name: at
            for name, at in names.items()
        }
        for turned in (names, plain):
            yield self.judged(turned, best.numbering, best.constants)

    def _with_other_sign(self, best: Assignment, name: str) -> Iterator[Assignment]:
        """Yield an assignment in which the column of a derivative has the other sign."""
        for sign, other in ((NEGATIVE, ""), ("", NEGATIVE)):
            if sign + name in best.names:
                names = {
                    (other + name if one == sign + name else one): at
                    for one, at in best.names.items()
                }
                yield self.judged(names, best.numbering, best.constants)

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

        Where all weights but one have a number, the other one has the number that is left.
        """
        numbering: dict[str, str] = {}
        for is_doubtful in (True, False):
            for name, index in structure.columns.items():
                proposal = self.proposals[index]
                headed = proposal.names[0] if proposal.names else ""
                if proposal.is_doubtful is is_doubtful and headed and kind_of(headed) in _NUMBERED:
                    numbering[headed] = name
                    if kind_of(name) is Kind.SUM:
                        numbering[f"a_{headed}"] = f"a_{name}"
        weights = self.system.weights
        left = [name for name in weights if name not in numbering.values()]
        if len(left) == 1 and set(left) <= structure.columns.keys():
            without = [name for name in weights if name not in numbering]
            numbering |= dict(zip(without, left, strict=False)) if len(without) == 1 else {}
        return {old: new for old, new in numbering.items() if old != new}

    def _structures(self, base: Mapping[str, int], first: Assignment) -> Iterator[Structure]:
        addresses = {cell: name for name, cells in self.labels.items() for cell in cells}
        structures = list(structures_of(self.system, self.formulas, self.proposals, addresses))
        if structures:
            yield from structures
            yield from as_headed(self.system, base, structures[0])
            if len(structures) > 1:
                yield from self._numbered_as_usual(base, structures[0])
            return
        neurons = [name for names in self.system.layers for pair in names for name in pair]
        if all(
            name in first.names and self.is_explained(first.judgement, name) for name in neurons
        ):
            return  # the neurons follow from the weights as the headers say
        likely: Structure | None = None
        for known in self._with_fixed_inputs(base):
            candidates = self._candidates(known)
            if len(candidates.weights) >= len(self.system.weights):
                for found in structures_by_numbers(self.system, self.evidence, known, candidates):
                    likely = likely or found
                    yield found
        yield from self._numbered_as_usual(base, likely or Structure())

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
        if all(name in base for name in self.system.weights):
            for numbering in usual_numberings(self.system):
                weights = {new: base[old] for old, new in numbering.items()}
                yield Structure({**likely.columns, **weights}, likely.constants)

    def _with_fixed_inputs(self, base: Mapping[str, int]) -> Iterator[Mapping[str, int]]:
        """Yield the columns with those of missing inputs: some with a fixed number.

        Their headers are not clear. Of few digits, an activation has a fixed number, too.
        """
        known = {*base, *self.evidence.constants}
        lacking = [name for name in self.system.inputs if name not in known]
        taken = set(base.values())
        fixed = [
            index
            for index, proposal in enumerate(self.proposals)
            if index not in taken
            and (proposal.is_doubtful or not proposal.names)
            and self.is_fixed(index)
        ]
        if not lacking or not len(lacking) <= len(fixed) <= MAX_FIXED:
            yield base
            return
        for chosen in combinations(fixed, len(lacking)):
            yield {**base, **dict(zip(lacking, chosen, strict=True))}

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
        if len(headed) + len(updated) >= len(self.system.weights):
            unnamed = updated
        headers = [column.text for column in self.columns]
        return Candidates(sorted({*headed, *unnamed}), headed, neurons, headers)

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


def _used_without_columns(
    user: str, used_by: Mapping[str, Sequence[str]], names: Mapping[str, int]
) -> list[str]:
    """Return what a quantity follows from and has no column, also through others without one."""
    pending, found = [user], dict[str, None]()
    while pending:
        for name in used_by.get(pending.pop(0), ()):
            if name not in found and {name, NEGATIVE + name}.isdisjoint(names):
                found[name] = None
                pending += [name] if name[0] == "∂" else []
    return list(found)
