"""The catalogue of mistakes as a script: a page recognizes a mistake by the number that it gives.

The mistakes are those that ``check`` knows. A page has the likeliest ones of each quantity, as many
as there is room for.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from backprop_sheet.audit.diagnose.fingerprints import Fingerprints
from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.audit.diagnose.mistakes import simple_mistakes, structural_mistakes
from backprop_sheet.audit.diagnose.name_mistakes import wrong_names
from backprop_sheet.equations.equation import Equation, Step
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.page.script import Shapes, quoted, shared_names
from backprop_sheet.symbolic.expressions import Expression, Name, children, size, walk

_AT_A_TIME = 8  # mistakes of a quantity, before those of the next one
_MAX_SIZE = 60  # leaves of a mistake's expression
_MANY_PARAMETERS = 50
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
    equations = [each for each in system.equations if each.step is not Step.UPDATE]
    found: dict[str, list[str]] = {equation.name: [] for equation in equations}
    catalogue.bytes = len(_script([], [], found).encode())
    for mistakes in catalogue.kinds():
        waiting = {equation.name: mistakes(equation) for equation in equations}
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
        self._seen: dict[str, set[str]] = {}  # the fingerprints of a quantity's mistakes
        self._known = {*system.quantities, *system.constants}

    def causes(self) -> list[str]:
        """Return the lines of the causes that have been used."""
        return [f"  {quoted(cause)}," for cause in self._causes]

    def within(self, room: int, entries: Iterator[str]) -> Iterator[str]:
        """Yield entries until there is no room any more, and count their bytes."""
        while self.bytes < room and (entry := next(entries, None)) is not None:
            self.bytes += len(entry.encode()) + 1
            yield entry

    def kinds(self) -> tuple[Callable[[Equation], Iterator[str]], ...]:
        """Return what yields the mistakes of an equation, the kinds one after the other.

        With the simple ones, the page of a large network is full, and the systems of other
        activations and losses, which take seconds, need not be derived.
        """
        if len(self._system.parameters) > _MANY_PARAMETERS:
            return (self.simple, self.further)
        return (lambda equation: itertools.chain(self.simple(equation), self.further(equation)),)

    def simple(self, equation: Equation) -> Iterator[str]:
        """Yield the mistakes in an equation, in which later ones may be written out."""
        system, right = self._system, self._right(equation)
        if size(equation.rhs) <= _MAX_SIZE:
            yield from self._entries(equation, simple_mistakes(system, equation.rhs))
        if equation.rhs != right and size(right) <= _MAX_SIZE:
            yield from self._entries(equation, simple_mistakes(system, right))

    def further(self, equation: Equation) -> Iterator[str]:
        """Yield the other mistakes of an equation."""
        system = self._system
        if size(equation.rhs) <= _MAX_SIZE:
            yield from self._entries(equation, structural_mistakes(system, equation.name))
            names_of_all = wrong_names(system, equation.rhs, system.columns)
            yield from self._entries(equation, names_of_all)

    def _entries(self, equation: Equation, mistakes: Iterator[Mistake]) -> Iterator[str]:
        """Yield those that give other numbers than the equation and the ones before."""
        seen = self._seen.setdefault(equation.name, {self._fingerprints.of(self._right(equation))})
        for mistake in mistakes:
            leaves = [node for node in walk(mistake.expression) if not children(node)]
            if len(leaves) > _MAX_SIZE or not all(map(self._is_known, leaves)):
                continue
            fingerprint = self._fingerprints.of(mistake.expression)
            if fingerprint not in seen:
                seen.add(fingerprint)
                yield self._entry(mistake)

    def _is_known(self, leaf: Expression) -> bool:
        """Return whether the page has a leaf's value: it has no other rows."""
        return not isinstance(leaf, Name) or (leaf.shift == 0 and leaf.name in self._known)

    def _right(self, equation: Equation) -> Expression:
        return self._system.definitions[equation.name]

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
