"""Which left columns are the missing quantities of a layer, whose headers are like the others'.

``a_k2`` beside ``a_k1``, which is o1, is o2: also where its numbers are wrong, and where nothing
that is computed from it tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from backprop_sheet.audit.find.judging import SIGNS, Assignment, Judge
from backprop_sheet.audit.read.header_numbers import split_at_number
from backprop_sheet.audit.read.header_text import visible
from backprop_sheet.audit.read.typing_errors import is_mistyped
from backprop_sheet.equations.intermediates import with_other_sign
from backprop_sheet.equations.names import gradient_name
from backprop_sheet.equations.system import EquationSystem

Parts = tuple[str, str]  # the words of a header, and its last number


def with_headed_alike(judge: Judge, best: Assignment) -> Assignment:
    """Take left columns for the missing quantities that their headers number like the others."""
    free: dict[Parts, list[int]] = {}
    for index in judge.free_columns(best):
        proposal = judge.proposals[index]
        if proposal.is_doubtful or judge.known.isdisjoint(proposal.names):
            free.setdefault(_parts(judge, index), []).append(index)
    stated = {*judge.constants, *best.constants}
    found: dict[str, int] = {}
    for names in _alike(judge.system):
        known = {place: best.names[name] for place, name in enumerate(names) if name in best.names}
        parts = {place: _parts(judge, index) for place, index in known.items()}
        for place, name in enumerate(names):
            if place in known or name in stated or with_other_sign(name) in best.names:
                continue
            header = _expected(parts, place)
            if header is not None:
                columns = free.get(header) or _mistyped(free, *header)
                if len(columns) == 1:
                    found[name] = columns[0]
    times = Counter(found.values())
    found = {name: index for name, index in found.items() if times[index] == 1}
    if not found:
        return best
    judged = judge.judged({**best.names, **found}, best.numbering, best.constants)
    # It says what is wrong, and is no reason to prefer another exercise.
    return replace(judged, cost=best.cost, structure=best.structure)


def _mistyped(free: Mapping[Parts, list[int]], words: str, number: str) -> list[int]:
    """Return the left columns with a number, and with no words or mistyped ones: 2 for E2."""
    return [
        index
        for (text, own), columns in free.items()
        for index in columns
        if own == number and (not text or is_mistyped(text, words))
    ]


def _alike(system: EquationSystem) -> Iterator[Sequence[str]]:
    """Yield the quantities of one kind and layer, in their order."""
    yield from (system.inputs, system.targets, system.errors)
    for layer in system.layers:
        for names in zip(*layer, strict=True):  # the sums, and the activations
            yield names
            yield from ([sign + gradient_name(name) for name in names] for sign in SIGNS)


def _parts(judge: Judge, index: int) -> Parts:
    before, number, after = split_at_number(visible(judge.columns[index].text))
    return f"{before} {after}".strip(), number


def _expected(parts: Mapping[int, Parts], place: int) -> Parts | None:
    """Return the header of a place where the others are numbered in their order, else None."""
    words = {text for text, _ in parts.values()}
    starts = {int(number) - at for at, (_, number) in parts.items() if number.isdecimal()}
    if len(words) != 1 or len(starts) != 1 or not all(number for _, number in parts.values()):
        return None
    return words.pop(), str(starts.pop() + place)
