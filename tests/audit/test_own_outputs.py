"""``check`` does not judge what gradsheet wrote: the sheet Feedback, reports, other workbooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fixtures import student_workbooks
from fixtures.student_workbooks import PLAIN, Book, Form, Table, rewrite
from oracles.libreoffice import convert, needs_libreoffice
from xlsxwriter import Workbook

from cli import main
from gradsheet.excel.provenance import OUTPUTS, set_provenance

# So many columns are wrong that the sheet Feedback lists enough of them for a table.
WRONG = {
    name: f"1.001*({PLAIN[name]})"
    for name in ("w1", "w2", "w3", "h1", "h2", "E1", "E2", "∂E/∂w5", "∂E/∂w6", "∂E/∂w7", "∂E/∂w8")
}


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def judged(*arguments: str | Path) -> list[dict[str, object]]:
    tables: list[dict[str, object]] = json.loads(check("--json", *arguments).stdout)
    return tables


def corrected_copy(table: Table, folder: Path) -> Path:
    """The copy that ``--annotate`` wrote, with right formulas in place of the wrong ones."""
    wrong = student_workbooks.book_of(table).write(folder / "book.xlsx")
    assert check(wrong, "--annotate", folder / "marked").exit_code == 1
    copy = folder / "marked" / "book.xlsx"
    table.changes = {}
    right = student_workbooks.book_of(table).write(folder / "right.xlsx")
    parts: dict[str, bytes] = {}

    def keep(name: str, data: bytes) -> bytes:
        parts[name] = data
        return data

    rewrite(right, keep)
    return rewrite(
        copy,
        lambda name, data: parts[name] if name == "xl/worksheets/sheet1.xml" else data,
    )


@pytest.mark.parametrize("table", [Table(rows=5), Form(rows=3)], ids=["rows", "form"])
def test_a_corrected_marked_copy_is_right(table: Table, tmp_path: Path) -> None:
    table.changes = WRONG
    (result,) = judged(corrected_copy(table, tmp_path))
    assert (result["verdict"], result["sheet"]) == ("right", "Sheet1")


@pytest.mark.thorough
@needs_libreoffice
def test_a_marked_copy_that_was_renamed_and_saved(tmp_path: Path) -> None:
    copy = corrected_copy(Table(rows=5, changes=WRONG), tmp_path)
    name, other = b'name="Feedback"', 'name="Rückmeldung"'.encode()
    rewrite(copy, lambda _, data: data.replace(name, other))
    saved = convert([copy], tmp_path / "saved")[0]
    (result,) = judged(saved)
    assert (result["verdict"], result["sheet"]) == ("right", "Sheet1")


@pytest.mark.thorough
def test_a_report_in_the_folder_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "handed in"
    folder.mkdir()
    for name in ("anna", "ben"):
        table = Table(rows=5, changes=WRONG if name == "anna" else {})
        student_workbooks.book_of(table).write(folder / f"{name}.xlsx")
    report = folder / "marks.xlsx"
    assert check(folder, "--report", report).exit_code == 1
    done = check(folder)
    assert done.stderr.splitlines() == [f"left out: {report} is a report written by gradsheet"]
    assert "2 files, 2 tables: 1 right, 1 wrong" in done.stdout
    # It can be written again.
    assert check(folder, "--report", report).exit_code == 1
    # Some programs drop custom properties.
    rewrite(report, lambda name, data: None if name == "docProps/custom.xml" else data)
    assert len(judged(folder)) == 2


@pytest.mark.parametrize("kind", OUTPUTS)
def test_an_output_alone_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "output.xlsx"
    book = Workbook(path)
    book.add_worksheet("One")
    set_provenance(book, kind, "A title")
    book.close()
    done = check(path)
    assert done.exit_code == 2
    said = f"Error: no exercise to check: {path} is {OUTPUTS[kind]} written by gradsheet\n"
    assert done.stderr == said


def test_a_workbook_of_sheet_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "made.xlsx"
    command = ["sheet", "--iterations", "5", "--lrs", "0.5", "-o", str(path)]
    assert CliRunner().invoke(main, command).exit_code == 0
    assert [table["verdict"] for table in judged(path)] == ["right"]


def test_words_of_a_student_are_no_feedback(tmp_path: Path) -> None:
    book = Book()
    Table(rows=5).place(book)
    for column, text in enumerate(("cause", "found", "cell")):
        book.put("Sheet1", 20, column, text)
    assert len(judged(book.write(tmp_path / "book.xlsx"))) == 1
