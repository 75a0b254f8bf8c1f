"""Mistakes of rows: references to another row, or to a fixed one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.equations.names import ITERATION
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.expressions import Expression, Name, nodes_with_paths, replace_at
from gradsheet.words import join, plural


def wrong_rows(system: EquationSystem, rhs: Expression) -> Iterator[Mistake]:
    """Yield formulas in which one name is of the row above or below the right one."""
    without_row = {*system.constants, ITERATION}
    for path, part in nodes_with_paths(rhs):
        if isinstance(part, Name) and part.name not in without_row:
            for shift in (part.shift - 1, part.shift + 1):
                yield Mistake(
                    replace_at(rhs, path, Name(part.name, shift)),
                    in_wrong_rows(system, {part.name: (shift, part.shift)}),
                )


def in_wrong_rows(system: EquationSystem, rows: Mapping[str, tuple[int, int]]) -> str:
    """Describe names in the wrong rows; a parameter of the row below is already updated.

    Args:
        rows: by name the row that the formula has, and the right one.
    """
    if not system.is_batch and all(
        name in system.updates and row == (1, 0) for name, row in rows.items()
    ):
        return after_update_words(rows)
    parts = [
        f"{name} from {row_words(found)} instead of from {row_words(right)}"
        for name, (found, right) in rows.items()
    ]
    return f"{wrong_row_words(system)}: {join(parts)}"


def after_update_words(parameters: Collection[str]) -> str:
    """Describe parameters that are already updated."""
    its = plural(len(parameters), "its", "their")
    return f"{join(sorted(parameters))} after {its} update instead of before it"


def wrong_row_words(system: EquationSystem) -> str:
    """Describe a reference to another row; with one row per sample, it is another sample's."""
    if system.is_batch:
        return "a reference to the wrong row, another sample's value"
    return "a reference to the wrong row"


def row_words(shift: int) -> str:
    """Describe a row relative to the formula's own: -1 is ``the row above``."""
    match shift:
        case 0:
            return "the same row"
        case -1:
            return "the row above"
        case 1:
            return "the row below"
    return f"{abs(shift)} rows {'above' if shift < 0 else 'below'}"


def fixed_row_words(where: str, used: Iterable[Name]) -> str:
    """Describe references to the same row everywhere.

    Args:
        where: the row, in words, or its cells.
        used: the names that belong there, with their rows.
    """
    by_row: dict[int, list[str]] = {}
    for name in used:
        by_row.setdefault(name.shift, []).append(name.name)
    count = sum(map(len, by_row.values()))
    parts = join([f"{join(some)} of {row_words(shift)}" for shift, some in by_row.items()])
    are, belong = plural(count, "is", "are"), plural(count, "belongs", "belong")
    return f"a fixed row: {where} {are} used in every row, where {parts} {belong}"


def copied_words(column: str) -> str:
    """Describe the formula of another column that was copied with relative references."""
    copied = f"the formula of {column} was copied to this column"
    return f"{copied}: without $, all its references moved too"
