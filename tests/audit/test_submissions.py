"""What course systems give: folders and zips in which everybody has a row, and the last counts."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fixtures.commands import ENVIRONMENT, command
from fixtures.course_mistakes import MISTAKES
from fixtures.course_systems import (
    ANNA,
    BOB,
    JANE,
    JOERG,
    KIM_1,
    KIM_2,
    LI,
    LUKASZ,
    MARIA,
    NUMBERED,
    PEOPLE,
    SYSTEMS,
    WRONG_FILES,
    ZOE,
    Dialect,
    Person,
    Sent,
    as_folder,
    as_zip,
    canvas,
    canvas_gradebook,
    each_in_a_zip,
    moodle_flat,
    moodle_folders,
    moodle_worksheet,
    zipped,
)
from fixtures.handing_out import (
    COURSE_NUMBERS,
    Checked,
    Handout,
    check_assignment,
    hand_out,
    points_of,
    run_check,
    words_of,
    write_exercise,
)
from fixtures.hostile_zips import ELSEWHERE, hostile_zips
from fixtures.sampling import some_of
from fixtures.student_workbooks import Table, book_of

W3 = MISTAKES["w3 with h1's slope"].changes  # costs 5/8 of a point, see test_points.py

# ---------------------------------------------------------------------------------------------
# Rosters as the system has them, so that its numbers are those in the names of files

ROSTERS: dict[str, tuple[Callable[[], list[list[str]]], Callable[[Person], str]]] = {
    "Moodle": (moodle_worksheet, lambda person: str(person.moodle)),
    "Canvas": (canvas_gradebook, lambda person: str(person.canvas)),
    "GitHub": (
        lambda: [["id", "name"], *([one.github, one.name] for one in PEOPLE)],
        lambda person: person.github,
    ),
}


@dataclass(frozen=True)
class Group:
    """A class with the numbers of each student, under the ids of a course system."""

    handout: Handout
    id_of: Callable[[Person], str]

    def table(self, person: Person, **options: Any) -> Table:
        return self.handout.numbers[self.id_of(person)].table(**options)

    def workbook(self, person: Person, **options: Any) -> bytes:
        return _written(self.table(person, **options))

    def row(self, checked: Checked, person: Person) -> dict[str, Any]:
        """The student's row: by the id if the name is not the only one."""
        return checked.mark(self.id_of(person) if person in (KIM_1, KIM_2) else person.name)


def _written(table: Table) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return book_of(table).write(Path(folder) / "x.xlsx").read_bytes()


@pytest.fixture(scope="module")
def groups(made_once: Any) -> Callable[[str], Group]:
    @cache
    def group(system: str) -> Group:
        kind = next((one for one in ("Canvas", "GitHub") if one in system), "Moodle")
        roster, id_of = ROSTERS[kind]

        def make(folder: Path) -> None:
            folder.mkdir()
            (folder / "r.csv").write_bytes(Dialect().write(roster()))
            hand_out(folder / "out", folder / "r.csv", write_exercise(folder))

        return Group(Handout(made_once(f"group {kind}", make) / "out", ""), id_of)

    return group


# ---------------------------------------------------------------------------------------------
# A class in which everything happens


def everything(group: Group, is_numbered: bool) -> list[Sent]:
    files = [
        Sent(JANE, "hw.xlsx", group.workbook(JANE, changes=W3)),
        Sent(JOERG, "Übung 3.xlsx", group.workbook(JOERG), late=True),
        Sent(ZOE, "values.csv", WRONG_FILES["values.csv"]),
        Sent(ANNA, "Backprop.numbers", WRONG_FILES["Backprop.numbers"]),
        Sent(LUKASZ, "scan.pdf", WRONG_FILES["scan.pdf"]),
        Sent(LUKASZ, "onlinetext.html", WRONG_FILES["onlinetext.html"]),
        Sent(LI, "locked.xlsx", WRONG_FILES["locked.xlsx"]),
        *each_in_a_zip([Sent(MARIA, "it's mine.xlsx", group.workbook(MARIA))]),
        Sent(JANE, "hw2.xlsx", group.workbook(JANE)),
    ]
    if is_numbered:  # otherwise, nothing tells them apart
        files.append(Sent(KIM_1, "hw.xlsx", group.workbook(KIM_1)))
        files.append(Sent(KIM_2, "hw.xlsx", group.workbook(KIM_2, changes=W3)))
    return files


