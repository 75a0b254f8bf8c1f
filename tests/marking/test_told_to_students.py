"""What goes back to students names no other student."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pytest
from fixtures.course_systems import (
    JANE,
    JOERG,
    MOODLES_CSV,
    Sent,
    as_folder,
    moodle_folders,
    moodle_worksheet,
)
from fixtures.handing_out import Checked, check_assignment, hand_out, write_exercise
from fixtures.student_workbooks import book_of

from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.report.report_rows import TableRow
from backprop_sheet.audit.report.student_rows import JudgedTable, StudentRow
from backprop_sheet.audit.results import INCOMPLETE, TableResult
from backprop_sheet.marking.comments import comment_of
from backprop_sheet.marking.points import PointRules, Points

GRADE, COMMENT = 4, 9


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checked]:
    """Jörg handed in Jane's numbers, in a worksheet that is hers."""
    folder = tmp_path_factory.mktemp("swapped")
    (folder / "g.csv").write_bytes(MOODLES_CSV.write(moodle_worksheet([JANE, JOERG])))
    made = hand_out(folder / "out", folder / "g.csv", write_exercise(folder))
    book_of(made.numbers[str(JANE.moodle)].table()).write(folder / "x.xlsx")
    sent = [Sent(person, "hw.xlsx", (folder / "x.xlsx").read_bytes()) for person in (JANE, JOERG)]
    as_folder(moodle_folders(sent), folder / "class")
    options = ("--gradebook", folder / "g.csv", "--annotate", folder / "marked.zip")
    return folder, check_assignment(folder / "class", made, folder / "r.xlsx", *options)


def test_the_teacher_is_told_whose_numbers_they_are(swapped: tuple[Path, Checked]) -> None:
    row = swapped[1].mark(JOERG.name)
    assert "Jane Doe" in row["remarks"]
    assert swapped[1].points(JOERG.name) == 0
    assert swapped[1].points(JANE.name) == 10


def test_the_comment_names_nobody_else(swapped: tuple[Path, Checked]) -> None:
    line = (swapped[0] / "g-marked.csv").read_text("utf-8-sig").splitlines()[2]
    assert "another student" in line and "0.00" in line
    assert "Jane" not in line


def test_the_copy_names_nobody_else(swapped: tuple[Path, Checked]) -> None:
    with zipfile.ZipFile(swapped[0] / "marked.zip") as archive:
        (name,) = (name for name in archive.namelist() if str(JOERG.moodle) in name)
        archive.extract(name, swapped[0])
    book = openpyxl.load_workbook(swapped[0] / name)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    words = [str(cell.value) for cell in cells if cell.value is not None]
    words += [cell.comment.text for cell in cells if cell.comment is not None]
    assert any("another student" in text for text in words)
    assert not any("Jane" in text for text in words)


def test_the_comment_on_an_incomplete_table_names_nobody_else() -> None:
    """Whose worksheet a file was is for the teacher alone."""
    note = "the file is the worksheet of Jane Doe (1), but it is in the place of Jörg (2)"
    short = "1 iteration instead of at least 3"
    table = TableResult(
        file="hw.xlsx", sheet="S", exercise="course", verdict=INCOMPLETE, lr=0.5, rows=2,
        warnings=(note, short), teacher_notes=(note,),
    )  # fmt: skip
    points = Points(5.0, {})
    row = TableRow.of(table, "hw.xlsx", "Jörg", points, FeedbackLevel.FULL)
    judged = JudgedTable.of(0, row, table, points, PointRules())
    student = StudentRow("Jörg", "2", INCOMPLETE, 5.0, remarks=note, told=judged.told, sent="x")
    comment = comment_of(student, [], 10.0, FeedbackLevel.FULL)
    assert comment == f"5 of 10 points. Incomplete: {short}."
