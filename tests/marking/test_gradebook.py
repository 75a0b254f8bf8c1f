"""The course system's CSV comes back with points and comments, every other byte kept."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fixtures.commands import invoke
from fixtures.course_mistakes import MISTAKES
from fixtures.course_systems import (
    ASSIGNMENT,
    ASSIGNMENT_COLUMN,
    DIALECTS,
    JANE,
    JOERG,
    MOODLE_WORDS,
    MOODLES_CSV,
    PEOPLE,
    WRONG_FILES,
    ZOE,
    Dialect,
    Person,
    Sent,
    as_folder,
    as_zip,
    canvas,
    canvas_gradebook,
    imported_by_moodle,
    moodle_flat,
    moodle_folders,
    moodle_worksheet,
    people_in,
    raw_fields,
    value_of,
    zipped,
)
from fixtures.handing_out import (
    SPARE,
    Handout,
    check_assignment,
    hand_out,
    write_exercise,
)
from fixtures.sampling import some_of
from fixtures.student_workbooks import book_of
from oracles.office_package import Package

from backprop_sheet.audit import batch

GRADE, COMMENT = 4, 9  # columns of Moodle's grading worksheet
W3 = MISTAKES["w3 with h1's slope"].changes
POINTS = {JANE: 10.0, JOERG: 9.375}  # and ZOE sent a .csv; the others, nothing


@dataclass(frozen=True)
class Group:
    """Three hand-ins of a class."""

    handout: Handout
    folder: Path

    def marked(self, gradebook: bytes, tmp_path: Path, *options: object) -> bytes:
        path = tmp_path / "grades 2026.csv"
        path.write_bytes(gradebook)
        check_assignment(
            self.folder, self.handout, tmp_path / "marks.xlsx", "--gradebook", path, *options
        )
        assert path.read_bytes() == gradebook, "the export itself is never changed"
        return path.with_name(f"grades 2026{SPARE}.csv").read_bytes()


def _group(made_once: Any, kind: str) -> Group:
    def make(folder: Path) -> None:
        folder.mkdir()
        rows = moodle_worksheet() if kind == "Moodle" else canvas_gradebook()
        (folder / "r.csv").write_bytes(Dialect().write(rows))
        made = hand_out(folder / "out", folder / "r.csv", write_exercise(folder))
        sent = [Sent(ZOE, "values.csv", WRONG_FILES["values.csv"])]
        for person, changes in ((JANE, {}), (JOERG, W3)):
            own = made.numbers[str(person.moodle if kind == "Moodle" else person.canvas)]
            path = book_of(own.table(changes=changes)).write(folder / "x.xlsx")
            sent.append(Sent(person, "hw.xlsx", path.read_bytes()))
        layout = moodle_folders if kind == "Moodle" else canvas
        as_folder(layout(sent), folder / "class")

    folder = made_once(f"marks in {kind}", make)
    return Group(Handout(folder / "out", ""), folder / "class")


@pytest.fixture(scope="module")
def moodle(made_once: Any) -> Group:
    return _group(made_once, "Moodle")


@pytest.fixture(scope="module")
def in_canvas(made_once: Any) -> Group:
    return _group(made_once, "Canvas")


def assert_filled(
    before: bytes,
    after: bytes,
    dialect: Dialect,
    columns: set[int],
    row_of: Callable[[Person], int],
) -> dict[Person, list[str]]:
    """Only these columns of students' rows differ; returns each student's row."""
    bom = b"\xef\xbb\xbf" if dialect.encoding == "utf-8-sig" else b""
    assert after.startswith(bom) and before[:2] == after[:2], "the byte order mark"
    was, became = raw_fields(before, dialect), raw_fields(after, dialect)
    assert [len(row) for row in was] == [len(row) for row in became]
    rows = {row_of(person): person for person in people_in(dialect)}
    for number, (old, new) in enumerate(zip(was, became, strict=True)):
        for column, (left, right) in enumerate(zip(old, new, strict=True)):
            if number not in rows or column not in columns:
                assert left == right, (number, column)
    ends = re.findall(r"\r\n|\n|\r", _outside_quotes(after.decode(dialect.encoding)))
    assert set(ends) == {dialect.newline}
    return {
        person: [value_of(field) for field in became[number]] for number, person in rows.items()
    }


def _outside_quotes(text: str) -> str:
    return re.sub(r'"(?:[^"]|"")*"', "", text)


def assert_points(row: list[str], column: int, person: Person, decimal: str) -> None:
    if person not in POINTS:
        assert row[column] in ("", "0", f"0{decimal}0", f"0{decimal}00")
        return
    assert re.fullmatch(rf"\d+(\{decimal}\d+)?", row[column]), row[column]
    assert float(row[column].replace(",", ".")) == pytest.approx(POINTS[person], abs=0.006)


# ---------------------------------------------------------------------------------------------
# Moodle


@pytest.mark.parametrize("dialect", DIALECTS)
def test_moodles_worksheet(dialect: str, moodle: Group, tmp_path: Path):
    chosen = DIALECTS[dialect]
    before = chosen.write(moodle_worksheet(people_in(chosen)))
    after = moodle.marked(before, tmp_path)
    order = list(people_in(chosen))
    rows = assert_filled(before, after, chosen, {GRADE, COMMENT}, lambda p: 1 + order.index(p))
    for person, row in rows.items():
        assert_points(row, GRADE, person, ".")
    assert "w3" in rows[JOERG][COMMENT] and "?E" not in rows[JOERG][COMMENT], "cp1252 has no ∂"
    assert ".csv" in rows[ZOE][COMMENT]
    assert not re.search("wrong|mistake", rows[JANE][COMMENT])


@pytest.mark.parametrize("language", MOODLE_WORDS)
def test_translated_headers(language: str, moodle: Group, tmp_path: Path):
    """Columns are known by what is in them; points have the file's decimal sign."""
    decimal = MOODLE_WORDS[language].decimal
    before = MOODLES_CSV.write(moodle_worksheet(language=language))
    after = moodle.marked(before, tmp_path)
    order = list(PEOPLE)
    rows = assert_filled(before, after, MOODLES_CSV, {GRADE, COMMENT}, lambda p: 1 + order.index(p))
    for person, row in rows.items():
        assert_points(row, GRADE, person, decimal)


