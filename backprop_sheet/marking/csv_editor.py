"""Change fields of a CSV file and keep every other byte of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cached_property

from backprop_sheet.handout.csv_table import CsvTable

# What an encoding such as cp1252 does not have, as one would type it.
_TYPED = {
    "∂": "d", "η": "eta", "δ": "delta", "σ": "sigma", "Δ": "Delta", "Σ": "Sum", "−": "-",
    "→": "->", "≠": "!=", "≤": "<=", "≥": ">=", "√": "sqrt", "⅓": "1/3", "′": "'",
}  # fmt: skip

Cell = tuple[int, int]  # a row of the file, the header is row 0, and a column


class CsvEditor:
    """The fields of a CSV file as they are written, quotes included."""

    def __init__(self, table: CsvTable) -> None:
        self._table = table

    @cached_property
    def _spans(self) -> list[list[tuple[int, int]]]:
        """Where each field of each row is in the text."""
        return list(_field_spans(self._table.text, self._table.delimiter))

    def edited(self, fields: Mapping[Cell, str]) -> bytes:
        """Return the file's content with some fields changed; cells that it lacks are left out."""
        text, parts, end = self._table.text, [], 0
        for (row, column), value in sorted(fields.items()):
            spans = self._spans[row] if row < len(self._spans) else []
            if column >= len(spans):
                continue
            start, stop = spans[column]
            parts += [text[end:start], self._written(value, text[start:stop])]
            end = stop
        parts.append(text[end:])
        content = "".join(parts).encode(self._table.encoding, "surrogateescape")
        return self._table.byte_order_mark + content

    def _written(self, value: str, before: str) -> str:
        """Return a field as it is written, quoted if it was or needs to be."""
        value = encodable(value, self._table.encoding)
        must = re.search(rf'[\s"{re.escape(self._table.delimiter)}]', value)
        if before.startswith('"') or must:
            return '"' + value.replace('"', '""') + '"'
        return value


def encodable(text: str, encoding: str) -> str:
    """Return a text with other signs for those that an encoding does not have."""

    def sign_of(sign: str) -> str:
        try:
            sign.encode(encoding)
        except UnicodeEncodeError:
            plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode("ascii")
            return _TYPED.get(sign) or plain or "?"
        return sign

    return "".join(map(sign_of, text))


def _field_spans(text: str, delimiter: str) -> Iterator[list[tuple[int, int]]]:
    """Yield where the fields of each row are, as Python's module csv reads them."""
    # A quoted field, what may follow its end, and the sign that ends it.
    quoted = rf'"(?:[^"]|"")*(?:"|\Z)[^{re.escape(delimiter)}\r\n]*'
    field = re.compile(
        rf"({quoted}|[^{re.escape(delimiter)}\r\n]*)({re.escape(delimiter)}|\r\n?|\n|\Z)"
    )
    position = 0
    row: list[tuple[int, int]] = []
    while position < len(text) or row:
        match = field.match(text, position)
        assert match is not None  # the second alternative fits everything
        row.append(match.span(1))
        position = match.end()
        if match[2] != delimiter:
            yield row
            row = []
