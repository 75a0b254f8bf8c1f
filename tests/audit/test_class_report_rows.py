"""What a row of the class report says: names, shares, typed numbers; who is counted once."""

from __future__ import annotations

import csv
import os
import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from fixtures.class_of_submissions import COMMON, Plan, varied, write
from fixtures.class_run import invoke_check
from fixtures.report_reading import MISTAKES, read_csv, read_sheet
from fixtures.student_workbooks import Table, book_of

from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.report.class_report import ClassReport, CommonMistake, ReportOptions
from backprop_sheet.audit.results import Finding, TableResult, WorkbookResult
from backprop_sheet.audit.submissions.collection import Submissions
from backprop_sheet.audit.workbook_audit import audit_workbook


def finding(column: str) -> Finding:
    return Finding(column, (), "A1", 1.0, 2.0, None, "w1", "a wrong sign")


def result(path: Path, wrong: int = 0, columns: int = 10, **more: object) -> WorkbookResult:
    audited = tuple(f"c{number}" for number in range(columns))
    table = TableResult(
        str(path), "Sheet1", "course", "wrong" if wrong else "right", 3, 0.5,
        findings=tuple(map(finding, audited[:wrong])), audited_columns=audited, **more,
    )  # fmt: skip
    return WorkbookResult(path, (table,))


