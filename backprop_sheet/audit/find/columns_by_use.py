"""Find columns by what others use them as, also where their own numbers are wrong."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from itertools import islice, product

import numpy as np

from backprop_sheet.audit.find.alike_formulas import has_counterpart
from backprop_sheet.audit.find.column_search import by_numbers, signs
from backprop_sheet.audit.find.compiled_rules import used_names
from backprop_sheet.audit.find.evidence import MIN_FITTING
from backprop_sheet.audit.find.judging import Assignment, Judge, cost_of, has_two_signs
from backprop_sheet.audit.find.unrounded import formula_gives
from backprop_sheet.equations.intermediates import NEGATIVE, is_derivative, with_other_sign
from backprop_sheet.equations.names import Kind, kind_of
from backprop_sheet.symbolic.expressions import ZERO, names

MAX_WRONG = 6  # wrong columns that are found by what uses them
MAX_TRIALS = 60  # columns that are tried for these, each time


class ColumnsByUse(Judge):
    """Takes more columns for what formulas, or numbers, use them as."""

    def with_used(self, best: Assignment) -> Assignment:
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
        # Zeros are right wherever a factor is 0: of these, only a formula tells. So it is with 0.5
        # in each record, which is σ(0).
        told = [name for name in more if self._has_own_numbers(after.names[name])]
        if not told:
            return any(
                self._refers(after.names[name], at) and self._uses_reached(after, name)
                for name in more
                for at in taken
            )
        # 0.0001 is near to nothing, but tells nothing either beside numbers of more digits.
        precise = [name for name in told if not self.is_coarse(after.names[name])]
        renamed = set(before.names.values()) - {before.names.get(name) for name in after.names}
        return all(
            (name in precise and after.names[name] in renamed)  # by its own numbers
            or self._is_near(before, after, name)
            for name in precise or told
        )

    def _uses_reached(self, assignment: Assignment, name: str) -> bool:
        """Whether the formula of a derivative uses no derivatives but those that it follows from.

        One that uses ∂a_h1/∂h1 uses ∂E/∂a_h1 beside it, and not ∂E/∂h1.
        """
        reached = self._reached(name.removeprefix(NEGATIVE), assignment.names)
        column = assignment.names[name]
        return all(
            other.removeprefix(NEGATIVE) in reached
            for other, at in assignment.names.items()
            if is_derivative(other) and self._refers(column, at)
        )

    def _has_own_numbers(self, index: int) -> bool:
        """Whether a column has numbers other than 0, and not one that is typed beside formulas."""
        is_typed = bool(self.formulas.referred) and self.formulas.expression(index) is None
        if is_typed and self.table.records > 1 and self.is_fixed(index):
            return False
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
        yield from self._headed_as_well(best, free, unexplained)
        left = [*free, *self._found_by_chance(best)]
        movable = [*left, *(best.names[name] for name in unexplained)]
        used_by = used_names(self.system)
        turned: set[str] = set()
        of_derivatives = self._used_by_derivatives(best)
        for user in unexplained:
            plain = user.removeprefix(NEGATIVE)
            references = {column for column, _ in self.formulas.references(best.names[user])}
            through = [
                name
                for step in _used_without_columns(plain, used_by, best.names)
                for name in used_by.get(step, ())
                if not references.isdisjoint(self._columns_of(name, best))
            ]
            for name in (plain, *used_by.get(plain, ()), *through):
                if has_two_signs(name) and name not in turned:
                    if not turned:
                        yield from self._with_other_signs(best)
                    turned.add(name)
                    yield from self._with_other_sign(best, name)
            yield from self._as_sibling(best, user)
            used = [at for at in movable if at in references and at != best.names[user]]
            columns = used if references else left
            # A wrong difference t2 - a_o2, headed as an error, has the name of its half square.
            firm = [name for name in best.names if name == user or name not in unexplained]
            for name in _used_without_columns(plain, used_by, firm):
                for sign, column in product(signs(name, best.names), columns):
                    if self.is_no_given(name, column):
                        continue
                    if kind_of(name) is Kind.ERROR and column in of_derivatives:
                        continue  # a difference, which textbooks call an error, too
                    if kind_of(name) is Kind.ERROR and self._is_own_of_each(column, used):
                        continue  # the square of each output's difference
                    others = {one: at for one, at in best.names.items() if at != column}
                    with_column = {**others, sign + name: column}
                    found = self.judged(with_column, best.numbering, best.constants)
                    if not (has_two_signs(name) and self._is_used_otherwise(found, name, column)):
                        yield found
        yield from self._pairs_used(best, free, used_by)

    @staticmethod
    def _columns_of(name: str, assignment: Assignment) -> list[int]:
        """Return the column of a derivative, with the one sign or the other."""
        signed = (name, NEGATIVE + name)
        return [assignment.names[one] for one in signed if one in assignment.names]

    def _is_own_of_each(self, column: int, used: Sequence[int]) -> bool:
        """Whether a total uses columns with the same formula for each output, without a quantity.

        If one of these were an error, another one would be, too.
        """
        return has_counterpart(
            self.formulas.expression(column), map(self.formulas.expression, used)
        )

    def _headed_as_well(
        self, best: Assignment, free: Sequence[int], unexplained: Sequence[str]
    ) -> Iterator[Assignment]:
        """Yield assignments with another column for a quantity whose column follows from nothing.

        Both headers name it: textbooks call δ an error, too.
        """
        for name, column in product(unexplained, free):
            if name in self.proposals[column].names:
                yield self.judged({**best.names, name: column}, best.numbering, best.constants)

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
                if used.name not in reached and is_derivative(used.name):
                    reached.add(used.name)
                    if used.name not in columns and NEGATIVE + used.name not in columns:
                        ahead.append(used.name)
        return reached

    def _used_by_derivatives(self, best: Assignment) -> set[int]:
        """Return the columns that the formulas of derivatives use; errors are none of them."""
        return {
            column
            for name, at in best.names.items()
            if is_derivative(name)
            for column, _ in self.formulas.references(at)
        }

    def _found_by_chance(self, best: Assignment) -> list[int]:
        """Return the columns that have the numbers of a derivative, and whose headers tell nothing.

        A δ_h1 that lacks one of its paths is the derivative of the other output's error.
        """
        return [
            index
            for name, index in best.names.items()
            if is_derivative(name)
            and (plain := name.removeprefix(NEGATIVE)) not in self.system.columns
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

    def _as_sibling(self, best: Assignment, user: str) -> Iterator[Assignment]:
        """Yield an assignment in which a derivative by a sum is that by its activation, or reverse.

        One letter more or less makes the header of one that of the other.
        """
        column = best.names[user]
        above, _, by = user.partition("/∂")
        for sum_name, activation in (pair for layer in self.system.layers for pair in layer):
            other = {sum_name: activation, activation: sum_name}.get(by)
            sibling = f"{above}/∂{other}"
            if other and sibling not in best.names and sibling.removeprefix(NEGATIVE) in self.known:
                others = {name: at for name, at in best.names.items() if name != user}
                yield self.judged({**others, sibling: column}, best.numbering, best.constants)

    def _with_other_sign(self, best: Assignment, name: str) -> Iterator[Assignment]:
        """Yield an assignment in which the column of a derivative has the other sign."""
        for own in (NEGATIVE + name, name):
            if own in best.names:
                names = {
                    with_other_sign(one) if one == own else one: at
                    for one, at in best.names.items()
                }
                yield self.judged(names, best.numbering, best.constants)


def _used_without_columns(
    user: str, used_by: Mapping[str, Sequence[str]], names: Collection[str]
) -> list[str]:
    """Return what a quantity follows from and has no column, also through others without one."""
    pending, found = [user], dict[str, None]()
    while pending:
        for name in used_by.get(pending.pop(0), ()):
            if name not in found and {name, NEGATIVE + name}.isdisjoint(names):
                found[name] = None
                pending += [name] if is_derivative(name) else []
    return list(found)
