"""What a mistyped header means: what it would mean with the words of its like.

``pso 3`` beside ``peso 1`` and ``peso 2`` is ``peso 3``. It is a weak proposal: numbers decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from backprop_sheet.audit.find.tables import Column
from backprop_sheet.audit.read.header_numbers import split_at_number
from backprop_sheet.audit.read.meanings import Meaning
from backprop_sheet.audit.read.typing_errors import is_mistyped


def add_mistyped(
    meanings: list[Meaning | None],
    columns: Sequence[Column],
    meaning_with: Callable[[Column], Meaning | None],
) -> None:
    """Add what mistyped headers mean that are otherwise unknown, in place.

    Args:
        meaning_with: the meaning of a column with another header.
    """
    parts = [split_at_number(column.text) for column in columns]
    known = {
        (column.group, before, after)  # the number
        for column, meaning, (before, number, after) in zip(columns, meanings, parts, strict=True)
        if meaning is not None and number
    }
    names = {meaning.name for meaning in meanings if meaning is not None}
    for index, (column, (before, number, after)) in enumerate(zip(columns, parts, strict=True)):
        if meanings[index] is not None or not number:
            continue
        texts = [
            f"{start}{number}{end}"
            for group, start, end in known
            if group == column.group and is_mistyped(before, start) and is_mistyped(after, end)
        ]
        found = meaning_with(replace(column, text=texts[0])) if len(texts) == 1 else None
        if found is not None and found.name not in names:
            meanings[index] = replace(found, is_weak=True)