# Each student's points (None: nothing to mark), and what the row must say.
EXPECTED: dict[Person, tuple[float | None, str]] = {
    JANE: (10.0, r"hw\.xlsx"),  # hw2.xlsx counts, the other one is named
    JOERG: (10.0, ""),
    ZOE: (None, r"\.csv"),
    ANNA: (None, r"\.numbers"),
    KIM_1: (10.0, ""),
    KIM_2: (9.375, "a_h1"),
    LUKASZ: (None, r"\.pdf"),
    LI: (None, "password"),
    MARIA: (10.0, ""),
    BOB: (None, "nothing"),
}


def as_is(files: dict[str, bytes], folder: Path) -> Path:
    return as_folder(files, folder / "class")


def packed(files: dict[str, bytes], folder: Path) -> Path:
    return as_zip(files, folder / "Course-Exercise 3-4711.zip")


def packed_twice(files: dict[str, bytes], folder: Path) -> Path:
    """Two groups' exports in one zip; what one student sent stays together."""
    halves: tuple[dict[str, bytes], dict[str, bytes]] = ({}, {})
    for name, content in files.items():
        halves["Jane" in name or "jane" in name][name] = content
    return as_zip(
        {"group 1.zip": zipped(halves[0]), "b/group 2.zip": zipped(halves[1])},
        folder / "both.zip",
    )


def assert_everybody(checked: Checked, group: Group, people: Iterable[Person]) -> None:
    for person in people:
        points, word = EXPECTED[person]
        row = group.row(checked, person)
        if points is None:
            assert points_of(row) in (None, 0), person
        else:
            assert points_of(row) == pytest.approx(points, abs=0.006), (person, row)
        assert re.search(word, words_of(row), re.I), (person, row)


@pytest.mark.parametrize(
    "form",
    [as_is, *(pytest.param(form, marks=pytest.mark.thorough) for form in (packed, packed_twice))],
)
@pytest.mark.parametrize("system", some_of(SYSTEMS, 2))
def test_everybody_has_a_row(
    system: str,
    form: Callable[[dict[str, bytes], Path], Path],
    groups: Callable[[str], Group],
    tmp_path: Path,
):
    group, is_numbered = groups(system), system in NUMBERED
    where = form(SYSTEMS[system](everything(group, is_numbered)), tmp_path)
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert len(checked.marks) == len(PEOPLE), "one row each, also for who sent nothing"
    alone = [one for one in PEOPLE if is_numbered or one not in (KIM_1, KIM_2)]
    assert_everybody(checked, group, alone)
    if system == "Canvas":
        assert re.search("late", words_of(group.row(checked, JOERG)), re.I)
    # The rows are in the roster's order, which is the gradebook's.
    names = [one.name for one in PEOPLE]
    shown = [next(name for name in names if name in row.values()) for row in checked.marks]
    assert shown == names


def test_two_of_one_name_are_not_mixed_up(groups: Callable[[str], Group], tmp_path: Path):
    """Where only the name is known, nobody gets the other's points without a word."""
    group = groups("folders")
    files = {"Kim Lee/hw.xlsx": group.workbook(KIM_1)}
    where = as_folder(files, tmp_path / "class")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    rows = [row for row in checked.marks if "Kim Lee" in row.values()]
    said = " ".join([*map(words_of, rows), checked.output])
    assert re.search(r"two students|several students|more than one|2 students|same name", said)


def test_a_stranger_has_a_row_of_its_own(groups: Callable[[str], Group], tmp_path: Path):
    """A file of somebody who is not in the roster: after the students, and credited to nobody."""
    group = groups("Moodle")
    stranger = Person("Guest", "Auditor", 77777, 777, "guest")
    sent = [
        Sent(JANE, "hw.xlsx", group.workbook(JANE)),
        Sent(stranger, "hw.xlsx", group.workbook(JOERG)),
    ]
    where = as_folder(moodle_folders(sent), tmp_path / "class")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert len(checked.marks) == len(PEOPLE) + 1
    assert stranger.name in words_of(checked.marks[-1])
    assert points_of(group.row(checked, JOERG)) in (None, 0)


