"""Look for the column of each quantity by its numbers, in the order of computation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from backprop_sheet.audit.find.column_numbers import Array
from backprop_sheet.audit.find.evidence import MIN_FITTING, Evidence, Walk
from backprop_sheet.audit.find.judging import SIGNS, Assignment, Judge, cost_of, has_two_signs
from backprop_sheet.audit.find.proposals import NONE, same_quantities
from backprop_sheet.audit.read.header_numbers import common_end
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.equations.intermediates import NEGATIVE, is_derivative, with_other_sign
from backprop_sheet.equations.names import (
    GIVEN_KINDS,
    LEARNING_RATE,
    NEUTRAL_KINDS,
    PARAMETER_KINDS,
    Kind,
    kind_of,
)
from backprop_sheet.symbolic.expressions import cell_references

OTHER_SIGN = 0.05  # of a derivative with the other sign
MAX_COST = 0.5  # of a reading against the header in a first search


def by_numbers(
    judge: Judge,
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
    evidence = judge.evidence_with(constants) if constants else judge.evidence
    # The exercise's own columns first, then intermediate derivatives among the others.
    search = _Search(judge, evidence, numbering, bold)
    needed = search.follow(base, is_needed_only=True)
    names = search.follow(needed, is_needed_only=False)
    for name, column in base.items():
        if name not in names and column not in names.values():
            names[name] = column
    return _with_proposed_signs(judge, judge.judged(names, numbering, constants), base)


def _with_proposed_signs(judge: Judge, found: Assignment, base: Mapping[str, int]) -> Assignment:
    """Return derivatives to the sign of their headers, or of the others, where more follows then.

    A column of t1 - a_o1 has the other sign, or is wrong: what is computed from it tells. Of wrong
    ones, neither sign does, and all may have that of the others.
    """
    headed = [name for name in base if has_two_signs(name)]
    turned = [name for name in headed if found.names.get(NEGATIVE + name) == base[name]]
    if not turned or not judge.unexplained(found):
        return found
    plain = [name for name in headed if found.names.get(name) == base[name]]

    def with_turned(assignment: Assignment, together: Sequence[str]) -> Assignment:
        names = {
            with_other_sign(name) if name.removeprefix(NEGATIVE) in together else name: column
            for name, column in assignment.names.items()
        }
        return judge.judged(names, found.numbering, found.constants)

    def cost_with_turned(assignment: Assignment) -> tuple[float, int]:
        return cost_of(assignment), sum(NEGATIVE + name in assignment.names for name in headed)

    best = min(found, with_turned(found, turned), with_turned(found, plain), key=cost_with_turned)
    for name in (*turned, *plain):
        best = min(best, with_turned(best, [name]), key=cost_with_turned)
    return best


class _Choice(NamedTuple):
    """The column that is taken for a quantity, and the sign that it has, "" or the other one."""

    column: int
    sign: str = ""


@dataclass(frozen=True)
class _Search:
    """Follows the order of computation, and looks for the column that has each quantity's values.

    Attributes:
        numbering: the exercise's names of weights and neurons by the headers' names.
        bold: whether columns are taken whose headers clearly say something else.
        given: the columns of inputs, targets and parameters.
    """

    judge: Judge
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
        same = same_quantities(self.evidence.system)
        with np.errstate(all="ignore"):
            for name in self.evidence.order:
                choice: _Choice | None = None
                if name in same and name not in base:
                    pass  # another column with these numbers has another quantity's, wrongly
                elif NEGATIVE + name in base:
                    choice = _Choice(base[NEGATIVE + name], NEGATIVE)
                elif name in base or name in self.evidence.system.columns or not is_needed_only:
                    others = names if is_needed_only else {**base, **names}
                    choice = self._choose(walk, name, base, others)
                if choice is not None:
                    column, sign = choice
                    names = {one: at for one, at in names.items() if at != column}
                    names[sign + name] = walk.assignment[sign + name] = column
                walk.step(name, None if choice is None or choice.sign else choice.column)
        return _without_mixed_signs(names)

    def _choose(
        self, walk: Walk, name: str, base: Mapping[str, int], names: Mapping[str, int]
    ) -> _Choice | None:
        """Return the column of a quantity; None without one."""
        predicted = walk.predict(name)
        own = base.get(name)
        taken = {
            column
            for other, column in names.items()
            if other != name and not (self.bold and self._may_be_headed(name, other, base))
        }
        if own in taken:
            own = None
        as_proposed = None if own is None else _Choice(own)
        if not predicted:
            return as_proposed
        slack = walk.slack_of(name)
        if own is not None:
            fitting = [walk.fitting_of(own, values, slack) for values in predicted]
            if max(fitting) >= MIN_FITTING:
                is_turned = max(fitting) < 1 and has_two_signs(name)
                # Of small rounded numbers, many fit with either sign.
                turned = (
                    walk.fitting_of(own, walk.negative(values), slack)
                    for values in predicted
                    if is_turned
                )
                return _Choice(own, NEGATIVE if max(turned, default=0.0) > max(fitting) else "")
        partner = self._partner(walk, name)
        if own is not None and _is_gradient(name) and self._uses(partner, own):
            return as_proposed  # of equal columns, the update tells which is the gradient
        owners = {column: other for other, column in base.items() if other != name}
        best: tuple[bool, float, _Choice] | None = None
        for choice in self._matching(walk, name, predicted, slack):
            column = choice.column
            cost = self._cost(name, choice, column in owners, partner)
            if column in taken or cost is None:
                continue
            if own is not None and self.judge.is_coarse(column):
                continue  # almost any sum is 0.013
            # Of a_o1 - t1 twice, it is the one that gradients use.
            key = is_derivative(name) and self._is_unused(column), cost
            if best is None or key < best[:2]:
                best = *key, choice
        return as_proposed if best is None else best[-1]

    def _may_be_headed(self, name: str, headed: str, base: Mapping[str, int]) -> bool:
        """Whether the column of a derivative may have the header of another one."""
        return (
            _is_whole_of_part(name, headed, base)
            or self._is_by_headed(name, headed, base)
            or self._is_difference(name, headed, base)
        )

    def _is_by_headed(self, name: str, headed: str, base: Mapping[str, int]) -> bool:
        """Whether a derivative by a_o1 may be headed ∂E/∂o1, as the column of a_o1 is headed o1."""
        above, _, by = name.partition("/∂")
        column = base.get(by)
        if column is None or not headed.startswith(f"{above}/∂"):
            return False
        proposed = self.judge.proposals[column].names
        return bool(proposed) and by != proposed[0] == headed.removeprefix(f"{above}/∂")

    def _is_difference(self, name: str, headed: str, base: Mapping[str, int]) -> bool:
        """Whether an error of which derivatives are computed may be a_o1 - t1, not its square."""
        above, _, by = name.partition("/∂")
        if above != "∂E" or kind_of(by) is not Kind.ACTIVATION or kind_of(headed) is not Kind.ERROR:
            return False
        references = self.judge.formulas.references
        derivatives = {at for one, at in base.items() if is_derivative(one)}
        for index in range(len(self.judge.columns)):
            used = {column for column, _ in references(index)}
            # δ under a header that tells nothing is computed of a_o1, too.
            if base.get(headed) in used and (index in derivatives or base.get(by) in used):
                return True
        return False

    def _matching(
        self, walk: Walk, name: str, predicted: Sequence[Array], slack: Array | None
    ) -> Iterator[_Choice]:
        """Yield the columns with a quantity's values, or with these of the other sign."""
        for values in predicted:
            if not _tells(values):
                continue
            for sign in SIGNS if has_two_signs(name) or _is_gradient(name) else ("",):
                signed = walk.negative(values) if sign else values
                shares = self.evidence.fitting(signed, slack)
                for index in np.flatnonzero(shares >= MIN_FITTING).tolist():
                    if self._is_rate_of_results(index):
                        continue  # of few digits, and near to any sum
                    if is_derivative(name) and self._is_step(index):
                        continue  # η*δ_h1*i2 is δ_h1*i1 if η*i2 is i1
                    if name in self.evidence.system.columns or self.judge.may_vary(index):
                        yield _Choice(index, sign)

    def _is_rate_of_results(self, index: int) -> bool:
        """Whether a column lists the learning rates of a table of results beside this one."""
        judge = self.judge
        return LEARNING_RATE in judge.proposals[index].names and judge.is_of_results(index)

    def _is_step(self, index: int) -> bool:
        """Whether a column is computed with η, as no derivative is."""
        rates = self.judge.labels.get(LEARNING_RATE, {})
        expression = self.judge.formulas.expression(index)
        return expression is not None and any(
            Address.of(leaf) in rates for leaf in cell_references(expression)
        )

    def _cost(
        self, name: str, choice: _Choice, is_owned: bool, partner: int | None
    ) -> float | None:
        """Return what it costs to take a column; None if its header says too clearly what it is.

        Args:
            partner: the column whose header should end in the same number.
        """
        index, sign = choice
        if sign and _is_gradient(name) and self.judge.proposals[index].names:
            return None  # under a header that says what it is, a wrong sign is a mistake
        is_weak = not self.bold or self.judge.is_coarse(index)
        if is_weak and self.judge.is_of_other_weight(name, index, self.given):
            return None  # of rounded numbers near 0, those of another weight fit, too
        cost = self.judge.reading_cost(index, name, self.numbering)
        cost += OTHER_SIGN if sign else 0.0
        cost += 0.0 if self._has_number_of(partner, name, index) else NONE
        if is_owned:
            is_doubtful = self.judge.proposals[index].is_doubtful
            return cost + NONE if self.bold or cost <= NONE or is_doubtful else None
        return cost if self.bold or cost <= MAX_COST else None

    def _partner(self, walk: Walk, name: str) -> int | None:
        """Return the column of a gradient's weight, an activation's sum, or an error's output."""
        if _is_gradient(name):
            return self.given.get(name.rpartition("∂")[2])
        return walk.assignment.get((self._sums | self._outputs).get(name, ""))

    @cached_property
    def _sums(self) -> dict[str, str]:
        """The sum of each activation."""
        return {a: x for names in self.evidence.system.layers for x, a in names}

    @cached_property
    def _outputs(self) -> dict[str, str]:
        """The output of each error."""
        system = self.evidence.system
        errors = [name for name in system.columns if kind_of(name) is Kind.ERROR]
        return {error: a for error, (_, a) in zip(errors, system.layers[-1], strict=False)}

    def _has_number_of(self, partner: int | None, name: str, index: int) -> bool:
        """Whether a header ends as that of its partner: of two equal columns, Δw4 is ∂E/∂w4.

        So is the one that the update of w4 uses, whatever its header.
        """
        columns = self.judge.columns
        if partner is None:
            return True
        is_alike = common_end(columns[index].text, columns[partner].text) > 0
        if is_alike and not self.judge.is_of_other_weight(name, index, self.given):
            return True
        return self._uses(partner, index)

    def _is_unused(self, index: int) -> bool:
        """Whether no formula refers to a column, in a table with formulas that refer to others."""
        referred = self.judge.formulas.referred
        return bool(referred) and index not in referred

    def _uses(self, user: int | None, index: int) -> bool:
        """Whether the update of a parameter uses a column, or an activation its sum."""
        return user is not None and index in self.judge.formulas.used_by_update(user)


