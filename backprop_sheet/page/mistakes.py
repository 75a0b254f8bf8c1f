"""The catalogue of mistakes as a script: a page recognizes a mistake by the number that it gives.

The mistakes are those that ``check`` knows. A page has the likeliest ones of each quantity, as many
as there is room for.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache

from backprop_sheet.audit.diagnose.fingerprints import Fingerprints
from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.audit.diagnose.mistakes import simple_mistakes, structural_mistakes
from backprop_sheet.audit.diagnose.name_mistakes import wrong_names
from backprop_sheet.equations.equation import Equation, Step
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.page.filling import filled_down
from backprop_sheet.page.script import Shapes, quoted, shared_names
from backprop_sheet.symbolic.expressions import (
    Expression,
    Name,
    Negative,
    Operation,
    children,
    size,
    transform,
    walk,
)

_MAX_WORDS = 300  # characters of a cause: nobody reads the whole of a long formula
_MAX_SIZE = 60  # leaves of a mistake's expression; of a longer formula, only the change is written
_MOST = 200  # mistakes of a quantity
_MANY_PARAMETERS = 50
_TOKEN = re.compile(r"[\w∂/]+")


@lru_cache(maxsize=32)
def mistakes_script(system: EquationSystem, room: int) -> str:
    """Return the script with ``MISTAKES``: of each quantity, the likeliest mistakes first.

    A mistake is ``"E1 3 a_o1 t1|5 a_o1"``: of E1, shape 3 of ``MISTAKE_SHAPES`` with its names, and
    cause 5 of ``MISTAKE_CAUSES`` with its names. A line has one mistake of each quantity, filled
    down as in :mod:`~backprop_sheet.page.filling`: many differ in the numbers of their names only.

    Args:
        room: how many bytes it may have.
    """
    catalogue = _Catalogue(system)
    equations = [each for each in system.equations if each.step is not Step.UPDATE]
    lines: list[str] = []
    catalogue.bytes = len(_script([], [], []).encode())
    largest = 0
    for mistakes in catalogue.kinds():
        waiting = {equation.name: mistakes(equation) for equation in equations}
        # The next line, with the shapes and causes that are new in it, may be as large as any.
        while waiting and catalogue.bytes + largest < room and len(lines) < _MOST:
            before = catalogue.bytes
            found = {name: next(entries, "") for name, entries in waiting.items()}
            waiting = {name: entries for name, entries in waiting.items() if found[name]}
            rows = [f"{name} {entry}" for name, entry in found.items() if entry]
            line = f"  {json.dumps(filled_down(rows), ensure_ascii=False, separators=(',', ':'))},"
            lines.append(line)
            catalogue.bytes += len(line.encode()) + 1
            largest = max(largest, catalogue.bytes - before)
    return _script(catalogue.shapes.written(), catalogue.causes(), lines)


def _script(shapes: list[str], causes: list[str], lines: list[str]) -> str:
    return "\n".join(
        [
            "// Generated: typical mistakes, each a function of the same row, and their causes.",
            *("const MISTAKE_SHAPES = [", *shapes, "];"),
            *("const MISTAKE_CAUSES = [", *causes, "];"),
            *("const MISTAKES = [", *lines, "];\n"),
        ]
    )


class _Catalogue:
    """The mistakes of a system as texts, and what these refer to.

    Attributes:
        bytes: what has been written: shapes and causes are counted as they are used.
    """

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
        is_long = size(equation.rhs) > _MAX_SIZE
        right = Name(equation.name) if is_long else self._right(equation)
        seen = self._seen.setdefault(equation.name, {self._fingerprints.of(right)})
        for mistake in mistakes:
            wrong = mistake.expression
            if is_long:
                wrong = as_change(wrong, equation)
            leaves = [node for node in walk(wrong) if not children(node)]
            if len(leaves) > _MAX_SIZE or not all(map(self._is_known, leaves)):
                continue
            if len(mistake.cause) > _MAX_WORDS:
                continue
            fingerprint = self._fingerprints.of(wrong)
            if fingerprint not in seen:
                seen.add(fingerprint)
                yield self._entry(Mistake(wrong, mistake.cause))

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


def as_change(wrong: Expression, equation: Equation) -> Expression:
    """Return a wrong version of an equation as a change of its right result.

    The sum h1 of 40 products with one other name is ``h1 - w7*i7 + w7*i8``. A version that is
    neither a sum of nearly the same summands nor contains the right one stays almost as long.
    """
    result = Name(equation.name)
    shorter = transform(wrong, lambda node: result if node == equation.rhs else node)
    if shorter != wrong:
        return shorter
    summands, right = Counter(_summands(wrong)), Counter(_summands(equation.rhs))
    change: Expression = result
    for (sign, summand), operators in (
        *((each, "-+") for each in (right - summands).elements()),
        *((each, "+-") for each in (summands - right).elements()),
    ):
        change = Operation(operators[sign < 0], change, summand)
    return change


def _summands(expression: Expression, sign: int = 1) -> Iterator[tuple[int, Expression]]:
    """Yield the summands of an expression, each with the sign with which it is added."""
    match expression:
        case Operation("+" | "-" as operator, left, right):
            yield from _summands(left, sign)
            yield from _summands(right, sign if operator == "+" else -sign)
        case Negative(operand):
            yield from _summands(operand, -sign)
        case _:
            yield sign, expression