def test_the_order_of_the_gradebook_is_its_own(moodle: Group, tmp_path: Path):
    """Sorted in another way, with somebody new in it and somebody gone."""
    stranger = Person("New", "Student", 55555, 555, "new")
    people = [stranger, *reversed(PEOPLE[:-1])]
    before = MOODLES_CSV.write(moodle_worksheet(people))
    rows = raw_fields(moodle.marked(before, tmp_path), MOODLES_CSV)
    assert rows[1] == raw_fields(before, MOODLES_CSV)[1], "nothing is known about the new one"
    assert_points([value_of(field) for field in rows[1 + people.index(JOERG)]], GRADE, JOERG, ".")


def test_comments_cannot_become_formulas(moodle: Group, tmp_path: Path):
    before = MOODLES_CSV.write(moodle_worksheet())
    after = raw_fields(moodle.marked(before, tmp_path), MOODLES_CSV)
    assert not any(value_of(row[COMMENT]).startswith(tuple("=+-@\t")) for row in after)


def test_nothing_is_told_that_the_level_forbids(moodle: Group, tmp_path: Path):
    before = MOODLES_CSV.write(moodle_worksheet())
    after = raw_fields(moodle.marked(before, tmp_path, "--feedback", "verdict"), MOODLES_CSV)
    joerg = value_of(after[1 + PEOPLE.index(JOERG)][COMMENT])
    assert "w3" not in joerg and "a_h1" not in joerg


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), None),
        (("--points", 10), None),
        (("--points", 20), "Note: points are out of 20 (--points), the gradebook's maximum is 10."),
    ],
    ids=["default", "the same", "other"],
)
def test_which_points_count_is_said(
    options: tuple[object, ...], words: str | None, moodle: Group, tmp_path: Path
):
    path = tmp_path / "g.csv"
    path.write_bytes(MOODLES_CSV.write(moodle_worksheet()))
    arguments = ("check", moodle.folder, "--assignment", moodle.handout.assignment)
    done = invoke(*arguments, "--gradebook", path, "--jobs", 1, *options)
    notes = [line for line in done.stderr.splitlines() if line.startswith("Note: points")]
    assert notes == ([] if words is None else [words])


