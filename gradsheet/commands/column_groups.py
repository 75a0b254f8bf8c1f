"""The option that names groups of columns to fill in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradsheet.commands.messages import Refused
from gradsheet.words import one_of

if TYPE_CHECKING:
    from backprop_sheet.exercise.column_groups import ColumnGroup

ALL = "all"


@dataclass(frozen=True)
class WorksheetChoice:
    """What the options say about a worksheet."""

    groups: frozenset[ColumnGroup]
    has_marks: bool
    force: bool


def column_groups(option: str, text: str) -> frozenset[ColumnGroup]:
    """Read a list of groups of columns: ``forward,error`` or ``all``.

    Raises:
        Refused: there is no such group.
    """
    from backprop_sheet.exercise.column_groups import ColumnGroup

    words = [word.strip().casefold() for word in text.split(",")]
    if words == [ALL]:
        return frozenset(ColumnGroup)
    known = {group.value: group for group in ColumnGroup}
    for word in words:
        if word not in known:
            allowed = one_of([*known, ALL])
            raise Refused(f"{option} must name {allowed}, got {word!r}")
    return frozenset(known[word] for word in words)
