"""Find the cause of a wrong formula, and describe it in words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from backprop_sheet.audit.compare.derivative_rules import right_with
from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.audit.diagnose.activation_mistakes import typed_e
from backprop_sheet.audit.diagnose.fingerprints import Fingerprints
from backprop_sheet.audit.diagnose.formula_differences import (
    difference_words,
    differing_leaves,
    plain_text,
    with_references,
    wrong_constants,
)
from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.audit.diagnose.mistakes import simple_mistakes, structural_mistakes
from backprop_sheet.audit.diagnose.name_mistakes import (
    name_instead,
    quantity_name,
    wrong_names,
)
from backprop_sheet.audit.diagnose.row_mistakes import after_update_words, in_wrong_rows
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.equations.names import GIVEN_KINDS, kind_of
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import (
    ONE,
    Call,
    CellReference,
    Expression,
    Name,
    Number,
    Operation,
    cell_references,
    names,
    plain_names,
    references,
    rename,
    replace_leaf,
    substitute,
    transform,
    walk,
)
from backprop_sheet.symbolic.rendering import to_text
from gradsheet.words import join

MAX_SINGLE = 600  # mistakes that are combined with others
MAX_CELLS = 8  # outside the table, of one formula
MAX_SLIPPED = 3  # references of one formula


class Diagnosis:
    """Finds mistakes in the formulas of one equation system.

    The catalogue of mistakes of a column is created once.
    """

    def __init__(self, system: EquationSystem) -> None:
        self.system = system
        self.fingerprints = Fingerprints(system)
        self._catalogues: dict[tuple[str, int], dict[str, str]] = {}

    def same(self, one: Expression, other: Expression) -> bool:
        """Whether two expressions are the same function."""
        return self.fingerprints.same(one, other)

    def is_right(self, column: str, found: Expression, position: int = 0) -> bool:
        """Whether a formula is the same function as the exercise's."""
        right = row_rhs(self.system, column, position)
        return self.same(self._with_inlined(found, column), right)

    def cause(self, column: str, found: Expression, position: int = 0) -> str:
        """Describe the mistake in the formula of a column; "" if it is right, or unknown."""
        right = row_rhs(self.system, column, position)
        by_others = self._other_derivative(column, found)
        found = self._with_inlined(found, column)
        if self.same(found, right):
            return ""
        searches: tuple[Callable[[], str], ...] = (
            lambda: self._wrong_rows(found, right),
            lambda: by_others,
            lambda: self._updated_too_early(found, right),
            lambda: self._turned_differences(found, right),
            lambda: self._known(column, found, position),
            lambda: self._typed_e(found, right),
            lambda: self._several_names(found, right),
            lambda: wrong_constants(found, right),
            lambda: self._external_names(found, right),
            lambda: self._factor(column, found, right),
            lambda: self._written_out(found, right),
        )
        return next(filter(None, (search() for search in searches)), "")

    def _turned_differences(self, found: Expression, right: Expression) -> str:
        """Describe differences that stand within a formula the wrong way round.

        Another wrong sign may give the same numbers.
        """
        written = {part for part in walk(found) if _is_difference(part)}
        turned: dict[str, None] = {}

        def turn(part: Expression) -> Expression:
            if isinstance(part, Operation) and _is_difference(part) and part != right:
                other = Operation("-", part.right, part.left)
                if other in written:
                    turned[f"{to_text(other)} instead of {to_text(part)}"] = None
                    return other
            return part

        wrong = transform(right, turn)
        return f"a wrong sign: {join(turned)}" if turned and self.same(found, wrong) else ""

    def difference(self, column: str, found: Expression, position: int = 0) -> str:
        """Say which quantities a formula should use and does not, and the other way round."""
        right = row_rhs(self.system, column, position)
        found = self._with_inlined(found, column)
        return difference_words(found, self._without_unused(found, right))

    def two_causes(self, column: str, found: Expression, position: int = 0) -> str:
        """Describe two mistakes in one formula; "" if there are no two simple ones.

        A mistake is undone in the formula: is the result a formula with one mistake?
        """
        right = row_rhs(self.system, column, position)
        found = self._with_inlined(found, column)
        wanted = self.fingerprints.of(found)
        single: dict[str, Mistake] = {}
        for mistake in itertools.islice(simple_mistakes(self.system, right), MAX_SINGLE):
            single.setdefault(self.fingerprints.of(mistake.expression), mistake)
        for undone in itertools.islice(simple_mistakes(self.system, found), MAX_SINGLE):
            first = single.get(self.fingerprints.of(undone.expression))
            if first is None:
                continue
            for second in itertools.islice(
                simple_mistakes(self.system, first.expression), MAX_SINGLE
            ):
                if self.fingerprints.of(second.expression) == wanted:
                    return join([first.cause, second.cause])
        return ""

    def _other_derivative(self, column: str, found: Expression) -> str:
        """Describe a formula that uses the column of another intermediate derivative."""
        used = list(dict.fromkeys(name.name for name in names(found)))
        rule = right_with(self.system, column, found)
        if rule is None:
            return ""
        wanted = self.fingerprints.of(found)
        if turned := self._turned_update(column, rule, wanted):
            return turned
        for mistake in wrong_names(self.system, rule, used):
            if self.fingerprints.of(mistake.expression) == wanted:
                return mistake.cause
        return self._several_names(found, rule)

    def _turned_update(self, column: str, right: Expression, wanted: str) -> str:
        """Describe an update that adds what it should subtract, or the other way round."""
        return self.turned(right, wanted) if column in self.system.updates else ""

    def turned(self, right: Expression, wanted: str) -> str:
        """Describe a formula with the other sign before its last term; "" if it is another one.

        Args:
            wanted: the fingerprint of the formula.
        """
        if not isinstance(right, Operation):
            return ""
        other = {"+": "-", "-": "+"}.get(right.operator, "")
        if not other or self.fingerprints.of(replace(right, operator=other)) != wanted:
            return ""
        step = to_text(right.right)
        return f"a wrong sign: {other} instead of {right.operator} before {step}"

    def _written_out(self, found: Expression, right: Expression) -> str:
        """Describe a mistake in a formula in which other columns' formulas are written out."""
        written_out = self._without_unused(found, right)
        if written_out == right:
            return ""
        wanted = self.fingerprints.of(found)
        if self.fingerprints.of(written_out) == wanted:
            return ""
        for mistake in itertools.islice(simple_mistakes(self.system, written_out), MAX_SINGLE):
            if self.fingerprints.of(mistake.expression) == wanted:
                return mistake.cause
        return self._several_names(found, written_out) or wrong_constants(found, written_out)

    def _without_unused(self, found: Expression, right: Expression) -> Expression:
        """Write out the computed columns of the right formula that another formula does not use."""
        used = plain_names(found)

        def written_out(node: Expression) -> Expression:
            if not isinstance(node, Name) or node.name in used:
                return node
            shift = node.shift
            definition = self.system.definitions.get(node.name, node)
            if not shift or definition == node:
                return definition
            return rename(
                definition, lambda name: quantity_name(self.system, name.name, name.shift + shift)
            )

        return transform(right, written_out)

    def _updated_too_early(self, found: Expression, right: Expression) -> str:
        """Describe a formula with updated parameters where those before the update belong."""
        used = plain_names(found)
        updates = [
            (name, update)
            for name in self.system.updates
            if name in used and not self.system.is_batch
            for update in self._updates_in_row(name)
        ]
        updated: list[str] = []

        def before(node: Expression) -> Expression:
            if isinstance(node, Operation) and node.operator in "+-":
                for name, update in updates:
                    if {name.key for name in names(node)} == {
                        name.key for name in names(update)
                    } and self.same(node, update):
                        updated.append(name)
                        return Name(name)
            return node

        if not updates or not self.same(transform(found, before), right) or not updated:
            return ""
        return after_update_words(set(updated))

    def _updates_in_row(self, parameter: str) -> Iterator[Expression]:
        """Yield an update from the values of its own row, also with its gradient written out."""
        update = rename(
            self.system.updates[parameter],
            lambda name: Name(name.name, name.shift and name.shift + 1),
        )
        yield update
        gradient = self.system.gradient(parameter)
        if gradient in self.system.definitions:
            yield substitute(update, {gradient: self.system.definitions[gradient]})

    def _typed_e(self, found: Expression, right: Expression) -> str:
        """Describe a formula in which a number is typed for e."""
        bases: list[float] = []

        def with_e(node: Expression) -> Expression:
            match node:
                case Operation("^", Number(base), exponent) if 2.5 < base < 3.1:
                    bases.append(base)
                    return Call("exp", (exponent,))
            return node

        return typed_e(bases[0]) if self.same(transform(found, with_e), right) and bases else ""

    def _factor(self, column: str, found: Expression, right: Expression) -> str:
        """Describe a formula, or the step of an update, multiplied by a number or a cell."""
        for cell in list(dict.fromkeys(cell_references(found)))[:MAX_CELLS]:
            if self.same(replace_leaf(found, cell, ONE), right):
                return f"an extra factor: {reference_text(cell)}"
        if column in self.system.updates:
            above = Name(column, -1)
            found, right = Operation("-", found, above), Operation("-", right, above)
        ratio = self.fingerprints.ratio(found, right)
        return f"an extra factor: {ratio:g}" if ratio is not None and ratio != 0 else ""

    def _with_inlined(self, found: Expression, column: str) -> Expression:
        """Replace columns for derivatives such as ∂E/∂a_h1 by the derivatives' expressions."""
        known = {**self.system.inlined, **self.system.intermediates}
        others = {name: rhs for name, rhs in known.items() if name != column}
        return substitute(found, others)

    def follows_from_others(self, column: str, found: Expression, position: int = 0) -> bool:
        """Whether a formula is right, but uses other computed cells than the exercise's formula.

        If its value is wrong, only the cells that it uses are to blame, which have findings.
        """
        right = row_rhs(self.system, column, position)
        needed = plain_names(right)
        known = self.system.definitions
        others = {
            name.name: known[name.name]
            for name in names(found)
            if name.name in known and name.name not in needed and name.name != column
        }
        choices = [{name: rhs} for name, rhs in others.items()] + [others]
        return any(self.same(substitute(found, one), right) for one in choices if one)

    def wrong_name(self, column: str, found: Expression, position: int = 0) -> str:
        """Describe a formula in which one quantity stands for another; "" if it is not one."""
        right = row_rhs(self.system, column, position)
        fingerprint = self.fingerprints.of(found)
        known = {*self.system.quantities, *self.system.constants}
        others = dict.fromkeys(name.name for name in names(found) if name.name in known)
        for mistake in wrong_names(self.system, right, others):
            if self.fingerprints.of(mistake.expression) == fingerprint:
                return mistake.cause
        return ""

    def _known(self, column: str, found: Expression, position: int) -> str:
        cause = self.wrong_name(column, found, position)
        return cause or self._catalogue(column, position).get(self.fingerprints.of(found), "")

    def _catalogue(self, column: str, position: int) -> dict[str, str]:
        """Return the causes of a column's mistakes by fingerprint, the likeliest for each."""
        key = (column, position)
        if key not in self._catalogues:
            catalogue: dict[str, str] = {}
            correct = self.fingerprints.of(row_rhs(self.system, column, position))
            for mistake in structural_mistakes(self.system, column, position):
                fingerprint = self.fingerprints.of(mistake.expression)
                if fingerprint != correct:
                    catalogue.setdefault(fingerprint, mistake.cause)
            self._catalogues[key] = catalogue
        return self._catalogues[key]

    def _wrong_rows(self, found: Expression, right: Expression) -> str:
        """Describe a formula that is right except for the rows of its references."""
        shifts: dict[str, set[int]] = {}
        for name in names(right):
            shifts.setdefault(name.name, set()).add(name.shift)
        wrong: dict[str, int] = {}

        def corrected(name: Name) -> Name:
            right_shifts = shifts.get(name.name, {name.shift})
            if len(right_shifts) == 1 and name.shift not in right_shifts:
                wrong[name.name] = name.shift
                return Name(name.name, min(right_shifts))
            return name

        if not self.same(rename(found, corrected), right) or not wrong:
            return ""
        rows = {name: (shift, min(shifts[name])) for name, shift in wrong.items()}
        return in_wrong_rows(self.system, rows)

    def _several_names(self, found: Expression, right: Expression) -> str:
        """Describe a formula in which up to three names are replaced by others everywhere."""
        used = dict.fromkeys(references(found))
        needed = dict.fromkeys(names(right))
        extra = [name for name in used if name not in needed]
        missing = [name for name in needed if name not in used]
        if not 1 <= len(extra) <= 3 or not 1 <= len(missing) <= 6 or len(extra) > len(missing):
            return ""
        for chosen in itertools.permutations(missing, len(extra)):
            pairs = list(zip(extra, chosen, strict=True))
            if self.same(with_references(found, dict(pairs)), right):
                return join([self._instead(a, b) for a, b in pairs])
        return ""

    def slipped(self, column: str, found: Expression, position: int = 0) -> str:
        """Describe a formula whose references to given values have slipped: i2 for i1, t1 for i2.

        It is "" for other formulas.
        """
        right = row_rhs(self.system, column, position)
        pairs = dict.fromkeys(differing_leaves(found, right, Name | CellReference))
        given = [
            (one, wanted)
            for one, wanted in filter(None, pairs)
            if isinstance(one, Name | CellReference)
            and isinstance(wanted, Name)
            and kind_of(wanted.name) in GIVEN_KINDS
        ]
        if len(given) < len(pairs) or not 2 <= len(pairs) <= MAX_SLIPPED:
            return ""
        return join([self._instead(*pair) for pair in given])

    def _instead(self, found: Name | CellReference, right: Name) -> str:
        """Describe one name instead of another, or instead of the same in another row."""
        if isinstance(found, Name) and found.name == right.name:
            return in_wrong_rows(self.system, {found.name: (found.shift, right.shift)})
        return name_instead(self.system, plain_text(found), right.name)

    def _external_names(self, found: Expression, right: Expression) -> str:
        """Describe a formula with a cell outside the table instead of a quantity."""
        for cell in list(dict.fromkeys(cell_references(found)))[:MAX_CELLS]:
            for name in dict.fromkeys(names(right)):
                if self.same(replace_leaf(found, cell, name), right):
                    return (
                        f"a reference that points at the wrong cell: {reference_text(cell)} "
                        f"where {name.key} belongs"
                    )
        return ""


@lru_cache(maxsize=64)
def diagnosis_of(system: EquationSystem) -> Diagnosis:
    """Return the diagnosis of a system, which is created once."""
    return Diagnosis(system)


def _is_difference(expression: Expression) -> bool:
    return isinstance(expression, Operation) and expression.operator == "-"
