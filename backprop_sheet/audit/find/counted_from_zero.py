"""Headers that count from 0: i0 and i1, w0 … w7, h0 and h1; of hidden layers, h0_0 and h0_1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from backprop_sheet.equations.system import EquationSystem

# The letter, with the layer of a hidden neuron, and the number: w7, a_h1, ∂E0/∂a_h2_1.
_NUMBERED = re.compile(r"(?<![^\W_])([ithowbE]|h[1-9][0-9]*_)(0|[1-9][0-9]*)(?![0-9_])")
_LAYER = re.compile(r"(?<![^\W_])h(0|[1-9][0-9]*)(?=_[0-9])")
LAYERS = "h_"  # the "letter" of the numbers of hidden layers
_ORDER = "iwbhotE"  # in which the letters are named


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
    names = list(names)
    layers = {int(match[1]) for name in names for match in _LAYER.finditer(name)}
    deepest = len(system.layers) - 1
    is_counted = deepest > 1 and 0 in layers and deepest not in layers
    of_layers = frozenset({LAYERS} if is_counted else ())
    found = {
        match.groups()
        for name in names
        for match in _NUMBERED.finditer(counted_from_one(name, of_layers))
    }
    if all(number != "0" for _, number in found):
        return of_layers
    return of_layers | {
        letter
        for letter, highest in _highest(system).items()
        if (letter, "0") in found and (letter, str(highest)) not in found
    }


def counted_from_one(name: str, letters: frozenset[str]) -> str:
    """Return the exercise's name for one whose letters count from 0: ∂E/∂w5 for ∂E/∂w4."""
    if not letters:
        return name
    if LAYERS in letters:
        name = _LAYER.sub(lambda match: f"h{int(match[1]) + 1}", name)
    return _NUMBERED.sub(
        lambda match: f"{match[1]}{int(match[2]) + 1}" if match[1] in letters else match[0], name
    )


def first_names(letters: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the first name of each letter, as it is counted and as the exercise counts it."""
    for letter in sorted(letters, key=lambda letter: (_ORDER.find(letter[0]), letter)):
        if letter == LAYERS:
            yield "h0_0" if "h1_" in letters else "h0_1", "h1_1"
        elif LAYERS not in letters or letter[0] != "h":
            yield f"{letter}0", f"{letter}1"