@pytest.mark.parametrize(
    "name",
    [
        "DOE, Jane",
        "jane doe",
        "Doe Jane",
        "Jane  DOE",
        "Jane_Doe",
        "jane.doe",
        "Jane Doe - backprop",
        "backprop Jane Doe",
        "Jane Doe (late)",
    ],
)
def test_names_as_people_write_them(name: str, groups: Callable[[str], Group], tmp_path: Path):
    group = groups("folders")
    where = as_folder({f"{name}/hw.xlsx": group.workbook(JANE)}, tmp_path / "class")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert points_of(group.row(checked, JANE)) == 10
    assert len(checked.marks) == len(PEOPLE)


@pytest.mark.parametrize(
    ("person", "name"),
    [
        (ZOE, "Zoe OBrien"),
        (ZOE, "Zoë O’Brien"),
        (ZOE, "Zoe\u0308 O'Brien"),  # macOS writes letters and their accents apart
        (JOERG, "Jorg Muller Ludenscheidt"),
        (JOERG, "Joerg Mueller-Luedenscheidt"),
        (LUKASZ, "Lukasz Zolc"),
        (LI, "李 小龙"),
        (MARIA, "Maria Jose Gomez Ruiz"),
        (ANNA, "Tann, Anna Maria von der"),
    ],
)
def test_accents_do_not_matter(
    person: Person, name: str, groups: Callable[[str], Group], tmp_path: Path
):
    group = groups("folders")
    where = as_folder({f"{name}/hw.xlsx": group.workbook(person)}, tmp_path / "class")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert points_of(group.row(checked, person)) == 10


@pytest.mark.parametrize("word", ["Participant", "Teilnehmer/in"])
@pytest.mark.parametrize("layout", [moodle_folders, moodle_flat])
def test_anonymous_students_are_known_by_their_number(
    word: str, layout: Any, groups: Callable[[str], Group], tmp_path: Path
):
    group = groups("Moodle")
    sent = [Sent(one, "hw.xlsx", group.workbook(one)) for one in (JANE, KIM_2)]
    where = as_zip(layout(sent, word), tmp_path / "anonymous.zip")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert points_of(group.row(checked, JANE)) == points_of(group.row(checked, KIM_2)) == 10
    assert len(checked.marks) == len(PEOPLE)


def test_the_students_own_folders(groups: Callable[[str], Group], tmp_path: Path):
    """Moodle keeps them; they are no students."""
    group = groups("Moodle")
    sent = [
        Sent(JANE, "hw.xlsx", group.workbook(JANE), folder="session 6/final/"),
        Sent(JOERG, "hw.xlsx", group.workbook(JOERG), folder="Jane Doe's help/"),
    ]
    where = as_folder(moodle_folders(sent, end=""), tmp_path / "class")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert [points_of(group.row(checked, one)) for one in (JANE, JOERG)] == [10, 10]
    assert len(checked.marks) == len(PEOPLE)


# ---------------------------------------------------------------------------------------------
# The last attempt counts


@pytest.mark.parametrize("form", some_of([as_is, packed], 1))
@pytest.mark.parametrize("system", some_of([name for name in SYSTEMS if "folders" not in name], 3))
@pytest.mark.parametrize("attempts", [2, pytest.param(12, marks=pytest.mark.thorough)])
def test_the_last_attempt_counts(
    system: str, form: Any, attempts: int, groups: Callable[[str], Group], tmp_path: Path
):
    """Names count as people do: hw 10 comes after hw 9. All but the last are wrong."""
    group = groups(system)
    wrong, right = group.workbook(JANE, changes=W3), group.workbook(JANE)
    own_name = system not in ("Canvas", "Google Classroom")  # which number the files themselves
    sent = [
        Sent(JANE, f"hw {n + 1}.xlsx" if own_name else "hw.xlsx", wrong) for n in range(attempts)
    ]
    sent[-1] = Sent(JANE, sent[-1].name, right, late=True)
    where = form(SYSTEMS[system](sent), tmp_path)
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    row = group.row(checked, JANE)
    assert points_of(row) == 10
    assert re.search(rf"{attempts - 1} (other|earlier|more)|hw", words_of(row))
    assert len(checked.marks) == len(PEOPLE)


