"""A table whose records are blocks of labeled cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from backprop_sheet.audit.find.line_tables import LineTable
from backprop_sheet.audit.find.tables import Column, Layout, Table
from backprop_sheet.audit.read.header_text import without_spaces
from backprop_sheet.audit.read.workbook import Address, Cell, Sheet


class OtherLabel(NamedTuple):
    """A label of a form whose quantity is not known, and the place in the matrix beside it.

    Attributes:
        cell: the cell of the label.
        text: the label as it is written.
        place: row and column in the matrix, from 1; () if there is one value.
    """

    cell: Cell
    text: str
    place: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What the same label elsewhere has, too: the text without spaces, and the place."""
        return without_spaces(self.text), self.place

    @property
    def shown(self) -> str:
        """The text with the place: ``W1[1,2]``."""
        text = " ".join(self.text.split())
        return f"{text}[{','.join(map(str, self.place))}]" if self.place else text


@dataclass
class Block:
    """One record of a form.

    Attributes:
        sheet: its sheet.
        cells: the cell of each quantity.
        labels: the cell of each quantity's label.
        rows, columns: the first and last row and column of the block's part of the sheet.
        next_cells, next_labels: the same for the parameters of the next record (``new w1``).
        continues: whether the next parameters have plain labels (``w1`` again). They then start
            another record, which is not finished.
        weak: the names whose label is a word or a letter without a number.
        texts: the labels of quantities that two headers name.
        heading: the number of the iteration in a heading.
        line_table: the same record as a table in rows, used if the block is the only one.
        others: the cell of the value of each other label.
        next_others: of other labels, the label and the value that they have in the next record.
    """

    sheet: Sheet
    cells: dict[str, Cell]
    labels: dict[str, Cell]
    rows: tuple[int, int]
    columns: tuple[int, int]
    next_cells: dict[str, Cell] = field(default_factory=dict)
    next_labels: dict[str, Cell] = field(default_factory=dict)
    continues: bool = False
    weak: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)
    heading: float | None = None
    line_table: LineTable | None = None
    others: dict[OtherLabel, Cell] = field(default_factory=dict)
    next_others: dict[OtherLabel, tuple[OtherLabel, Cell]] = field(default_factory=dict)

    def address(self, cell: Cell) -> Address:
        """Return a cell of the block's sheet as an address."""
        return Address(self.sheet.title, *cell)

    def contains(self, address: Address) -> bool:
        """Whether a cell is inside the block."""
        return (
            address.sheet == self.sheet.title
            and self.rows[0] <= address.row <= self.rows[1]
            and self.columns[0] <= address.column <= self.columns[1]
        )


class FormTable(Table):
    """A table whose records are blocks of labeled cells, on one sheet or several.

    Attributes:
        repeats: the cells of a block that only repeat a cell of the table in the block before.
    """

    layout = Layout.FORM

    def __init__(
        self,
        blocks: Sequence[Block],
        records: Sequence[Mapping[str, Address]],
        labels: Mapping[str, Address],
        label_cells: Iterable[Address],
        more: Iterable[Column] = (),
        texts: Mapping[str, str] | None = None,
    ) -> None:
        """Place the table.

        Args:
            blocks: the blocks that the records were read from.
            records: the cell of each quantity, per record.
            labels: the first label of each quantity, in their order in the sheet.
            label_cells: all labels.
            more: columns whose quantity is not known.
            texts: the labels that are not those of one cell.
        """
        self.sheet = blocks[0].sheet.title
        self.records = len(records)
        self.names = tuple(labels)
        self.sheets = {block.sheet.title: block.sheet for block in blocks}
        self._records = [dict(record) for record in records]
        self._labels = dict(labels)
        self._label_cells = set(label_cells)
        self._found = {
            address: (name, index)
            for index, record in reversed(list(enumerate(self._records)))
            for name, address in record.items()
        }
        self.repeats: Mapping[Address, Address] = {}
        self._all_blocks = tuple(blocks)
        self._blocks: dict[str, list[Block]] = {}
        for block in blocks:
            self._blocks.setdefault(block.sheet.title, []).append(block)
        self._texts = dict(texts or {})
        self._columns = {name: self._column(name) for name in self.names}
        self.columns = (*self._columns.values(), *more)

    def _column(self, name: str) -> Column:
        header = self._labels[name]
        text = self._texts.get(name) or self.value_at(header)
        cells = tuple(record.get(name) for record in self._records)
        return Column(header, text if isinstance(text, str) else "", "", cells, self.sheets)

    def with_names(self, named: Mapping[str, Column]) -> FormTable:  # noqa: D102
        records: list[dict[str, Address]] = [{} for _ in range(self.records)]
        for name, column in named.items():
            for record, cell in zip(records, column.cells, strict=True):
                if cell is not None:
                    record[name] = cell
        labels = {
            name: column.header for name, column in named.items() if column.header is not None
        }
        known = set(map(id, named.values()))
        more = [column for column in self.columns if id(column) not in known]
        texts = {name: column.text for name, column in named.items()}
        table = FormTable(self._all_blocks, records, labels, self._label_cells, more, texts)
        table.sheets, table.given_sheets = self.sheets, self.given_sheets
        table.repeats = self.repeats
        return table

    def column(self, name: str) -> Column:  # noqa: D102
        return self._columns[name]

    def cell(self, name: str, record: int) -> Address | None:  # noqa: D102
        if not 0 <= record < self.records:
            return None
        return self._records[record].get(name)

    def locate(self, address: Address) -> tuple[str, int] | None:  # noqa: D102
        return self._found.get(self.repeats.get(address, address))

    def is_helper(self, address: Address) -> bool:  # noqa: D102
        return (
            self.locate(address) is None
            and address not in self._label_cells
            and any(block.contains(address) for block in self._blocks.get(address.sheet, ()))
        )

    def header(self, name: str) -> Address:  # noqa: D102
        return self._labels[name]

    def covers(self, address: Address) -> bool:  # noqa: D102
        return self.locate(address) is not None or address in self._label_cells

    @property
    def has_one_block(self) -> bool:
        """Whether all cells of a parameter but the first one are its new value below it."""
        return len(self._all_blocks) == 1

    def labels_of_next(self) -> Iterator[tuple[Address, str]]:
        """Yield the labels of the first block's new parameters, and which parameters they are."""
        block = self._all_blocks[0]
        labels = [(block.next_labels[name], cell) for name, cell in block.next_cells.items()]
        labels += [(label.cell, cell) for label, cell in block.next_others.values()]
        for label, cell in labels:
            located = self.locate(block.address(cell))
            if located is not None:
                yield block.address(label), located[0]
