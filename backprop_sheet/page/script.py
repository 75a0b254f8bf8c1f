"""The equations of an exercise as a script: what the page computes is generated from them."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping

from backprop_sheet.equations.equation import Step
from backprop_sheet.equations.names import ITERATION
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.page.filling import filled_down
from backprop_sheet.symbolic.evaluation import SHARED, without_repetition
from backprop_sheet.symbolic.expressions import (
    Call,
    Expression,
    Name,
    Negative,
    Operation,
    rename,
    transform,
    walk,
)
from backprop_sheet.symbolic.javascript import PRELUDE, to_javascript
from backprop_sheet.symbolic.rendering import to_text

PHASES = {Step.FORWARD: 0, Step.ERROR: 0, Step.BACKWARD: 1, Step.UPDATE: 2}

_APPLIED = """\
// A shape with the names of its quantities: its value, and its text with these names.
const applied = (shape, names) => {
  const { value, text } = SHAPES[shape];
  return {
    value: (q, before, rows) => value(q, before, rows, ...names),
    formula: text.replace(/#(\\d+)/gu, (_, number) => names[number]),
  };
};
"""


def equations_script(system: EquationSystem) -> str:
    """Return the script with the equations and the factors of the chain rules.

    ``EQUATIONS`` is in the order of computation. The value of an equation is a function of

    - ``q``, the row: its quantities, the learning rate and the hyperparameters by name,
    - ``before``, the row of the iteration before, for an update,
    - ``rows``, all rows of the iteration before: one per sample, if an update uses all samples.

    Its formula is a template, as :mod:`~backprop_sheet.page.data` describes it. Many equations
    differ in the names of their quantities only: they share a shape, whose names are numbered.
    The script uses ``filledDown`` of ``parts/rows.js``.
    """
    shapes = Shapes(shared_names(system))

    def row(start: str, expression: Expression) -> str:
        return f"{start} {shapes.use(expression)}"

    equations = [row(f"{each.name} {PHASES[each.step]}", each.rhs) for each in system.equations]
    derivatives = {
        factor.label: factor.derivative
        for each in system.equations
        for path in each.paths
        for factor in path
        if factor.derivative is not None
    }
    factors = [row(label, each) for label, each in derivatives.items()]
    return "\n".join(
        [
            "// Generated from the exercise: its equations, in the order of computation.",
            PRELUDE,
            *("const SHAPES = [", *shapes.written(), "];", _APPLIED),
            "// An equation is a row: its name, its phase, its shape, and the names in it.",
            *("const EQUATIONS = filledDown([", *_lines(equations), "]).map((row) => {"),
            '  const [name, phase, shape, ...names] = row.split(" ");',
            "  return { name, phase: Number(phase), ...applied(shape, names) };",
            "});\n",
            "// The factors of the chain rules.",
            *("const FACTOR_EQUATIONS = filledDown([", *_lines(factors), "]).map((row) => {"),
            '  const [label, shape, ...names] = row.split(" ");',
            "  return [label, applied(shape, names)];",
            "});",
            "const FACTORS = Object.fromEntries(",
            "  FACTOR_EQUATIONS.map(([label, { value }]) => [label, value]),",
            ");\n",
        ]
    )


def _lines(rows: Iterable[str]) -> Iterator[str]:
    for row in filled_down(rows):
        yield f"  {json.dumps(row, ensure_ascii=False)},"


def shared_names(system: EquationSystem) -> frozenset[str]:
    """Return the names that stand in shapes as they are: η, the hyperparameters, the iteration."""
    return frozenset({*system.constants, ITERATION})


class Shapes:
    """The expressions of a script, without the names of their quantities.

    Attributes:
        constants: the names that all equations share, which stay as they are.
        with_text: whether a shape is a value with its text, or the function of its value alone.
    """

    def __init__(self, constants: frozenset[str], *, with_text: bool = True) -> None:
        self._constants = constants
        self._with_text = with_text
        self._numbers: dict[Hashable, int] = {}
        self._lines: list[str] = []

    def use(self, expression: Expression) -> str:
        """Return the number of an expression's shape, and its names, joined by spaces."""
        number_of: dict[str, int] = {}
        tokens: list[Hashable] = []  # the nodes from the root on, with numbers instead of names
        for node in walk(expression):
            match node:
                case Name(name, shift) if name not in self._constants:
                    tokens.append((number_of.setdefault(name, len(number_of)), shift))
                case Operation(operator):
                    tokens.append(operator)
                case Call(function, arguments):
                    tokens.append((function, len(arguments)))
                case Negative():
                    tokens.append(Negative)
                case _:
                    tokens.append(node)
        shape = tuple(tokens)
        if shape not in self._numbers:
            self._numbers[shape] = len(self._numbers)
            self._lines.append(self._line(expression, number_of))
        return " ".join([str(self._numbers[shape]), *number_of])

    def __len__(self) -> int:
        """Return the number of shapes that have been used."""
        return len(self._lines)

    def _line(self, expression: Expression, number_of: Mapping[str, int]) -> str:
        def numbered(name: Name) -> Name:
            known = number_of.get(name.name)
            return name if known is None else Name(f"#{known}", name.shift)

        shape = rename(expression, numbered)
        parameters = "".join(f", n{number}" for number in range(len(number_of)))
        body = _NUMBERED.sub(r"n\1", _body(shape))
        written = f"(q, before, rows{parameters}) => {body}"
        if self._with_text:
            written = f"{{ value: {written}, text: {quoted(template(shape))} }}"
        return f"  {written},"

    def written(self) -> list[str]:
        """Return the lines of the shapes that have been used."""
        return list(self._lines)


def _body(shape: Expression) -> str:
    """Return the body of a function that returns the value, each part of which is computed once."""
    *shared, (_, value) = without_repetition({"": shape}).items()
    if not shared:
        return _javascript(value)
    parts = "".join(f"const {_constant(name)} = {_javascript(rhs)}; " for name, rhs in shared)
    return f"{{ {parts}return {_javascript(value)}; }}"


def _constant(name: str) -> str:
    return name.replace(" ", "")


_NUMBERED = re.compile(r'"#(\d+)"')


def _javascript(expression: Expression) -> str:
    """Return the JavaScript of a right-hand side, with the old values of an update."""
    return to_javascript(expression, _in_rows, lambda name: f"rows, {quoted(name.name)}")


def template(expression: Expression, *, spaced_products: bool = False) -> str:
    """Return an expression as text with the names in braces."""
    reduced = transform(expression, _reduction_as_name)
    return to_text(reduced, _in_braces, spaced_products=spaced_products)


def _reduction_as_name(node: Expression) -> Expression:
    match node:
        case Call("mean" | "sum" as function, (Name(name),)):
            return Name(f"{function}({name})")
    return node


def _in_braces(name: Name) -> str:
    return f"{{{'n' if name.name == ITERATION else name.key}}}"


def quoted(text: str) -> str:
    """Return a JavaScript string."""
    return json.dumps(text, ensure_ascii=False)


def _in_rows(name: Name) -> str:
    if name.shift not in (0, -1):
        raise ValueError(f"{name.key} is of another row")
    if name.name.startswith(SHARED):
        return _constant(name.name)
    return f"{'before' if name.shift else 'q'}[{quoted(name.name)}]"
