"""Where students' files are: folders in a folder, files without a pattern, zips within folders."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from fixtures.student_workbooks import Table, book_of

from backprop_sheet.audit.copies.copies import CopyPlan
from backprop_sheet.audit.report.report_rows import NOT_CHECKED
from backprop_sheet.audit.report.student_rows import JudgedFile, student_row
from backprop_sheet.audit.submissions.collection import Submission, Submissions, collect
from backprop_sheet.handout.roster import Student


def made(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("hw.xlsx", "a workbook")
                archive.writestr("again/hw.xlsx", "a workbook")
        else:
            path.write_bytes(b"a workbook")
    return folder


def students_in(folder: Path, class_list: Iterable[Student] = ()) -> dict[str, int]:
    with collect([folder], list(class_list)) as submissions:
        return {one.student: len(one.files) for one in submissions.students}


@pytest.mark.parametrize(
    ("names", "students"),
    [
        (["anna.xlsx", "bert.xlsx", "cleo.xlsx"], ["anna", "bert", "cleo"]),
        (["7/hw.xlsx", "anna/hw.xlsx", "hw bert.xlsx"], ["7", "anna", "hw bert"]),
        ([f"s{n:02}.xlsx" for n in range(20)], [f"s{n:02}" for n in range(20)]),
        (["hw 1.xlsx", "hw 2.xlsx", "HW 2 final.xlsx"], ["class"]),
        (["hw.xlsx"], ["class"]),
        (["anna.xlsx", "backprop.xlsx"], ["class"]),
    ],
    ids=["files", "files and folders", "many alike", "attempts", "one", "two"],
)
def test_a_folder_in_the_given_one(names: list[str], students: list[str], tmp_path: Path):
    """It is a class's if several students handed in what is in it, not one."""
    folder = made(tmp_path / "given", [f"class/{name}" for name in names])
    assert sorted(students_in(folder)) == sorted(students)


def test_the_class_list_decides_first(tmp_path: Path):
    jane, li = Student("1", "Jane Doe", ""), Student("2", "Li Wei", "")
    folder = made(tmp_path / "a", ["class/hw jane doe.xlsx", "class/hw li wei.xlsx"])
    assert students_in(folder, [jane, li]) == {"Jane Doe": 1, "Li Wei": 1}
    folder = made(tmp_path / "b", [f"Jane Doe/{name}.xlsx" for name in ("x", "y", "z")])
    assert students_in(folder, [jane, li]) == {"Jane Doe": 3, "Li Wei": 0}


def test_copies_of_a_students_zip_are_in_the_students_folder(tmp_path: Path):
    """The students did not make folders that are named as their zips."""
    folder = made(tmp_path / "given", ["jane/hw.xlsx", "jane/mine.zip", "jane/old.ZIP", "li/x.zip"])
    with collect([folder]) as submissions:
        assert {one.student: len(one.files) for one in submissions.students} == {"jane": 5, "li": 2}
        copies = copies_of(submissions, tmp_path / "marked")
    assert sorted(copies.values()) == sorted([
        "jane/hw.xlsx", "jane/hw (2).xlsx", "jane/hw (3).xlsx",
        "jane/again/hw.xlsx", "jane/again/hw (2).xlsx", "li/hw.xlsx", "li/again/hw.xlsx",
    ])  # fmt: skip
    assert copies["jane/hw.xlsx"] == "jane/hw.xlsx", "what was in no zip keeps its name"


def copies_of(submissions: Submissions, folder: Path) -> dict[str, str]:
    (root,) = submissions.roots
    shown = [file.shown for file in submissions.files]
    plan = CopyPlan.of(folder, submissions.roots, shown, force=False)
    return {
        path.relative_to(root).as_posix(): plan.target(path).relative_to(folder).as_posix()
        for path in shown
    }


def test_unpacking_tells_how_far_it_is(tmp_path: Path):
    folder = made(tmp_path / "given", ["jane/mine.zip", "li/x.zip", "li/hw.xlsx"])
    steps: list[None] = []
    with collect([folder], unpacked=lambda: steps.append(None)) as submissions:
        assert len(submissions.files) == 5
    assert len(steps) == 4


def test_a_file_that_is_given_twice_is_found_once(tmp_path: Path) -> None:
    (tmp_path / "in" / "anna").mkdir(parents=True)
    for name in ("anna/a.xlsx", "b.xlsx"):
        book_of(Table(rows=2)).write(tmp_path / "in" / name)
    twice = tmp_path / "in" / "anna" / ".." / "b.xlsx"
    with collect([tmp_path / "in" / "b.xlsx", tmp_path / "in", twice]) as submissions:
        assert [file.shown.name for file in submissions.files] == ["b.xlsx", "a.xlsx"]
        assert len(submissions.students) == 2


def test_a_student_whose_last_file_was_not_checked_has_no_points(tmp_path: Path):
    """After a stop: the earlier attempt does not count."""
    folder = made(tmp_path / "given", ["jane/hw 1.xlsx", "jane/hw 2.xlsx"])
    with collect([folder]) as submissions:
        (jane,) = submissions.students
    first, last = jane.files
    row = student_row(jane, {first.shown: JudgedFile(problem="has no table")})
    assert (row.verdict, row.points, row.is_unfinished) == (NOT_CHECKED, None, True)
    assert "stopped" in row.remarks and row.sent == "hw 2.xlsx"
    both = {file.shown: JudgedFile(problem="has no table") for file in (first, last)}
    assert not student_row(jane, both).is_unfinished
    nothing = Submission("Li Wei", "2", Path())
    assert not student_row(nothing, {}).is_unfinished
