"""What a student sent, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path

from backprop_sheet.audit.submissions.found_files import CUT, LINK, Found, Parts
from gradsheet.words import count

NOTHING = "nothing"
_KINDS_SHOWN, _LONGEST_SUFFIX = 4, 12
_PROBLEMS_SHOWN = 3


def content_of(found: Sequence[Found], place: Parts) -> str:
    """Count the files by suffix, and say what could not be used: ``1 .numbers, 2 .pdf``.

    Args:
        found: all files of a student.
        place: the student's folder or file.
    """
    if [one.parts for one in found] == [place] and found[0].problem in (LINK, CUT):
        return LINK if found[0].problem == LINK else "not counted"
    kinds = Counter(
        _kind(one.parts[-1])
        for one in found
        if one.parts and (not one.is_folder or one.problem == LINK)
    )
    shown = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{number:,} {kind}" for kind, number in shown[:_KINDS_SHOWN]]
    if others := sum(number for _, number in shown[_KINDS_SHOWN:]):
        words.append(count(others, "other"))
    if any(one.problem == CUT for one in found):
        words.append(CUT if words else "not counted")
    if not words and any(one.parts and one.zips for one in found):
        words.append("1 .zip, which is empty")
    listed = ", ".join(words)
    return ": ".join(filter(None, [listed, problems_of(found, place)])) or NOTHING


def problems_of(found: Sequence[Found], place: Parts, without: Container[str] = ()) -> str:
    """Say which files could not be used, and why; "" if there are none.

    Args:
        without: problems that are not named.
    """
    lines = []
    for one in found:
        if one.problem and one.problem not in (LINK, CUT) and one.problem not in without:
            name = "/".join(one.parts[len(place) :] or one.parts[-1:])
            lines.append(f"{name} {one.problem}".strip())
    more = len(lines) - _PROBLEMS_SHOWN
    others = [f"and {more:,} more"] if more > 0 else []
    return "; ".join([*lines[:_PROBLEMS_SHOWN], *others])


def _kind(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return suffix if 1 < len(suffix) <= _LONGEST_SUFFIX else "without a suffix"
