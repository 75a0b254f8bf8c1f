"""Read the workbook part: its sheets and its defined names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO

from backprop_sheet.audit.read.cell_values import plain_text
from backprop_sheet.audit.read.limits import (
    MAX_DEFINED_NAMES,
    MAX_SHEETS,
    UnreadableWorkbookError,
)
from backprop_sheet.audit.read.xml_stream import XmlStream, main_names, relationship_id


@dataclass(frozen=True)
class ListedSheet:
    """A sheet as the workbook part lists it.

    Attributes:
        relationship: the id of its relationship to its part, or ``""``.
    """

    title: str
    relationship: str


@dataclass
class SheetList:
    """The sheets of a workbook in their order, and its defined names.

    Attributes:
        names: the references of the names of the whole workbook, with the names case-folded.
        local_names: the same for the names of single sheets, by the index of the sheet.
    """

    sheets: list[ListedSheet] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    local_names: dict[int, dict[str, str]] = field(default_factory=dict)

    def names_of(self, index: int) -> dict[str, str]:
        """Return the names as formulas of a sheet see them."""
        local = self.local_names.get(index)
        return {**self.names, **local} if local else self.names


def read_sheet_list(part: IO[bytes]) -> SheetList:
    """Read the workbook part.

    Raises:
        UnreadableWorkbookError: there are too many sheets or names.
        expat.ExpatError: the part is not well-formed.
    """
    names = main_names("sheet", "definedName")
    stream = XmlStream()
    found = SheetList()
    count = 0
    name_attributes: dict[str, str] = {}

    def start(full: str, attributes: dict[str, str]) -> None:
        nonlocal name_attributes
        name = names.get(full)
        if name == "sheet":
            title = plain_text(attributes.get("name", ""))
            found.sheets.append(ListedSheet(title, relationship_id(attributes)))
            if len(found.sheets) > MAX_SHEETS:
                raise UnreadableWorkbookError(f"has more than {MAX_SHEETS} sheets")
        elif name == "definedName":
            name_attributes = attributes
            stream.text.clear()

    def end(full: str) -> None:
        nonlocal count
        if names.get(full) != "definedName":
            return
        count += 1
        if count > MAX_DEFINED_NAMES:
            raise UnreadableWorkbookError(f"has more than {MAX_DEFINED_NAMES:,} defined names")
        name, scope = name_attributes.get("name", ""), name_attributes.get("localSheetId")
        if scope is None:
            target = found.names
        elif scope.isdecimal() and len(scope) < 5:
            target = found.local_names.setdefault(int(scope), {})
        else:
            return
        target[name.casefold()] = "".join(stream.text)

    stream.parse(part, start, end)
    return found
