"""The values of a form's labels: one beside each, or a matrix of cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile

from backprop_sheet.audit.find.cross_tables import MAX_SIDE, cross_tables
from backprop_sheet.audit.find.form_tables import OtherLabel
from backprop_sheet.audit.read.header_text import visible
from backprop_sheet.audit.read.labels import is_value
from backprop_sheet.audit.read.spellings import meaning_of
from backprop_sheet.audit.read.workbook import Cell, Sheet

MAX_TEXT = 40  # characters of a label; longer texts are sentences
MAX_SIGN = 4  # characters of "=" or a unit between a label and its value
MAX_EMPTY = 6  # columns from a label to its value
MAX_TEXTS = 20_000  # of a sheet in which matrices and explanations are looked for
MIN_EXPLAINED = 6  # labels whose values are behind an explanation
MIN_MATRICES = 4  # labels with more than one value, in a form of matrices

Matrices = Mapping[Cell, list[tuple[OtherLabel, Cell]]]


def is_label(text: str) -> bool:
    """Whether a text may be the label of a value."""
    text = visible(text)
    return len(text) <= MAX_TEXT and any(sign.isalnum() for sign in text)


def values_are_right(sheet: Sheet) -> bool:
    """Whether most texts have values to their right; else they have them below."""
    right = below = 0
    for (row, column), text in sheet.texts:
        if is_label(text):
            has_right, has_below = (
                is_value(sheet, cell) for cell in ((row, column + 1), (row + 1, column))
            )
            right += has_right and not has_below
            below += has_below and not has_right
    return right >= below


def explanation_columns(sheet: Sheet) -> frozenset[int]:
    """Return the columns of texts between labels and values: ``net h1 | i1*w1 + i2*w2 | 0.3775``.

    The column before has a label in almost each row, and most texts are no known labels.
    """
    texts = dict(sheet.texts)
    if len(texts) > MAX_TEXTS:
        return frozenset()
    beside: dict[int, list[str]] = {}
    labeled: Counter[int] = Counter()
    for (row, column), text in texts.items():
        label = texts.get((row, column - 1))
        if is_value(sheet, (row, column + 1)):
            beside.setdefault(column, []).append(text)
            if label is not None and is_label(label):
                labeled[column] += label != texts.get((row - 1, column - 1))
    return frozenset(
        column
        for column, found in beside.items()
        if labeled[column] >= max(MIN_EXPLAINED, 0.8 * len(found)) and not _are_known(found)
    )


def _are_known(texts: Sequence[str]) -> bool:
    """Whether most texts name quantities."""
    return 2 * sum(meaning_of(text) is not None for text in texts) >= len(texts)


def value_beside(
    sheet: Sheet,
    cell: Cell,
    known: Collection[Cell] = (),
    explanations: Collection[int] = (),
    *,
    is_right: bool,
) -> Cell | None:
    """Return the cell of a label's value, behind "=", a unit or an explanation, or None.

    Args:
        known: cells of labels, which are no units.
        explanations: the columns that texts may be in between.
    """
    row, column = cell
    near = next_column(sheet, column)
    right = ((row, near), (row, next_column(sheet, near)))
    for value in right if is_right else ((row + 1, column),):
        if is_value(sheet, value):
            return value
        between = sheet.values.get(value)
        is_between = value[1] in explanations or (
            between is None or (isinstance(between, str) and len(between) <= MAX_SIGN)
        )
        if value in known or not is_between:
            return None
    return None


def next_column(sheet: Sheet, column: int) -> int:
    """Return the column to the right of another one, without those that are empty everywhere.

    Labels may be merged with such columns, or written across them.
    """
    across = range(column + 1, column + 1 + MAX_EMPTY)
    return next((one for one in across if one in sheet.columns), column + 1)


# --- matrices ---


def matrices_of(sheet: Sheet) -> Matrices:
    """Return the values of the labels beside or above matrices, if the sheet is a form of such.

    At least one has several rows and columns: two numbers beside a label may be a value and the
    book's. A label that is part of a table with names on two sides may have none.
    """
    if len(sheet.texts) > MAX_TEXTS:
        return {}
    texts = {cell: text for cell, text in sheet.texts if is_label(text)}
    if crossed := cross_tables(sheet, texts):
        return crossed
    matrices = {
        cell: rows for cell in texts if len(rows := _matrix(sheet, cell)) * len(rows[0]) > 1
    }
    found: dict[Cell, list[tuple[OtherLabel, Cell]]] = {}
    has_square = False
    for cell, rows in matrices.items():
        text = texts[cell]
        if meaning_of(text) is None and _are_records(rows, matrices):
            continue
        has_square |= len(rows) > 1 and len(rows[0]) > 1
        found[cell] = [
            (OtherLabel(cell, text, _place(rows, i, j)), value)
            for i, row in enumerate(rows)
            for j, value in enumerate(row)
        ]
    return found if has_square and len(found) >= MIN_MATRICES else {}


def _are_records(rows: list[list[Cell]], matrices: Mapping[Cell, list[list[Cell]]]) -> bool:
    """Whether rows go on below a comment, with a column of a table in each of their columns."""
    columns = {
        column: (row, len(others))
        for (row, column), others in matrices.items()
        if row < rows[0][0][0] and len(others[0]) == 1 and others[0][0][1] == column
    }
    above = {columns.get(column) for _, column in rows[0]}  # headers, and how many rows they have
    return len(rows[0]) > 1 and len(above) == 1 and None not in above


def _place(rows: list[list[Cell]], i: int, j: int) -> tuple[int, ...]:
    """Return the place of a value in a matrix: one number in a vector."""
    if len(rows[0]) == 1:
        return (i + 1,)
    return (j + 1,) if len(rows) == 1 else (i + 1, j + 1)


def _matrix(sheet: Sheet, label: Cell) -> list[list[Cell]]:
    """Return the cells of the matrix to the right of a label, or below it; [[]] if there is none.

    Beside a label, its column is empty below it; above a matrix, its row is empty beside it.
    """
    row, column = label
    is_right = is_value(sheet, (row, column + 1))
    top, left = (row, column + 1) if is_right else (row + 1, column)

    def is_free(cell: Cell) -> bool:
        return cell == label or not (cell in sheet.values or cell in sheet.formulas)

    def cells(line: int) -> Iterator[Cell]:
        line_of = ((line, left + step) for step in range(MAX_SIDE + 1))
        return takewhile(lambda cell: is_value(sheet, cell), line_of)

    width = sum(1 for _ in takewhile(lambda cell: is_right or is_free((row, cell[1])), cells(top)))
    if not 0 < width <= MAX_SIDE:
        return [[]]
    rows = []
    for line in range(top, top + MAX_SIDE + 1):
        if (is_right and not is_free((line, column))) or sum(1 for _ in cells(line)) < width:
            break
        rows.append([(line, left + step) for step in range(width)])
    return rows if len(rows) <= MAX_SIDE else [[]]
