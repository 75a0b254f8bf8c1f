"""Headers that count from 0: i0 and i1, w0 … w7, h0 and h1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from backprop_sheet.equations.system import EquationSystem

# The letter, with the layer of a hidden neuron, and the number: w7, a_h1, ∂E0/∂a_h2_1.
_NUMBERED = re.compile(r"(?<![^\W_])([ithowbE]|h[1-9][0-9]*_)(0|[1-9][0-9]*)(?![0-9_])")


@lru_cache(maxsize=64)
def _highest(system: EquationSystem) -> Mapping[str, int]:
    """Return the highest number of each letter in an exercise."""
    numbered = (match for name in system.quantities if (match := _NUMBERED.fullmatch(name)))
    highest: dict[str, int] = {}
    for match in numbered:
        highest[match[1]] = max(highest.get(match[1], 0), int(match[2]))
    return highest


def letters_from_zero(system: EquationSystem, names: Iterable[str]) -> frozenset[str]:
    """Return the letters that count from 0: they occur with 0, and not with the highest number.

    x0 beside x1 and x2 is something else: the 1 by which a bias is multiplied.
    """
    found = {match.groups() for name in names for match in _NUMBERED.finditer(name)}
    if all(number != "0" for _, number in found):
        return frozenset()
    return frozenset(
        letter
        for letter, highest in _highest(system).items()
        if (letter, "0") in found and (letter, str(highest)) not in found
    )


def counted_from_one(name: str, letters: frozenset[str]) -> str:
    """Return the exercise's name for one whose letters count from 0: ∂E/∂w5 for ∂E/∂w4."""
    if not letters:
        return name
    return _NUMBERED.sub(
        lambda match: f"{match[1]}{int(match[2]) + 1}" if match[1] in letters else match[0], name
    )
