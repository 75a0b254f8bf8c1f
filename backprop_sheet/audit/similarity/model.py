"""What is kept of a workbook for the comparison with others: small, and sent between processes."""

from __future__ import annotations

from dataclasses import dataclass

from backprop_sheet.audit.read.references import Cell


@dataclass(frozen=True)
class Slip:
    """A mistake in a column.

    Attributes:
        cause: in words, without the numbers in it.
        pattern: which rows are wrong.
        is_typed: whether it is a number without a formula, whose cause can be ambiguous.
        cell: its first cell, on ``sheet``.
    """

    column: str
    cause: str
    pattern: str
    is_typed: bool
    sheet: str
    cell: Cell


@dataclass(frozen=True)
class TableTrace:
    """What a table tells.

    Attributes:
        numbers: equal for equal given numbers; "" if these say nothing.
        layout: equal for tables at the same place with the same headers.
        cell: the first cell of the table.
        slips: its mistakes.
    """

    sheet: str
    numbers: str
    layout: str
    cell: Cell
    slips: tuple[Slip, ...] = ()


@dataclass(frozen=True)
class FileTrace:
    """What a file tells besides its tables.

    Attributes:
        digest: equal for equal files.
        author: who made the file, or "".
        created: when it was made, or "".
        is_ours: whether this project wrote it, as a worksheet or with all values.
        has_solution: whether this project wrote it with all values.
    """

    digest: str
    author: str = ""
    created: str = ""
    is_ours: bool = False
    has_solution: bool = False