def written(report: ClassReport, path: Path) -> list[dict[str, str]]:
    report.write(path, ".csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.skipif(os.name != "posix", reason="no such names elsewhere")
@pytest.mark.parametrize(
    "sign", ["\x1b", "\x07", "\x85", "\n", "\t", "\u202e", "\u2066", "\u2069", "\u200b", "\ufeff"]
)
def test_control_characters_of_names_are_escaped(sign: str, tmp_path: Path) -> None:
    (tmp_path / "in" / f"ann{sign}a").mkdir(parents=True)
    shutil.copy(_right(tmp_path), tmp_path / "in" / f"ann{sign}a" / f"h{sign}w.xlsx")
    invoke_check(tmp_path / "in", "--report", tmp_path / "marks.csv")
    text = (tmp_path / "marks.csv").read_text("utf-8-sig").replace("\r\n", "")
    assert sign not in text.replace("\n", "", text.count("\n") - text.count("\\x0a"))
    categories = {unicodedata.category(one) for one in text.replace("\n", "")}
    assert not categories & {"Cc", "Cf", "Zl", "Zp"}
    escape = f"\\x{ord(sign):02x}a" if ord(sign) < 256 else f"\\u{ord(sign):04x}a"
    assert escape in text


def _right(folder: Path) -> Path:
    write(Plan([varied(1, rows=3)]), folder / "right.xlsx")
    return folder / "right.xlsx"


@pytest.mark.parametrize(
    "name", ["＝1+1", "＋1", "－1", "＠a", "﹦1", " =1+1", "\u3000=1", "−1", "=1"]
)
def test_no_name_is_a_formula_in_the_csv(name: str, tmp_path: Path) -> None:
    report = ClassReport(Submissions((tmp_path,)))
    report.add(result(tmp_path / name / "hw.xlsx"))
    (row,) = written(report, tmp_path / "marks.csv")
    assert row["student"] == f"'{name}"


def test_names_that_are_no_formulas_stay(tmp_path: Path) -> None:
    for name in ("Søren Ægir", "李小龙", "a＝b", "Zoë\xa0Müller"):
        report = ClassReport(Submissions((tmp_path,)))
        report.add(result(tmp_path / name / "hw.xlsx"))
        assert written(report, tmp_path / "marks.csv")[0]["student"] == name


def test_a_mistake_of_one_student_is_counted_once(tmp_path: Path) -> None:
    """However many files and tables have it; a file outside of folders is a student's own."""
    names = ("anna/1.xlsx", "anna/2.xlsx", "anna/again/3.xlsx", "bert/1.xlsx", "c.xlsx", "d.xlsx")
    report = ClassReport(Submissions((tmp_path,)))
    for name in names:
        report.add(result(tmp_path / name, wrong=name != "d.xlsx"))
    (mistake,) = report.most_common()
    assert mistake == CommonMistake(
        "c0", "a wrong sign", 3, 3 / 4, f"{tmp_path / names[0]} [Sheet1] A1"
    )


def test_students_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    groups = [tmp_path / name for name in ("monday", "friday")]
    for group in groups:
        group.mkdir()
    report = ClassReport(Submissions(tuple(groups)))
    for group in groups:
        report.add(result(group / "anna" / "1.xlsx", wrong=1))
    assert report.most_common()[0].submissions == 2


UPDATES = tuple(f"w{number}" for number in range(1, 9))


def result_of_updates(path: Path, *wrong: str) -> WorkbookResult:
    table = TableResult(
        str(path), "Sheet1", "course", "wrong", 3, 0.5,
        findings=tuple(map(finding, wrong)), audited_columns=(*UPDATES, "∂E/∂w1"),
    )  # fmt: skip
    return WorkbookResult(path, (table,))


def test_what_is_wrong_in_all_updates_for_one_cause_is_one_mistake(tmp_path: Path) -> None:
    wrong = {"anna": UPDATES, "bert": UPDATES, "carl": UPDATES[:2], "dora": (*UPDATES, "∂E/∂w1")}
    report, without_causes = (
        ClassReport(Submissions((tmp_path,)), ReportOptions(level=level))
        for level in (FeedbackLevel.FULL, FeedbackLevel.PLACE)
    )
    for name, columns in wrong.items():
        for each in (report, without_causes):
            each.add(result_of_updates(tmp_path / name / "1.xlsx", *columns))
    counted = {mistake.column: mistake.submissions for mistake in report.most_common()}
    assert counted == {"w1 … w8": 3, "w1": 1, "w2": 1, "∂E/∂w1": 1}
    assert {each.column for each in without_causes.most_common()} == {*UPDATES, "∂E/∂w1"}


def test_errors_of_all_outputs_for_one_cause_are_one_mistake(tmp_path: Path) -> None:
    changes = {f"E{n}": f"ABS([t{n}]-[a_o{n}])" for n in (1, 2)}
    result = audit_workbook(book_of(Table(changes=changes)).write(tmp_path / "anna.xlsx"))
    report = ClassReport(Submissions((tmp_path,)))
    report.add(result)
    [mistake] = report.most_common()
    assert mistake.column == "E1 and E2"
    assert mistake.cause == "the absolute value of t - a_o instead of half its square"


def test_a_mistake_in_two_files_of_a_student_on_the_sheet(tmp_path: Path) -> None:
    (tmp_path / "in" / "anna").mkdir(parents=True)
    for name in "ab":
        write(Plan([varied(1, changes=COMMON, rows=3)]), tmp_path / "in" / "anna" / f"{name}.xlsx")
    done = invoke_check(tmp_path / "in", "--report", tmp_path / "marks.xlsx")
    assert "1 submission: ∂E/∂w3" in done.stdout
    (row,) = read_sheet(openpyxl.load_workbook(tmp_path / "marks.xlsx")["Mistakes"], MISTAKES).rows
    assert (row["submissions"], row["share"]) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "columns", "share"),
    [(0, 7, "1.0"), (7, 7, "0.0"), (1, 3, "0.67"), (1, 31, "0.97"), (1, 250, "0.996"),
     (1, 4000, "0.9998"), (249, 250, "0.004")],
)  # fmt: skip
def test_shares_are_rounded(wrong: int, columns: int, share: str, tmp_path: Path) -> None:
    """To whole percents, but 100 % is all and 0 % none."""
    report = ClassReport(Submissions((tmp_path,)))
    report.add(result(tmp_path / "a.xlsx", wrong, columns))
    assert written(report, tmp_path / "marks.csv")[0]["right_columns"] == share
    report.write(tmp_path / "marks.xlsx", ".xlsx")
    cell = openpyxl.load_workbook(tmp_path / "marks.xlsx")["Tables"]["G2"]
    decimals = len(cell.number_format.rstrip("%").partition(".")[2])
    shown = f"{cell.value:.{decimals}%}"
    assert (float(shown.rstrip("%")) == 100) == (wrong == 0)
    assert (float(shown.rstrip("%")) == 0) == (wrong == columns)