def test_a_later_file_of_another_kind_does_not_count(
    groups: Callable[[str], Group], tmp_path: Path
):
    group = groups("Moodle")
    sent = [
        Sent(JANE, "hw.xlsx", group.workbook(JANE)),
        Sent(JANE, "zz photo.pdf", WRONG_FILES["scan.pdf"]),
        Sent(JANE, "~$hw.xlsx", b"\x05Jane" + bytes(160)),  # Excel's lock file
        Sent(JANE, ".~lock.hw.xlsx#", b",jane,pc,;"),
    ]
    where = as_folder(moodle_folders(sent), tmp_path / "class")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert points_of(group.row(checked, JANE)) == 10


BUG_40 = {
    "flat export of Moodle": (
        ["Jane Doe_101_assignsubmission_file_hw.xlsx",
         "Jane Doe_101_assignsubmission_file_hw2.xlsx"],
        {"Jane Doe": "hw2.xlsx"},
    ),
    "flat export of Canvas": (
        ["doejane_11_2222_sheet.xlsx", "doejane_LATE_11_2223_sheet-1.xlsx",
         "roejohn_12_2224_sheet.xlsx"],
        {"doejane": "sheet-1.xlsx", "roejohn": "sheet.xlsx"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("above", [False, True], ids=["the folder", "the folder above"])
@pytest.mark.parametrize("name", BUG_40)
def test_flat_exports_without_an_assignment(name: str, above: bool, tmp_path: Path):
    """The student is what stands before the numbers, and is counted once."""
    files, students = BUG_40[name]
    right = _written(COURSE_NUMBERS.table())
    folder = as_folder(dict.fromkeys(files, right), tmp_path / "top" / "export")
    checked = run_check(tmp_path / "marks.xlsx", folder.parent if above else folder)
    rows = checked.sheet("Marks", "student")
    assert [row["student"] for row in rows] == list(students)
    for row in rows:
        assert students[row["student"]] in words_of(row), "the last file counts"
    tables = checked.sheet("Tables", "student")
    assert {row["student"] for row in tables} == set(students)


# ---------------------------------------------------------------------------------------------
# .ods


def _ods_cell(content: Any, shown: Any) -> str:
    if content is None:
        return "<table:table-cell/>"
    if isinstance(content, str) and not content.startswith("="):
        text = content.replace("&", "&amp;").replace("<", "&lt;")
        return (
            '<table:table-cell office:value-type="string">'
            f"<text:p>{text}</text:p></table:table-cell>"
        )
    formula = ""
    if isinstance(content, str):
        cells = re.sub(r"(\$?[A-Z]+\$?\d+)(?::(\$?[A-Z]+\$?\d+))?(?![\w(])", _bracketed, content)
        formula = f' table:formula="of:{cells.replace(",", ";")}"'
    return f'<table:table-cell office:value-type="float" office:value="{shown!r}"{formula}/>'


def _bracketed(match: re.Match[str]) -> str:
    return f"[.{match[1]}:.{match[2]}]" if match[2] else f"[.{match[1]}]"


def as_ods(table: Table) -> bytes:
    """A table as OpenDocument, with its formulas."""
    book, names = book_of(table), "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"
    sheets = []
    for sheet, cells in book.sheets.items():
        rows, columns = (range(max(at[axis] for at in cells) + 1) for axis in (0, 1))
        lines = [
            "".join(_ods_cell(cells.get((r, c)), book.shown(sheet, r, c)) for c in columns)
            for r in rows
        ]
        body = "".join(f"<table:table-row>{line}</table:table-row>" for line in lines)
        sheets.append(f'<table:table table:name="{sheet}">{body}</table:table>')
    spaces = " ".join(
        f'xmlns:{prefix}="{names.format(prefix)}"' for prefix in ("office", "table", "text")
    )
    spaces += ' xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"'
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces} office:version="1.3">'
        f"<office:body><office:spreadsheet>{''.join(sheets)}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        f'<?xml version="1.0"?><m:manifest xmlns:m="{names.format("manifest")}" m:version="1.3">'
        f'<m:file-entry m:full-path="/" m:media-type="{kind}"/>'
        '<m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>'
    )
    files = {"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest}
    return zipped({name: text.encode("utf-8") for name, text in files.items()})


@pytest.mark.parametrize(("changes", "points"), [({}, 10.0), (W3, 9.375)])
def test_ods_is_read(changes: Any, points: float, groups: Callable[[str], Group], tmp_path: Path):
    group = groups("Moodle")
    sent = [Sent(JANE, "hw.ods", as_ods(group.table(JANE, changes=changes)))]
    where = as_zip(moodle_folders(sent), tmp_path / "class.zip")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    row = group.row(checked, JANE)
    assert points_of(row) == pytest.approx(points, abs=0.006)
    if changes:
        assert "a_h1" in words_of(row), "its cause is named as in an .xlsx"


@pytest.mark.parametrize("damage", ["bomb", "entity", "truncated", "repeated cells"])
def test_hostile_ods(damage: str, groups: Callable[[str], Group], tmp_path: Path):
    group = groups("Moodle")
    data = as_ods(group.table(JANE))
    with zipfile.ZipFile(Path(tmp_path / "x.ods"), "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    text = zipfile.ZipFile(_saved(tmp_path / "y.ods", data)).read("content.xml").decode()
    if damage == "bomb":
        text = text.replace("</table:table>", " " * 300_000_000 + "</table:table>")
    elif damage == "entity":
        text = text.replace("?>", '?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', 1)
    elif damage == "repeated cells":
        text = text.replace("<table:table-row>",
                            '<table:table-row table:number-rows-repeated="1048576">')  # fmt: skip
    data = zipped({"content.xml": text.encode()}) if damage != "truncated" else data[:-400]
    sent = [Sent(JANE, "hw.ods", data), Sent(BOB, "hw.xlsx", group.workbook(BOB))]
    where = as_folder(moodle_folders(sent), tmp_path / "class")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert points_of(group.row(checked, BOB)) == 10
    assert "root:" not in checked.output
    if damage in ("bomb", "truncated", "entity"):
        assert points_of(group.row(checked, JANE)) in (None, 0)


def _saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# ---------------------------------------------------------------------------------------------
# Hostile zips


def contents(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, of this process and of those that it starts."""
    folder = tmp_path / "deep" / "er" / "temporary"
    folder.mkdir(parents=True)
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


HOSTILE = tuple(hostile_zips("/tmp/x.xlsx"))


@pytest.mark.parametrize("name", some_of(HOSTILE, 3))
def test_a_hostile_zip_harms_nobody(
    name: str, groups: Callable[[str], Group], tmp_path: Path, scratch: Path
):
    """The others are judged, the student's row says why not, and nothing is left behind."""
    group = groups("Moodle")
    secret = tmp_path / "secret" / "right.xlsx"
    secret.parent.mkdir()
    secret.write_bytes(group.workbook(BOB))
    data = hostile_zips(str(secret))[name]()
    sent = [Sent(JANE, "hw.xlsx", group.workbook(JANE)), Sent(BOB, "mine.zip", data)]
    where = as_folder(moodle_folders(sent), tmp_path / "class")
    before = contents(tmp_path)
    report = tmp_path / "marks.xlsx"
    arguments = ("--assignment", group.handout.assignment, "--report", report, "--jobs", 1)
    is_read = name in ("nothing", "no entry", "odd names", "a link to a folder")
    done = _process(scratch, "check", where, *arguments, codes=(0, 2) if is_read else (2,))
    checked = Checked(done.returncode, done.stdout, report)
    assert points_of(group.row(checked, JANE)) == 10
    row = group.row(checked, BOB)
    assert points_of(row) in (None, 0) and len(words_of(row)) > len(BOB.name) + 5, row
    assert contents(tmp_path) == before | {Path("marks.xlsx")}


def _process(
    scratch: Path, *arguments: object, codes: Container[int] = (2,)
) -> subprocess.CompletedProcess[str]:
    """A process of its own, which is stopped if it goes on for minutes."""
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    done = subprocess.run(
        command(*arguments), env={**ENVIRONMENT, **places}, timeout=300, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in codes and "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    "name", some_of(["a bomb", "100,000 entries", "truncated", "no zip", "60 zips deep"], 2)
)
def test_a_hostile_zip_given_itself_is_one_line(name: str, tmp_path: Path, scratch: Path):
    path = _saved(tmp_path / "class.zip", hostile_zips("x")[name]())
    done = _process(scratch, "check", path)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ") and "class.zip" in line
    assert not any(scratch.iterdir())


@pytest.mark.parametrize("name", some_of(ELSEWHERE, 5))
def test_names_do_not_lead_out_of_a_zip(
    name: str, groups: Callable[[str], Group], tmp_path: Path, scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.chdir(tmp_path / "deep" / "er")
    monkeypatch.setenv("HOME", str(tmp_path / "deep"))
    group = groups("Moodle")
    files = moodle_folders([Sent(JANE, "hw.xlsx", group.workbook(JANE))])
    where = as_zip({**files, name: group.workbook(BOB)}, tmp_path / "class.zip")
    before = contents(tmp_path)
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert points_of(group.row(checked, JANE)) == 10
    assert contents(tmp_path) == before | {Path("marks.xlsx")}
    assert not Path("/planted.xlsx").exists()


def test_links_in_a_folder_are_not_followed(groups: Callable[[str], Group], tmp_path: Path):
    group = groups("Moodle")
    outside = tmp_path / "outside" / "hw.xlsx"
    outside.parent.mkdir()
    outside.write_bytes(group.workbook(BOB))
    where = as_folder(moodle_folders([Sent(JANE, "hw.xlsx", group.workbook(JANE))]), tmp_path / "c")
    try:
        (where / f"{BOB.name}_{BOB.moodle}_assignsubmission_file_").symlink_to(outside.parent)
    except OSError:
        pytest.skip("symbolic links need a permission here")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert points_of(group.row(checked, JANE)) == 10
    assert points_of(group.row(checked, BOB)) in (None, 0)


def test_several_things_at_once(groups: Callable[[str], Group], tmp_path: Path):
    """A zip, a folder and a single file: one class, and each student once."""
    group = groups("Moodle")
    parts: Sequence[tuple[Person, ...]] = ((JANE, JOERG), (ZOE, ANNA), (LI,))
    sent = [[Sent(p, "hw.xlsx", group.workbook(p)) for p in people] for people in parts]
    where = [
        as_zip(moodle_folders(sent[0]), tmp_path / "first.zip"),
        as_folder(moodle_flat(sent[1]), tmp_path / "second"),
        as_folder(moodle_flat(sent[2]), tmp_path / "third") / next(iter(moodle_flat(sent[2]))),
    ]
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert len(checked.marks) == len(PEOPLE)
    for person in itertools.chain(*parts):
        assert points_of(group.row(checked, person)) == 10


def test_canvas_test_student_is_nobody(groups: Callable[[str], Group], tmp_path: Path):
    group = groups("Canvas")
    test_student = Person("Test", "Student", 0, 999, "test")
    sent = [Sent(one, "hw.xlsx", group.workbook(JANE)) for one in (JANE, test_student)]
    where = as_zip(canvas(sent), tmp_path / "class.zip")
    checked = check_assignment(where, group.handout, tmp_path / "marks.xlsx")
    assert points_of(group.row(checked, JANE)) == 10
    assert len(checked.marks) in (len(PEOPLE), len(PEOPLE) + 1)


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent in another way elsewhere")
@pytest.mark.parametrize("stop", some_of([signal.SIGINT, signal.SIGTERM], 1))
def test_a_stop_leaves_nothing_behind(stop: signal.Signals, tmp_path: Path, scratch: Path):
    right = _written(COURSE_NUMBERS.table())
    names = [f"{name}/{number}.xlsx" for name in ("ann", "ben") for number in range(100)]
    where = as_zip(dict.fromkeys(names, right), tmp_path / "class.zip")
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with subprocess.Popen(
        command("check", where, "--jobs", 2), env={**ENVIRONMENT, **places},
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline()
        assert any(scratch.iterdir())
        os.killpg(process.pid, stop)
        process.stdout.read()
        assert process.wait(60) == 128 + stop
    assert not any(scratch.iterdir())
