"""Read the cells of an untrusted workbook. All sizes are checked before memory is needed for them.

Only what is needed is read: the list of sheets, defined names, texts, stored values and formulas.
Styles, properties, comments and drawings are never parsed, so that nothing in them can matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

from backprop_sheet.audit.read.cell_values import decimal_in_text
from backprop_sheet.audit.read.formulas import Formulas
from backprop_sheet.audit.read.limits import (
    MAX_ROWS,
    MAX_STRINGS,
    REPAIR,
    UnreadableWorkbookError,
    brief,
)
from backprop_sheet.audit.read.open_document import is_open_document, read_open_document
from backprop_sheet.audit.read.package import Package, Relationship, read_file
from backprop_sheet.audit.read.references import Address, Cell
from backprop_sheet.audit.read.sheet_cells import SheetCells, read_shared_strings, read_sheet_cells
from backprop_sheet.audit.read.sheet_list import read_sheet_list

__all__ = [
    "MAX_ROWS",
    "Address",
    "Cell",
    "Sheet",
    "UnreadableWorkbookError",
    "number",
    "read_sheets",
]

# Sheets that have no cells.
_WITHOUT_CELLS = ("chartsheet", "dialogsheet")

# Is called with the title of a sheet that cannot be read, and with the reason.
OnUnreadable = Callable[[str, str], None]


@dataclass(eq=False)  # so that a sheet can be the key of a dictionary
class Sheet:
    """One sheet: the stored values and the formulas of its cells, by (row, column).

    ``defined_names`` are those that its formulas can use, with the names case-folded.
    """

    title: str
    values: dict[Cell, Any] = field(default_factory=dict)
    formulas: dict[Cell, str] = field(default_factory=Formulas)
    defined_names: dict[str, str] = field(default_factory=dict)

    @cached_property
    def texts(self) -> list[tuple[Cell, str]]:
        """The cells with a text, in reading order."""
        texts = [(cell, value) for cell, value in self.values.items() if isinstance(value, str)]
        texts.sort(key=itemgetter(0))
        return texts

    @cached_property
    def columns(self) -> frozenset[int]:
        """The columns with a value or a formula."""
        return frozenset(column for cells in (self.values, self.formulas) for _, column in cells)


def number(value: Any) -> float | None:
    """Return a cell's number, also one stored as text (``"0,05"``); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = decimal_in_text(value)
    if isinstance(value, (int, float, str)):
        try:
            result = float(value)
        except OverflowError:
            return None
        return result if math.isfinite(result) else None
    return None


def read_sheets(path: Path, on_unreadable: OnUnreadable | None = None) -> Iterator[Sheet]:
    """Yield the workbook's sheets one at a time, without keeping them in memory.

    Args:
        on_unreadable: is called for each sheet that cannot be read; the others are still yielded.
            Without it, such a sheet raises an error.

    Raises:
        UnreadableWorkbookError: the file is not a workbook, encrypted, an old .xls, damaged, or
            too large.
    """
    content = read_file(path)
    try:
        with Package(content) as package:
            if is_open_document(package):
                for title, (values, formulas), names in read_open_document(package, on_unreadable):
                    yield Sheet(title, values, formulas, names)
                    del values, formulas  # before the next sheet is read
            else:
                yield from _sheets(package, on_unreadable)
    except UnreadableWorkbookError:
        raise
    except MemoryError as error:
        raise UnreadableWorkbookError("is too large to check") from error
    except Exception as error:  # of damaged parts: zlib, zipfile, expat, struct, …
        raise UnreadableWorkbookError(f"is damaged ({brief(error)}): {REPAIR}") from error


def _sheets(package: Package, on_unreadable: OnUnreadable | None) -> Iterator[Sheet]:
    workbook = package.workbook()
    with package.open_small(workbook) as part:
        listed = read_sheet_list(part)
    relationships = package.relationships(workbook)

    @cache
    def shared_strings() -> list[str]:
        return _shared_strings(package, relationships)

    seen: dict[str, str] = {}  # part names, and the titles of their sheets
    for index, sheet in enumerate(listed.sheets):
        relationship = relationships.get(sheet.relationship)
        if relationship is not None:
            if relationship.kind in _WITHOUT_CELLS:
                continue
            other = seen.setdefault(package.key(relationship.target), sheet.title)
            if other is not sheet.title:
                raise UnreadableWorkbookError(
                    f"is damaged: {other} and {sheet.title} are the same sheet: {REPAIR}"
                )
        try:
            values, formulas = _read_cells(package, relationship, shared_strings)
        except UnreadableWorkbookError as error:
            if on_unreadable is None:
                raise
            on_unreadable(sheet.title, str(error))
            continue
        yield Sheet(sheet.title, values, formulas, listed.names_of(index))
        del values, formulas  # before the next sheet is read


def _shared_strings(package: Package, relationships: dict[str, Relationship]) -> list[str]:
    for relationship in relationships.values():
        if relationship.kind == "sharedStrings" and package.has(relationship.target):
            with package.open(relationship.target) as part:
                return read_shared_strings(part, MAX_STRINGS)
    return []


def _read_cells(
    package: Package, relationship: Relationship | None, shared_strings: Callable[[], list[str]]
) -> SheetCells:
    """Read one sheet. Whatever is damaged in it becomes an :class:`UnreadableWorkbookError`."""
    if relationship is None or not package.has(relationship.target):
        raise UnreadableWorkbookError(f"is listed, but missing in the file: {REPAIR}")
    try:
        with package.open(relationship.target) as part:
            return read_sheet_cells(part, shared_strings)
    except (UnreadableWorkbookError, MemoryError):
        raise
    except Exception as error:  # as in read_sheets
        raise UnreadableWorkbookError(f"is damaged ({brief(error)}): {REPAIR}") from error