def _is_given(name: str) -> bool:
    kind = kind_of(name)
    return kind in (*GIVEN_KINDS, *PARAMETER_KINDS, *NEUTRAL_KINDS, Kind.STATE)


def _is_gradient(name: str) -> bool:
    """Whether a name is the derivative by a parameter: Δw has the other sign."""
    return kind_of(name) is Kind.GRADIENT


def _is_whole_of_part(name: str, headed: str, base: Mapping[str, int]) -> bool:
    """Whether a column headed ∂E1/∂a_h1 may be ∂E/∂a_h1: no other is a part of that."""
    above, _, by = name.partition("/∂")
    part, _, same = headed.partition("/∂")
    if above != "∂E" or by != same or kind_of(part.removeprefix("∂")) is not Kind.ERROR:
        return False
    parts = (other for other in base if other.endswith(f"/∂{by}") and other != headed)
    return all(other.removeprefix(NEGATIVE) == name for other in parts)


def _without_mixed_signs(names: dict[str, int]) -> dict[str, int]:
    """Give all gradients one sign: a few with another one are wrong, or found by chance."""
    gradients = [name for name in names if _is_gradient(name.removeprefix(NEGATIVE))]
    negative = {name for name in gradients if name.startswith(NEGATIVE)}
    if 2 * len(negative) > len(gradients):
        plain = set(gradients) - negative
        return {NEGATIVE + name if name in plain else name: at for name, at in names.items()}
    return {name: column for name, column in names.items() if name not in negative}


def signs(name: str, others: Iterable[str]) -> tuple[str, ...]:
    """Return the signs that a derivative's column may have; all gradients have the same."""
    if has_two_signs(name):
        return SIGNS
    has_other = any(
        _is_gradient(one.removeprefix(NEGATIVE)) for one in others if one[0] == NEGATIVE
    )
    return (NEGATIVE,) if has_other and _is_gradient(name) else ("",)


def _tells(values: Array) -> bool:
    """Whether numbers are enough to recognize a quantity: not all zero."""
    known = values[np.isfinite(values)]
    return len(known) > 0 and bool(np.any(np.abs(known) > 1e-12))
