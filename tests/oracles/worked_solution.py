"""Checks a printed derivation with arithmetic of its own: every line must hold to its digits.

Nothing here comes from the package. A printed number is known to half a unit of its tenth digit;
:class:`Known` carries that uncertainty through the calculation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

DIGITS = 10


@dataclass(frozen=True)
class Known:
    """A number that is known up to an error."""

    value: float
    error: float = 0.0

    @classmethod
    def printed(cls, text: str) -> Known:
        value = float(text)
        digits = len(re.sub(r"e.*|[-.]", "", text).lstrip("0"))
        return cls(value, abs(value) * 5 * 10.0**-DIGITS if digits >= DIGITS - 3 else 0.0)

    def __add__(self, other: Known) -> Known:
        return Known(self.value + other.value, self.error + other.error)

    def __neg__(self) -> Known:
        return Known(-self.value, self.error)

    def __sub__(self, other: Known) -> Known:
        return self + -other

    def __mul__(self, other: Known) -> Known:
        error = abs(self.value) * other.error + abs(other.value) * self.error
        return Known(self.value * other.value, error + self.error * other.error)

    def __truediv__(self, other: Known) -> Known:
        return self * of(lambda x: 1 / x)(other)

    def __pow__(self, other: Known) -> Known:
        return of(lambda x: x**other.value)(self)


def of(function: Callable[[float], float]) -> Callable[[Known], Known]:
    """A function of numbers, for known ones."""

    def known(x: Known) -> Known:
        value = function(x.value)
        ends = [function(x.value + x.error), function(x.value - x.error)]
        return Known(value, max(abs(end - value) for end in ends) + 1e-15 * abs(value))

    return known


FUNCTIONS = {
    "σ": of(lambda x: 1 / (1 + math.exp(-x))),
    "tanh": of(math.tanh),
    "exp": of(math.exp),
    "ln": of(lambda x: math.log(max(x, 1e-300))),
    "relu": of(lambda x: max(0.0, x)),
    "step": of(lambda x: float(x > 0)),
    "sqrt": of(lambda x: math.sqrt(max(x, 0.0))),
}

_NAME = "[A-Za-zα-ω][A-Za-z0-9_]*"
_DERIVATIVE = f"∂{_NAME}/∂{_NAME}"
_TOKEN = re.compile(
    r"(?P<number>\d+\.?\d*(?:e[-+]?\d+)?|½)"
    rf"|(?P<name>(?:mean|sum)\({_DERIVATIVE}\)|{_DERIVATIVE}|{_NAME})"
    r"|(?P<sign>²|\^)|(?P<other>.)"
)

_FORMULA = re.compile(r"(.+?) (=|←) (?:(.*) = )?(-?[\d.]+(?:e[-+]?\d+)?)")


def calculate(text: str, values: dict[str, Known]) -> Known:
    """The value of an expression as it is printed."""
    used: list[Known] = []

    def constant(value: Known) -> str:
        used.append(value)
        return f"used[{len(used) - 1}]"

    def python(match: re.Match[str]) -> str:
        match match.lastgroup, match[0]:
            case "name", name if name in FUNCTIONS:
                return f"functions['{name}']"
            case "name", name:
                return constant(values[name])
            case "number", "½":
                return constant(Known(0.5))
            case "number", number:
                return constant(Known.printed(number))
            case "sign", "²":
                return f"**{constant(Known(2.0))}"
            case "sign", _:
                return "**"
        return match[0]

    source = _TOKEN.sub(python, text)
    return eval(source, {"__builtins__": {}}, {"functions": FUNCTIONS, "used": used})


def formulas(document: str) -> list[str]:
    """The formulas of a plain-text document, each on one line again."""
    found: list[str] = []
    for line in document.splitlines():
        if line.startswith(" " * 5):
            found[-1] += " " + line.strip()
        elif line.startswith(" " * 4):
            found.append(line.strip())
    return found


def check(document: str) -> int:
    """Check every formula of a worked solution, and return how many numbers were checked."""
    given = re.sub(r"\s+", " ", document)
    assignments = re.findall(rf"({_NAME}) = (-?[\d.]+(?:e[-+]?\d+)?)(?=[,.;] |, |;)", given)
    values = {name: Known.printed(number) for name, number in assignments}
    iteration = re.search(r"Numbers: iteration (\d+)", given)
    assert iteration
    values["n"] = Known(float(iteration[1]) + 1)
    lines = [_FORMULA.fullmatch(formula).groups() for formula in formulas(document)]
    for left, relation, _, result in lines:
        # A derivative is used before the line that gives its value.
        if relation == "=":
            value, before = Known.printed(result), values.setdefault(left, Known.printed(result))
            assert abs(before.value - value.value) <= before.error + value.error, left
    checked = 0
    for left, relation, middle, result in lines:
        printed = Known.printed(result)
        for side in filter(None, (middle or "").split(" = ")):
            names = {match["name"] for match in _TOKEN.finditer(side)} - {None, *FUNCTIONS}
            if relation == "←" and left not in values and left in names:
                continue  # optimizer state of the iteration before is not printed
            calculated = calculate(side, values)
            tolerance = calculated.error + abs(printed.value) * 6 * 10.0**-DIGITS + 1e-300
            assert abs(calculated.value - printed.value) <= tolerance, (left, side, calculated)
            checked += 1
        values[left] = printed
    return checked