def test_typed_text_and_rounded_columns(tmp_path: Path) -> None:
    for suffix in (".csv", ".xlsx"):
        report = ClassReport(Submissions((tmp_path,)))
        report.add(result(tmp_path / "a.xlsx", typed_columns=("c1", "c2"), text_columns=("c3",)))
        every = tuple(f"c{number}" for number in range(10))
        report.add(result(tmp_path / "b.xlsx", typed_columns=every, rounded_columns=("c4",)))
        report.write(tmp_path / f"marks{suffix}", suffix)
    rows = read_csv(tmp_path / "marks.csv")[1]
    assert rows[0][-3:] == ["typed", "stored_as_text", "rounded"]
    assert [row[-3:] for row in rows[1:]] == [["c1, c2", "c3", ""], ["all", "", "c4"]]
    sheet = openpyxl.load_workbook(tmp_path / "marks.xlsx")["Tables"]
    cells = list(sheet.iter_rows(min_col=13, max_col=15, values_only=True))
    assert cells[0] == ("typed", "stored as text", "rounded")
    assert [tuple(cell or "" for cell in row) for row in cells[1:]] == [
        ("c1 and c2", "c3", ""), ("all", "", "c4"),
    ]  # fmt: skip


def test_a_right_table_does_not_hide_another_one_or_lost_points(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    wrong = Table(sheet="lr 2", eta=2, changes={"o1": "[w5]*[a_h1]"})
    book_of(Table(sheet="lr 1", eta=1), wrong).write(tmp_path / "in" / "anna.xlsx")
    book_of(Table(rows=1)).write(tmp_path / "in" / "bert.xlsx")
    invoke_check(tmp_path / "in", "--report", tmp_path / "marks.xlsx")
    first, *rows = openpyxl.load_workbook(tmp_path / "marks.xlsx")["Marks"].values
    at = [first.index(name) for name in ("student", "verdict", "remarks")]
    assert [[row[column] for column in at] for row in rows] == [
        ["anna", "right", "not counted: lr 2 (wrong)"],
        ["bert", "right", "one row, without an update"],
    ]


def test_columns_that_were_not_checked(tmp_path: Path) -> None:
    """They have a column of their own, also beside a finding, and are not right."""
    report = ClassReport(Submissions((tmp_path,)))
    report.add(result(tmp_path / "a.xlsx", 1, 10, unchecked_columns=("c0", "c5", "x")))
    (row,) = written(report, tmp_path / "marks.csv")
    assert row["not_checked"] == "c0, c5, x"
    assert float(row["right_columns"]) == round(8 / 11, 2)


def test_a_typed_column_of_a_workbook(tmp_path: Path) -> None:
    """Beside the note on the terminal."""
    path = _right(tmp_path)
    values = openpyxl.load_workbook(path, data_only=True)
    book = openpyxl.load_workbook(path)
    sheet = book.active
    for row in sheet.iter_rows():
        for cell in row:
            shown = values.active[cell.coordinate].value
            if isinstance(shown, float):
                cell.value = f"{shown:.4f}" if cell.column == 12 else round(shown, 4)
    book.save(tmp_path / "typed.xlsx")
    done = invoke_check(tmp_path / "typed.xlsx", "--report", tmp_path / "marks.csv")
    with (tmp_path / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert "the whole table is typed" in done.stdout
    assert row["typed"] == "all"
    assert "∂E/∂w1" in row["rounded"] or row["rounded"] == "all"
    note = next(line for line in done.stdout.splitlines() if "stored as text" in line)
    assert row["stored_as_text"] == note.partition("text: ")[2]


def test_a_report_with_the_columns_of_before_is_replaced(tmp_path: Path) -> None:
    old = "file,student,sheet,exercise,verdict,right_columns,learning_rate,rows,findings,"
    (tmp_path / "marks.csv").write_text(f"\ufeff{old}first_finding\r\n", "utf-8")
    assert invoke_check(_right(tmp_path), "--report", tmp_path / "marks.csv").exit_code == 0


@pytest.mark.parametrize(
    ("columns", "counted"),
    [(("w1", "w2", "b1"), ["w1, w2 and b1"]), (("w1", "w2"), ["w1", "w2"])],
)
def test_a_cause_in_all_updates_is_counted_once(columns: tuple[str, ...], counted: list[str]):
    """Also if it names the weight of each: + instead of - before η*∂E/∂w1."""
    path = Path("ann.xlsx")
    found = [
        replace(finding(column), cause=f"a wrong sign: + instead of - before η*∂E/∂{column}[n-1]")
        for column in columns
    ]
    audited = ("w1", "w2", "b1", "h1", "∂E/∂w1")
    table = TableResult(
        str(path), "Sheet1", "course", "wrong", 3, 0.5, findings=tuple(found),
        audited_columns=audited,
    )  # fmt: skip
    report = ClassReport(Submissions((path,)))
    report.add(WorkbookResult(path, (table,)))
    assert [one.column for one in report.most_common()] == counted
