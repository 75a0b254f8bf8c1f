"""The catalogue of mistakes as a script: a page recognizes a mistake by the number that it gives.

The mistakes are those that ``check`` knows. A page has the likeliest ones of each quantity, as many
as there is room for.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import lru_cache

from backprop_sheet.audit.diagnose.fingerprints import Fingerprints
from backprop_sheet.audit.diagnose.mistakes import (
    Mistake,
    simple_mistakes,
    structural_mistakes,
    wrong_names,
)
from backprop_sheet.equations.equation import Equation, Step
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.page.script import Shapes, quoted, shared_names
from backprop_sheet.symbolic.expressions import Expression, names, size

_AT_A_TIME = 8  # mistakes of a quantity, before those of the next one
_MAX_SIZE = 60  # leaves of a mistake's expression
_TOKEN = re.compile(r"[\w∂/]+")


@lru_cache(maxsize=32)
def mistakes_script(system: EquationSystem, room: int) -> str:
    """Return the script with ``MISTAKES``: of each quantity, the likeliest mistakes first.

    A mistake is ``"3 a_o1 t1|5 a_o1"``: shape 3 of ``MISTAKE_SHAPES`` with its names, and cause 5
    of ``MISTAKE_CAUSES`` with its names.

    Args:
        room: how many bytes it may have.
    """
    catalogue = _Catalogue(system)
    waiting = {
        equation.name: catalogue.mistakes(equation)
        for equation in system.equations
        if equation.step is not Step.UPDATE
    }
    found: dict[str, list[str]] = {name: [] for name in waiting}
    catalogue.bytes = len(_script([], [], found).encode())
    while waiting and catalogue.bytes < room:
        for name, entries in list(waiting.items()):
            some = list(catalogue.within(room, itertools.islice(entries, _AT_A_TIME)))
            found[name] += some
            if len(some) < _AT_A_TIME:
                del waiting[name]
    return _script(catalogue.shapes.written(), catalogue.causes(), found)


def _script(shapes: list[str], causes: list[str], found: dict[str, list[str]]) -> str:
    return "\n".join(
        [
            "// Generated: typical mistakes, each a function of the same row, and their causes.",
            *("const MISTAKE_SHAPES = [", *shapes, "];"),
            *("const MISTAKE_CAUSES = [", *causes, "];"),
            *("const MISTAKES = {", *_lines(found), "};\n"),
        ]
    )


def _lines(found: dict[str, list[str]]) -> Iterator[str]:
    for name, entries in found.items():
        yield f"  {quoted(name)}: {quoted(';'.join(entries))},"


class _Catalogue:
    """The mistakes of a system as texts, and what these refer to."""

    def __init__(self, system: EquationSystem) -> None:
        self.bytes = 0
        self.shapes = Shapes(shared_names(system), with_text=False)
        self._system = system
        self._causes: dict[str, int] = {}
        self._fingerprints = Fingerprints(system)
        self._known = {*system.quantities, *system.constants}

    def causes(self) -> list[str]:
        """Return the lines of the causes that have been used."""
        return [f"  {quoted(cause)}," for cause in self._causes]

    def within(self, room: int, entries: Iterator[str]) -> Iterator[str]:
        """Yield entries until there is no room any more, and count their bytes."""
        while self.bytes < room and (entry := next(entries, None)) is not None:
            self.bytes += len(entry.encode()) + 1
            yield entry

    def mistakes(self, equation: Equation) -> Iterator[str]:
        """Yield the mistakes of a quantity that give other numbers than it and each other."""
        seen = {self._fingerprints.of(self._right(equation))}
        for mistake in self._candidates(equation):
            used = list(names(mistake.expression))
            if size(mistake.expression) > _MAX_SIZE or any(
                name.shift or name.name not in self._known for name in used
            ):
                continue  # the page has no other rows
            fingerprint = self._fingerprints.of(mistake.expression)
            if fingerprint not in seen:
                seen.add(fingerprint)
                yield self._entry(mistake)

    def _right(self, equation: Equation) -> Expression:
        return self._system.definitions[equation.name]

    def _candidates(self, equation: Equation) -> Iterator[Mistake]:
        """Yield mistakes in the equation, in which later ones may be written out, and of it."""
        right = self._right(equation)
        if size(equation.rhs) > _MAX_SIZE:
            return  # so are its mistakes
        yield from simple_mistakes(self._system, equation.rhs)
        if equation.rhs != right and size(right) <= _MAX_SIZE:
            yield from simple_mistakes(self._system, right)
        yield from structural_mistakes(self._system, equation.name)
        yield from wrong_names(self._system, equation.rhs, self._system.columns)

    def _entry(self, mistake: Mistake) -> str:
        shapes, causes = len(self.shapes), len(self._causes)
        shape = self.shapes.use(mistake.expression)
        mentioned: dict[str, int] = {}

        def numbered(token: re.Match[str]) -> str:
            name = token[0]
            if name not in self._system.quantities:
                return name
            return f"#{mentioned.setdefault(name, len(mentioned))}"

        cause = _TOKEN.sub(numbered, mistake.cause)
        number_of_cause = self._causes.setdefault(cause, len(self._causes))
        if len(self.shapes) > shapes:
            self.bytes += len(self.shapes.written()[-1].encode()) + 1
        if len(self._causes) > causes:
            self.bytes += len(cause.encode()) + 6
        return f"{shape}|{' '.join([str(number_of_cause), *mentioned])}"