def test_a_stop_keeps_what_is_done(moodle: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C after the first workbook: its points are written, and what they are of is said."""
    real = batch.run_batch

    def stopped(*arguments: Any, **options: Any) -> Iterator[Any]:
        yield next(real(*arguments, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "run_batch", stopped)
    before = MOODLES_CSV.write(moodle_worksheet())
    path, report = tmp_path / "g.csv", tmp_path / "marks.csv"
    path.write_bytes(before)
    arguments = ("check", moodle.folder, "--assignment", moodle.handout.assignment)
    done = invoke(*arguments, "--gradebook", path, "--report", report, "--jobs", 1)
    assert done.exit_code == 130
    said = "Stopped: 1 of 2 workbooks were checked; the report and the gradebook have only these."
    assert said in done.stderr.splitlines()
    assert report.exists()
    rows = raw_fields(path.with_name(f"g{SPARE}.csv").read_bytes(), MOODLES_CSV)
    was = raw_fields(before, MOODLES_CSV)
    jane, joerg = (1 + PEOPLE.index(person) for person in (JANE, JOERG))
    assert_points([value_of(field) for field in rows[jane]], GRADE, JANE, ".")
    assert rows[joerg] == was[joerg], "who was not checked keeps the grade, without a comment"


# ---------------------------------------------------------------------------------------------
# Canvas


def row_in(rows: list[list[str]], person: Person) -> int:
    return next(n for n, row in enumerate(rows) if str(person.canvas) in row)


@pytest.mark.parametrize(
    "options",
    some_of([{}, {"manual_posting": True}, {"split_names": True}, {"other_assignments": True}], 2),
    ids=str,
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_canvas_gradebook(dialect: str, options: dict[str, Any], in_canvas: Group, tmp_path: Path):
    """One column, in the rows of students: not the points possible, not the test student."""
    chosen = DIALECTS[dialect]
    rows = canvas_gradebook(people_in(chosen), **options)
    column = rows[0].index(ASSIGNMENT)
    assert column == ASSIGNMENT_COLUMN + bool(options.get("split_names"))
    before = chosen.write(rows)
    after = in_canvas.marked(before, tmp_path)
    filled = assert_filled(before, after, chosen, {column}, lambda p: row_in(rows, p))
    for person, row in filled.items():
        assert_points(row, column, person, ".")


def test_canvas_with_decimal_commas(in_canvas: Group, tmp_path: Path):
    dialect = DIALECTS["Canvas in Europe"]
    rows = canvas_gradebook(decimal=",")
    before = dialect.write(rows)
    after = in_canvas.marked(before, tmp_path)
    columns = {ASSIGNMENT_COLUMN}
    filled = assert_filled(before, after, dialect, columns, lambda p: row_in(rows, p))
    for person, row in filled.items():
        assert_points(row, ASSIGNMENT_COLUMN, person, ",")


# ---------------------------------------------------------------------------------------------
# What is refused


@pytest.mark.parametrize(
    "content",
    [
        b"", b"a,b\n1,2\n", b"PK\x03\x04" + bytes(50), b"\x00" * 500,
        b'Student,ID,SIS Login ID,Section\n"Doe, Jane",11,jane-doe,1\n',
    ],
    ids=["empty", "another table", "a workbook", "binary", "no assignment"],
)  # fmt: skip
def test_what_is_no_gradebook_is_refused(content: bytes, moodle: Group, tmp_path: Path):
    path = tmp_path / "g.csv"
    path.write_bytes(content)
    arguments = ("--assignment", moodle.handout.assignment, "--gradebook", path)
    done = invoke("check", moodle.folder, *arguments)
    assert done.exit_code == 2 and "g.csv" in done.output
    assert [one.name for one in tmp_path.iterdir()] == ["g.csv"]


def test_a_gradebook_of_others_is_refused(moodle: Group, tmp_path: Path):
    """Nobody of the class is in it: probably another course's."""
    path = tmp_path / "g.csv"
    strangers = [Person("S", f"T{n}", 900 + n, n, f"s{n}") for n in range(5)]
    path.write_bytes(MOODLES_CSV.write(moodle_worksheet(strangers)))
    arguments = ("--assignment", moodle.handout.assignment, "--gradebook", path)
    done = invoke("check", moodle.folder, *arguments)
    assert done.exit_code == 2 and "g.csv" in done.output


# ---------------------------------------------------------------------------------------------
# The zip that Moodle's feedback upload takes


LAYOUTS: dict[str, Callable[[list[Sent]], dict[str, bytes]]] = {
    "before 4.1": moodle_folders,
    "since 4.1": lambda sent: moodle_folders(sent, end=""),
    "flat": moodle_flat,
    "anonymous": lambda sent: moodle_folders(sent, "Participant"),
}


@pytest.mark.parametrize("is_zip", some_of([False, True], 1), ids=["from a folder", "from a zip"])
@pytest.mark.parametrize("layout", some_of(LAYOUTS, 2))
def test_moodle_takes_the_marked_zip(layout: str, is_zip: bool, moodle: Group, tmp_path: Path):
    """Each file reaches its student under its own name, as the importer's own code decides."""
    own = moodle.handout.numbers
    sent = []
    for person in PEOPLE:
        path = book_of(own[str(person.moodle)].table(changes=W3)).write(tmp_path / "x.xlsx")
        sent.append(Sent(person, "Übung 3, it's done.xlsx", path.read_bytes()))
    sent.append(Sent(ZOE, "notes.pdf", WRONG_FILES["scan.pdf"]))
    sent[-2] = Sent(PEOPLE[-1], "hw.zip", zipped({"in/hw.xlsx": sent[-2].content}))
    files = LAYOUTS[layout](sent)
    where = as_zip(files, tmp_path / "c.zip") if is_zip else as_folder(files, tmp_path / "class")
    target = tmp_path / "marked.zip"
    check_assignment(where, moodle.handout, tmp_path / "marks.xlsx", "--annotate", target)
    reached = {}
    participants = [person.moodle for person in PEOPLE]
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            found = imported_by_moodle(entry.filename, participants)
            assert found is not None, entry.filename
            reached[found[0]] = found[1]
            assert entry.filename.isascii() or entry.flag_bits & 0x800, "names are UTF-8"
            copy = tmp_path / "copy.xlsx"
            copy.write_bytes(archive.read(entry))
            assert "Feedback" in Package(copy).sheets
    assert set(reached) == set(participants)
    assert set(reached.values()) <= {
        "Übung 3, its done.xlsx",
        "hw.xlsx",
        "in/hw.xlsx",
    }
