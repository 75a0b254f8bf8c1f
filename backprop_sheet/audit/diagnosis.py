"""The cause of a wrong formula, in words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import lru_cache

from backprop_sheet.audit.expected import row_rhs
from backprop_sheet.audit.fingerprints import Fingerprints
from backprop_sheet.audit.formula_parser import is_external
from backprop_sheet.audit.mistakes import (
    name_instead,
    row_words,
    structural_mistakes,
    wrong_names,
    wrong_row_words,
)
from backprop_sheet.network.equations import EquationSystem
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Number,
    children,
    names,
    rename,
    substitute,
    with_children,
)
from backprop_sheet.symbolic.rendering import to_text


class Diagnosis:
    """Names the mistakes in formulas of one equation system; the catalogue is made once."""

    def __init__(self, system: EquationSystem) -> None:
        self.system = system
        self.fingerprints = Fingerprints(system)
        self._catalogues: dict[tuple[str, int], dict[str, str]] = {}

    def same(self, one: Expression, other: Expression) -> bool:
        """Whether two expressions are the same function."""
        return self.fingerprints.same(one, other)

    def cause(self, column: str, found: Expression, position: int = 0) -> str:
        """Say what is wrong with the formula of a column; "" if it is right."""
        right = row_rhs(self.system, column, position)
        found = self._written_out(found, column)
        if self.same(found, right):
            return ""
        for words in (
            self._wrong_rows(found, right),
            self._known(column, found, position),
            self._several_names(found, right),
            _constants(found, right),
            self._external_names(found, right),
        ):
            if words:
                return words
        return _difference(found, right)

    def _written_out(self, found: Expression, column: str) -> Expression:
        """A student's own columns for derivatives such as ∂E/∂a_h1, which ours writes out."""
        others = {name: rhs for name, rhs in self.system.inlined.items() if name != column}
        return substitute(found, others)

    def follows_from_others(self, column: str, found: Expression, position: int = 0) -> bool:
        """Whether a formula is right but uses other computed cells than ours does.

        Its result is then wrong only because those are, and they are reported themselves.
        """
        right = row_rhs(self.system, column, position)
        needed = {name.name for name in names(right)}
        known = self.system.definitions
        others = {
            name.name: known[name.name]
            for name in names(found)
            if name.name in known and name.name not in needed and name.name != column
        }
        choices = [{name: rhs} for name, rhs in others.items()] + [others]
        return any(self.same(substitute(found, one), right) for one in choices if one)

    def _known(self, column: str, found: Expression, position: int) -> str:
        right = row_rhs(self.system, column, position)
        mark = self.fingerprints.of(found)
        known = {*self.system.quantities, *self.system.constants}
        others = dict.fromkeys(name.name for name in names(found) if name.name in known)
        for mistake in wrong_names(self.system, right, others):
            if self.fingerprints.of(mistake.expression) == mark:
                return mistake.cause
        return self._catalogue(column, position).get(mark, "")

    def _catalogue(self, column: str, position: int) -> dict[str, str]:
        """The causes of a column's mistakes by their fingerprints; the likelier words win."""
        key = (column, position)
        if key not in self._catalogues:
            catalogue: dict[str, str] = {}
            correct = self.fingerprints.of(row_rhs(self.system, column, position))
            for mistake in structural_mistakes(self.system, column, position):
                mark = self.fingerprints.of(mistake.expression)
                if mark != correct:
                    catalogue.setdefault(mark, mistake.cause)
            self._catalogues[key] = catalogue
        return self._catalogues[key]

    def _wrong_rows(self, found: Expression, right: Expression) -> str:
        """Right but for the rows that its references point at."""
        shifts: dict[str, set[int]] = {}
        for name in names(right):
            shifts.setdefault(name.name, set()).add(name.shift)
        moved: dict[str, int] = {}

        def home(name: Name) -> Name:
            right_shifts = shifts.get(name.name, {name.shift})
            if len(right_shifts) == 1 and name.shift not in right_shifts:
                moved[name.name] = name.shift
                return Name(name.name, min(right_shifts))
            return name

        if not self.same(rename(found, home), right) or not moved:
            return ""
        parts = [
            f"{name} from {row_words(shift)} instead of from {row_words(min(shifts[name]))}"
            for name, shift in moved.items()
        ]
        return f"{wrong_row_words(self.system)}: {join(parts)}"

    def _several_names(self, found: Expression, right: Expression) -> str:
        """Two or three names each replaced by another one, everywhere."""
        there = dict.fromkeys(names(found))
        needed = dict.fromkeys(names(right))
        extra = [name for name in there if name not in needed]
        missing = [name for name in needed if name not in there]
        if not 1 <= len(extra) <= 3 or not 1 <= len(missing) <= 6 or len(extra) > len(missing):
            return ""
        for chosen in itertools.permutations(missing, len(extra)):
            back = dict(zip(extra, chosen, strict=True))
            if self.same(rename(found, lambda name, b=back: b.get(name, name)), right):
                return join([name_instead(self.system, a.name, b.name) for a, b in back.items()])
        return ""

    def _external_names(self, found: Expression, right: Expression) -> str:
        """A cell outside the table where a quantity of it belongs."""
        outside = [name for name in dict.fromkeys(names(found)) if is_external(name)]
        for cell in outside[:8]:
            for name in dict.fromkeys(names(right)):
                back = rename(found, lambda n, c=cell, to=name: to if n == c else n)
                if self.same(back, right):
                    return (
                        f"a reference that points at the wrong cell: {cell.name.replace('$', '')} "
                        f"where {name.key} belongs"
                    )
        return ""


@lru_cache(maxsize=64)
def diagnosis_of(system: EquationSystem) -> Diagnosis:
    """Return the diagnosis of a system, made once."""
    return Diagnosis(system)


def _constants(found: Expression, right: Expression) -> str:
    """The same tree with another constant in it."""
    changed = list(_differing_leaves(found, right))
    pairs = [pair for pair in changed if pair is not None]
    if len(pairs) != len(changed) or not pairs or len(pairs) > 2:
        return ""
    return join([f"a constant: {to_text(a)} where {to_text(b)} belongs" for a, b in pairs])


def _differing_leaves(
    found: Expression, right: Expression
) -> Iterator[tuple[Expression, Expression] | None]:
    """Pairs of differing leaves with a number in them; None where the trees differ otherwise."""
    if found == right:
        return
    ours, theirs = children(right), children(found)
    if isinstance(found, Number) and not ours:
        if not (isinstance(right, Number) and right.value == found.value):
            yield found, right
    elif ours and len(ours) == len(theirs) and with_children(found, ours) == right:
        for a, b in zip(theirs, ours, strict=True):
            yield from _differing_leaves(a, b)
    else:
        yield None


def _difference(found: Expression, right: Expression) -> str:
    there = dict.fromkeys(name.key for name in names(found))
    needed = dict.fromkeys(name.key for name in names(right))
    extra = [key for key in there if key not in needed]
    missing = [key for key in needed if key not in there]
    parts = []
    if extra:
        parts.append(f"uses {join(extra)}, which the right formula does not")
    if missing:
        parts.append(f"never uses {join(missing)}")
    return join(parts) or "the same quantities, combined in another way"


def join(parts: Iterable[str]) -> str:
    """Join with commas and a last "and"."""
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} and {last}" if most else last
