"""Fields of a CSV file change, and no other byte of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.course_systems import (
    ASSIGNMENT,
    DIALECTS,
    MOODLE_WORDS,
    MOODLES_CSV,
    Dialect,
    canvas_gradebook,
    moodle_worksheet,
    people_in,
    raw_fields,
    value_of,
)

from backprop_sheet.handout.csv_table import read_csv
from backprop_sheet.handout.roster import Student
from backprop_sheet.marking.csv_editor import CsvEditor
from backprop_sheet.marking.gradebook import Grade, read_gradebook, rows_of
from gradsheet.errors import InvalidInputError


def edited(content: bytes, fields: dict[tuple[int, int], str], folder: Path) -> bytes:
    (folder / "g.csv").write_bytes(content)
    return CsvEditor(read_csv(folder / "g.csv")).edited(fields)


@pytest.mark.parametrize(
    "content",
    [
        b'a,b\r\n"x ""y"", z",2\r\n', b"a;b\n1;2\n\n3;4", b"a,b\n1,\n", b'a,b\n"two\nlines",2\n',
        b'a,b\n1,"unended', b"a,b\r1,2\r", b'a,b\nx"y,2\n"z"w,3\n',
        b"a,b\n" + bytes([129]) + b",2\n",
    ],
    ids=str,
)  # fmt: skip
def test_without_changes_nothing_changes(content: bytes, tmp_path: Path) -> None:
    assert edited(content, {}, tmp_path) == content


def test_the_field_that_python_reads_is_the_one_that_changes(tmp_path: Path) -> None:
    content = b'a,b\r\n"x ""y"",\r\n z",2\r\n\r\n1,\r\n3,4'
    table_rows = [list(row) for row in _rows(content, tmp_path)]
    for row, cells in enumerate(table_rows):
        for column in range(len(cells)):
            after = edited(content, {(row, column): "new"}, tmp_path)
            changed = [list(cells) for cells in table_rows]
            changed[row][column] = "new"
            assert [list(cells) for cells in _rows(after, tmp_path)] == changed


def _rows(content: bytes, folder: Path) -> list[tuple[str, ...]]:
    (folder / "r.csv").write_bytes(content)
    table = read_csv(folder / "r.csv")
    rows = [table.header, *table.rows]
    return [row if any(row) else () for row in rows]


@pytest.mark.parametrize(
    ("value", "written"),
    [("1", b"1"), ("a b", b'"a b"'), ("1,5", b'"1,5"'), ('"', b'""""'), ("", b"")],
)
def test_quotes_where_they_are_needed(value: str, written: bytes, tmp_path: Path) -> None:
    assert edited(b"a,b\nx,y\n", {(1, 1): value}, tmp_path) == b"a,b\nx," + written + b"\n"


def test_a_quoted_field_stays_quoted(tmp_path: Path) -> None:
    assert edited(b'"a","b"\n"x",""\n', {(1, 1): "1"}, tmp_path) == b'"a","b"\n"x","1"\n'


def test_signs_that_the_encoding_lacks(tmp_path: Path) -> None:
    content = "a;b\nMüller;\n".encode("cp1252")
    after = edited(content, {(1, 1): "∂E/∂w3 η ł ½ 李"}, tmp_path)
    assert after.decode("cp1252") == 'a;b\nMüller;"dE/dw3 eta ? ½ ?"\n'


@pytest.mark.parametrize("language", MOODLE_WORDS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_moodles_columns(dialect: str, language: str, tmp_path: Path) -> None:
    chosen = DIALECTS[dialect]
    people = people_in(chosen)
    before = chosen.write(moodle_worksheet(people, language))
    (tmp_path / "g.csv").write_bytes(before)
    gradebook = read_gradebook(tmp_path / "g.csv", "")
    assert gradebook.maximum == 10
    places = rows_of(gradebook, [Student(str(one.moodle), one.name) for one in people])
    assert places == list(range(1, len(people) + 1))
    after = gradebook.filled({places[1] or 0: Grade(9.375, "=w3 is wrong\nhere")})
    was, became = raw_fields(before, chosen), raw_fields(after, chosen)
    different = [
        (row, column)
        for row, cells in enumerate(was)
        for column, cell in enumerate(cells)
        if cell != became[row][column]
    ]
    assert different == [(2, 4), (2, 9)]
    point = MOODLE_WORDS[language].decimal
    assert value_of(became[2][4]) == f"9{point}38"
    assert value_of(became[2][9]) == "w3 is wrong here"


def test_a_locked_grade_stays(tmp_path: Path) -> None:
    rows = moodle_worksheet()
    rows[1][6] = "No"
    (tmp_path / "g.csv").write_bytes(MOODLES_CSV.write(rows))
    assert 1 not in read_gradebook(tmp_path / "g.csv", "").students


def test_several_assignments_in_canvas(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_bytes(Dialect().write(canvas_gradebook(other_assignments=True)))
    assert read_gradebook(path, "backpropagation by Hand").columns.grade == 5
    assert read_gradebook(path, "Exam").maximum == 100
    with pytest.raises(
        InvalidInputError, match='"Backpropagation by hand", "Essay, draft" and "Exam"'
    ):
        read_gradebook(path, "Something else")
    assert read_gradebook(path, "Something else", "exam").maximum == 100
    assert read_gradebook(path, "Exam", ASSIGNMENT).columns.grade == 5
    with pytest.raises(InvalidInputError, match='no assignment "Something", but'):
        read_gradebook(path, "Exam", "Something")
