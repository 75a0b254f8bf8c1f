"""What headers mean, alone and among the other headers of their table.

The meaning of some headers depends on others (``y`` can be a target or an output): :func:`resolve`
decides it for all headers of a table together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Meaning:
    """What a header means.

    Attributes:
        name: a canonical name, or one that :func:`resolve` replaces: ``y1``, ``b_h1``,
            ``∂E1/∂w5``.
        is_weak: the header is a word or a letter without a number (``out``, ``error``, ``b``). It
            counts only if no other header has the name, and is not enough to recognize a table.
        is_next: the header is the parameter of the next iteration (``new w1``, ``w1+``, ``w1'``).
        is_update: the header has an update (``w1 = w1 - η*∂E/∂w1``). Above a column, it means the
            parameter itself; in a form with another ``w1``, the parameter of the next iteration.
    """

    name: str
    is_weak: bool = False
    is_next: bool = False
    is_update: bool = False


_TWO_DIGITS = re.compile(r"(.*(?<![a-z])h)([1-9])([1-9])")
_HIDDEN = re.compile(r"(?:a_)?h([0-9_]+)")
_OUTPUT = re.compile(r"(?:a_)?o([0-9]+)")
_NEURON_BIAS = re.compile(r"(.*)b_([ho][0-9_]*)")
_PARTIAL = re.compile(r"∂E([0-9]+)/∂(.+)")


def resolve(meanings: Sequence[Meaning], context: Iterable[str] = ()) -> list[str | None]:
    """Return the canonical name of each header of a table, or None.

    Args:
        context: other canonical names of the table.

    Only one header gets a name: the first that is not weak, else the first.
    """
    names: list[str | None] = [one.name for one in meanings]
    known = {*names, *context}
    names = [_resolve_y(name, known) for name in names]
    names = _resolve_layers(names, context)
    names = _resolve_biases(names, context)
    names = _resolve_partials(names, context)
    taken: set[str | None] = {None}
    for is_weak in (False, True):
        for at, (name, meaning) in enumerate(zip(names, meanings, strict=True)):
            if meaning.is_weak is not is_weak:
                continue
            if name in taken:
                names[at] = None
            taken.add(name)
    return names


def _resolve_y(name: str | None, known: set[str | None]) -> str | None:
    """Take y as the output if there is a target, else as the target."""
    if name is None or name[0] != "y":
        return name
    number = name[1:]
    if f"t{number}" not in known:
        return f"t{number}"
    return None if f"a_o{number}" in known else f"a_o{number}"


def _resolve_layers(names: list[str | None], context: Iterable[str]) -> list[str | None]:
    """Take h11, h12, h21 as layer and neuron if there is an h11 and no h1 to h9."""
    known = [name for name in (*names, *context) if name]
    hidden = {match[1] for name in known if (match := _HIDDEN.fullmatch(name))}
    if "11" not in hidden or not all(re.fullmatch("[1-9]{2}", number) for number in hidden):
        return names
    return [name and _TWO_DIGITS.sub(r"\1\2_\3", name) for name in names]


def _resolve_biases(names: list[str | None], context: Iterable[str]) -> list[str | None]:
    """Number biases that are named after their neurons or layers, as the weights are numbered."""
    found = [match for name in names if name and (match := _NEURON_BIAS.fullmatch(name))]
    if not found:
        return names
    known = [name for name in (*names, *context) if name]
    neurons = sorted(
        {f"h{match[1]}" for name in known if (match := _HIDDEN.fullmatch(name))}
        | {f"o{match[1]}" for name in known if (match := _OUTPUT.fullmatch(name))},
        key=_neuron_order,
    )
    of_neurons = {neuron: f"b{number}" for number, neuron in enumerate(neurons, 1)}
    layers = dict.fromkeys(neuron.rpartition("_")[0] or neuron[0] for neuron in neurons)
    of_layers = {layer: f"b{number}" for number, layer in enumerate(layers, 1)}
    numbers = of_neurons if all(match[2] in of_neurons for match in found) else of_layers
    result: list[str | None] = []
    for name in names:
        match = _NEURON_BIAS.fullmatch(name) if name else None
        if match:
            bias = numbers.get(match[2])
            result.append(match[1] + bias if bias else None)
        else:
            result.append(name)
    return result


def _neuron_order(neuron: str) -> tuple[Any, ...]:
    return (neuron[0] == "o", *map(int, neuron[1:].split("_")))


def _resolve_partials(names: list[str | None], context: Iterable[str]) -> list[str | None]:
    """Take ∂E1/∂w5 as ∂E/∂w5 if no other error has a derivative by w5.

    If there is also ∂E2/∂w5, each of them is only a part of ∂E/∂w5.
    """
    found = [name and _PARTIAL.fullmatch(name) for name in names]
    if not any(found):
        return names
    parts = Counter(match[2] for match in found if match)
    known = {*names, *context}

    def whole(match: re.Match[str]) -> str | None:
        total = f"∂E/∂{match[2]}"
        is_own = match[2] == f"a_o{match[1]}"  # E1 is the error of output 1
        return total if total not in known and (is_own or parts[match[2]] == 1) else None

    return [whole(match) if match else name for match, name in zip(found, names, strict=True)]
