"""``check DIR --report marks.xlsx``, from outside: what the report says is what ``--json`` says."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fixtures.class_of_submissions import (
    COMMON,
    ROOT,
    Plan,
    Submission,
    build_small_class,
    varied,
    write,
)
from fixtures.class_run import SIZES, Run, check, class_run, contents, home, invoke_check
from fixtures.report_reading import (
    FINDINGS,
    JUDGED,
    MARKS,
    MISTAKES,
    Listing,
    plain,
    read_csv,
    read_sheet,
    rows_by_submission,
    same_file,
)
from openpyxl.utils import range_boundaries
from oracles.libreoffice import convert, needs_libreoffice
from oracles.office_package import Package, children, local, place, problems_of
from oracles.open_xml import errors_of

from backprop_sheet.audit.report.mistakes_sheet import MAX_WHOLE


def one_line(text: Any) -> str:
    return " ".join(str(text).split())


def number(value: Any) -> float | None:
    return None if value in (None, "", "-", "–", "?") else float(value)


def share(value: Any) -> float:
    if isinstance(value, str):
        return float(value.rstrip("% ")) / (100 if "%" in value else 1)
    return float(value)


UPDATES = {f"w{number}" for number in range(1, 9)}


def groups(run: Run) -> dict[tuple[str, str], set[Path]]:
    """The submissions that have each column's cause; a student's files are one.

    A cause that all eight updates of a table have is one mistake, also if it names each weight.
    """
    found: dict[tuple[str, str], set[Path]] = {}
    for submission in run.submissions:
        for table in run.tables_of(submission):
            columns: dict[str, set[str]] = {}
            for finding in table["faults"]:
                cause = finding["cause"].replace(finding["column"], "w")
                columns.setdefault(cause, set()).add(finding["column"])
            for finding in table["faults"]:
                column, cause = finding["column"], finding["cause"]
                if column in UPDATES and columns[cause.replace(column, "w")] >= UPDATES:
                    column, cause = "w1 … w8", cause.replace(column, "w")
                found.setdefault((column, cause), set()).add(students_path(submission))
    return found


def students_path(submission: Submission) -> Path:
    """The student's folder, or the file if it is in none."""
    return submission.path.parents[-3] if len(submission.below.parts) > 1 else submission.path


# ---------------------------------------------------------------------------------------------
# Small cases


@pytest.mark.parametrize("name", ["marks.pdf", "marks", "marks.xls", "marks.json", ".xlsx"])
def test_another_suffix_is_refused(name: str, handed_in: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    result = invoke_check(handed_in, "--report", tmp_path / name)
    assert result.exit_code == 2
    assert "--report" in result.stderr or name in result.stderr
    assert ".csv" in result.stderr and ".xlsx" in result.stderr
    assert not result.stdout
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["MARKS.XLSX", "Marks.Csv"])
def test_the_suffix_decides_whatever_its_case(name: str, handed_in: Path, tmp_path: Path) -> None:
    result = invoke_check(handed_in, "--report", tmp_path / name)
    assert result.exit_code == 2  # for the one that cannot be judged
    assert name in result.output
    if name.lower().endswith("csv"):
        assert len(read_csv(tmp_path / name)[0].rows) == 4
    else:
        shutil.copy(tmp_path / name, tmp_path / "lower.xlsx")
        book = openpyxl.load_workbook(tmp_path / "lower.xlsx")
        assert len(read_sheet(book["Tables"], MARKS).rows) == 4


def test_the_json_stays_json(handed_in: Path, tmp_path: Path) -> None:
    alone = invoke_check(handed_in, "--json")
    result = invoke_check(handed_in, "--json", "--report", tmp_path / "marks.xlsx")
    assert json.loads(result.stdout) == json.loads(alone.stdout)
    assert result.exit_code == alone.exit_code == 2


def test_exit_codes_stay(handed_in: Path, tmp_path: Path) -> None:
    for name, code in (("anna", 1), ("carl", 0), ("dora", 2)):
        result = invoke_check(handed_in / name, "--report", tmp_path / f"{name}.xlsx")
        assert result.exit_code == code
        book = openpyxl.load_workbook(tmp_path / f"{name}.xlsx")
        assert len(read_sheet(book["Tables"], MARKS).rows) == 1
        assert {"Marks", "Mistakes", "Findings"} <= set(book.sheetnames)
        assert problems_of(tmp_path / f"{name}.xlsx") == []


def test_a_file_has_its_own_name_for_a_student(handed_in: Path, tmp_path: Path) -> None:
    """Also where several are given, which come in the given order."""
    files = [handed_in / name / "hw.xlsx" for name in ("carl", "anna", "bert")]
    invoke_check(*files, "--report", tmp_path / "marks.csv")
    rows = read_csv(tmp_path / "marks.csv")[0].rows
    assert [Path(row["file"]) for row in rows] == files
    assert {row["student"] for row in rows} <= {"hw.xlsx", "hw"}


def test_a_missing_file_is_in_the_report(handed_in: Path, tmp_path: Path) -> None:
    missing = handed_in / "emil.xlsx"
    result = invoke_check(handed_in / "anna", missing, "--report", tmp_path / "marks.csv")
    assert result.exit_code == 2
    anna, emil = read_csv(tmp_path / "marks.csv")[0].rows
    assert anna["verdict"] == "wrong"
    assert Path(emil["file"]).name == "emil.xlsx"
    assert emil["verdict"] not in JUDGED
    assert "not" in one_line(emil.values())


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_file_of_somebody_else_is_kept(suffix: str, handed_in: Path, tmp_path: Path) -> None:
    target = tmp_path / f"marks{suffix}"
    if suffix == ".xlsx":
        shutil.copy(handed_in / "carl" / "hw.xlsx", target)
    else:
        target.write_text("name,grade\nAnna,1.0\n")
    before = target.read_bytes()
    result = invoke_check(handed_in / "carl", "--report", target)
    assert result.exit_code in (1, 2)
    assert target.name in result.stderr and "--force" in result.stderr
    assert target.read_bytes() == before
    assert invoke_check(handed_in / "carl", "--report", target, "--force").exit_code == 0
    assert target.read_bytes() != before


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_an_earlier_report_is_replaced(suffix: str, handed_in: Path, tmp_path: Path) -> None:
    target = tmp_path / f"marks{suffix}"
    assert invoke_check(handed_in / "anna", "--report", target).exit_code == 1
    before = target.read_bytes()
    assert invoke_check(handed_in / "carl", "--report", target).exit_code == 0
    assert target.read_bytes() != before


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_the_report_never_replaces_a_submission(
    force: tuple[str, ...], handed_in: Path, tmp_path: Path
) -> None:
    before = contents(handed_in)
    (tmp_path / "link.xlsx").symlink_to(handed_in / "bert" / "hw.xlsx")
    for target in (handed_in / "anna" / "hw.xlsx", tmp_path / "link.xlsx"):
        result = invoke_check(handed_in, "--report", target, *force)
        assert result.exit_code in (1, 2)
        if target.is_relative_to(handed_in):
            assert target.name in result.stderr
        assert contents(handed_in) == before


@pytest.mark.skipif(os.name != "posix", reason="names are Unicode elsewhere")
@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_name_that_is_not_unicode(suffix: str, handed_in: Path, tmp_path: Path) -> None:
    """Nor can all of its signs stand in XML."""
    name = handed_in / "carl" / os.fsdecode(b"caf\xe9 \x01\x1b.xlsx")
    try:
        shutil.copy(handed_in / "carl" / "hw.xlsx", name)
    except OSError:
        pytest.skip("not in this file system")
    report = tmp_path / f"marks{suffix}"
    result = invoke_check(handed_in / "carl", "--report", report, "--annotate", tmp_path / "marked")
    assert result.exit_code == 0, result.output
    assert len(contents(tmp_path / "marked")) == 2
    if suffix == ".csv":
        rows = read_csv(report)[0].rows
    else:
        assert problems_of(report) == []
        rows = read_sheet(openpyxl.load_workbook(report)["Tables"], MARKS).rows
    assert [row["verdict"] for row in rows] == ["right", "right"]
    assert {plain(row["file"])[-5:] for row in rows} == {".xlsx"}


def test_a_report_in_no_folder(handed_in: Path, tmp_path: Path) -> None:
    result = invoke_check(handed_in / "carl", "--report", tmp_path / "nowhere" / "marks.xlsx")
    if result.exit_code:
        assert "nowhere" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    else:
        assert (tmp_path / "nowhere" / "marks.xlsx").is_file()


def test_no_mistake_in_several_files(handed_in: Path, tmp_path: Path) -> None:
    shutil.copy(handed_in / "carl" / "hw.xlsx", handed_in / "carl" / "again.xlsx")
    result = invoke_check(handed_in / "carl", "--report", tmp_path / "marks.xlsx")
    assert result.exit_code == 0
    assert "2 files" in result.stdout
    end = result.stdout.replace(str(tmp_path), "").split("2 files")[1]
    assert not re.search(r"\d+ (of|submission)", end)
    book = openpyxl.load_workbook(tmp_path / "marks.xlsx")
    assert not any(row["submissions"] for row in read_sheet(book["Mistakes"], MISTAKES).rows)
    assert problems_of(tmp_path / "marks.xlsx") == []


def test_a_mistake_in_two_tables_is_one_submission(tmp_path: Path) -> None:
    """And the same file's name in two folders is two."""
    tables = [varied(n, sheet=f"LR {n}", changes=COMMON, rows=6) for n in range(2)]
    for name in ("anna", "bert"):
        (tmp_path / "in" / name).mkdir(parents=True)
        write(Plan(tables), tmp_path / "in" / name / "hw.xlsx")
    invoke_check(tmp_path / "in", "--report", tmp_path / "marks.xlsx")
    book = openpyxl.load_workbook(tmp_path / "marks.xlsx")
    (row,) = read_sheet(book["Mistakes"], MISTAKES).rows
    assert (row["submissions"], share(row["share"])) == (2, 1)
    assert len(read_sheet(book["Findings"], FINDINGS).rows) == 4
    assert len(read_sheet(book["Tables"], MARKS).rows) == 4


def test_the_options_reach_the_report(handed_in: Path, tmp_path: Path) -> None:
    """With a tolerance of one half, the common mistake is none."""
    result = invoke_check(
        handed_in / "anna", "--tolerance", "0.5", "--report", tmp_path / "marks.csv"
    )
    assert result.exit_code == 0
    (row,) = read_csv(tmp_path / "marks.csv")[0].rows
    assert row["verdict"] == "right"


# ---------------------------------------------------------------------------------------------
# The class


@pytest.fixture(scope="module", params=SIZES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The class."""
    return judged_class(tmp_path_factory, request.param)


def judged_class(tmp_path_factory: pytest.TempPathFactory, size: int) -> Run:
    result = class_run(tmp_path_factory.getbasetemp(), size)
    assert result.done.returncode == 2, result.done.stderr[-2000:]
    assert "Traceback" not in result.done.stderr
    assert len(result.submissions) == size
    return result


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small class, whose names are odd; ``check .`` in its folder, so that they come first."""
    folder = tmp_path_factory.mktemp("small")
    submissions = build_small_class(folder)
    before = contents(folder / ROOT)
    text = check(folder / ROOT, ".", "--report", "../marks.csv")
    done = check(folder / ROOT, ".", "--json", "--report", "../marks.xlsx")
    for one in (text, done):
        assert one.returncode == 2, one.stderr
        assert "Traceback" not in one.stderr
    report, marked = folder / "marks.xlsx", folder / "marked"
    return Run(folder, submissions, before, done, report, marked, inside=True, text=text.stdout)


@pytest.fixture(scope="module", params=["odd names", *SIZES])
def each(
    request: pytest.FixtureRequest, small: Run, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Each of the classes."""
    if request.param == "odd names":
        return small
    return judged_class(tmp_path_factory, request.param)


@pytest.fixture(
    scope="module", params=[pytest.param("csv", marks=pytest.mark.thorough), "odd names", *SIZES]
)
def marks(
    request: pytest.FixtureRequest, small: Run, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Listing]:
    """The table *Marks* of each class, and of the one with odd names as ``.csv`` too."""
    if request.param == "csv":
        return small, read_csv(small.folder / "marks.csv")[0]
    is_small = request.param == "odd names"
    run = small if is_small else judged_class(tmp_path_factory, request.param)
    book = openpyxl.load_workbook(run.report)
    return run, read_sheet(book["Tables"], MARKS)


@pytest.fixture(scope="module")
def book(run: Run) -> openpyxl.Workbook:
    """The class's report."""
    return openpyxl.load_workbook(run.report)


def test_marks_equal_the_json(marks: tuple[Run, Listing]) -> None:
    run, rows = marks
    judged = 0
    for submission, lines in rows_by_submission(run.submissions, rows):
        lines = [line for line in lines if line["verdict"] in JUDGED]
        tables = run.tables_of(submission)
        for line, table in zip(lines, tables, strict=True):
            assert plain(line["sheet"]) == plain(table["sheet"])
            assert line["exercise"] == table["exercise"]
            assert line["verdict"] == table["verdict"]
            assert number(line["lr"]) == pytest.approx(table["lr"], rel=1e-6)
            assert number(line["rows"]) == table["rows"]
            assert (number(line["findings"]) or 0) == len(table["faults"])
        judged += len(tables)
    assert judged == len(run.tables) >= 20


def test_files_that_cannot_be_judged_have_their_reason(marks: tuple[Run, Listing]) -> None:
    run, rows = marks
    reasons = dict.fromkeys((one.path for one in run.submissions), "")
    for line in run.done.stderr.splitlines():
        if line.startswith("Error: ") and "annotated copy" not in line:
            owners = [
                one
                for one in run.submissions
                if plain(line[7:]).startswith(plain(run.file_of(one)))
            ]
            assert owners, line
            reasons[owners[0].path] = plain(line[7:]).removeprefix(plain(run.file_of(owners[0])))
    assert len(list(filter(None, reasons.values()))) >= 9
    for submission, lines in rows_by_submission(run.submissions, rows):
        lines = [line for line in lines if line["verdict"] not in JUDGED]
        assert bool(lines) == bool(reasons[submission.path]), submission.path
        for line in lines:
            said = plain(" ".join(map(str, line.values())))
            if "network" in submission.kind:
                assert "anothernetwork" in said
                assert plain(line["sheet"]) in ("tanh", "Sheet1")
            else:
                assert reasons[submission.path] in said


def test_students(marks: tuple[Run, Listing]) -> None:
    run, rows = marks
    for submission, lines in rows_by_submission(run.submissions, rows):
        expected = {plain(submission.student)}
        if len(submission.below.parts) == 1:
            expected.add(plain(Path(submission.student).stem))
        for line in lines:
            assert plain(line["student"]) in expected


def test_the_share_of_right_columns(marks: tuple[Run, Listing]) -> None:
    """Of the same columns in all complete tables of the course; 1 where nothing is wrong."""
    run, rows = marks
    numbers = []
    for submission, lines in rows_by_submission(run.submissions, rows):
        lines = [line for line in lines if line["verdict"] in JUDGED]
        for line, table in zip(lines, run.tables_of(submission), strict=True):
            right = share(line["share"])
            assert 0 <= right <= 1
            wrong = len({finding["column"] for finding in table["faults"]})
            if wrong == 0:
                assert (right == 1) == (table["verdict"] == "right")
                continue
            assert right < 1
            other = re.search("incomplete|helper|form ", submission.kind)
            if table["exercise"] == "course" and not other:
                numbers.append((wrong, right))
    columns = min(range(19, 40), key=lambda n: sum(abs(r - 1 + k / n) for k, r in numbers))
    assert len(numbers) > 10
    for wrong, right in numbers:
        assert right == pytest.approx(1 - wrong / columns, abs=0.0051)


def test_the_first_finding_in_words(marks: tuple[Run, Listing]) -> None:
    run, rows = marks
    for submission, lines in rows_by_submission(run.submissions, rows):
        lines = [line for line in lines if line["verdict"] in JUDGED]
        for line, table in zip(lines, run.tables_of(submission), strict=True):
            said = one_line(line["first"] or "")
            if table["faults"]:
                assert table["faults"][0]["column"] in said
                assert one_line(table["faults"][0]["cause"]) in said
            else:
                assert not any(column in said for column in ("∂E/∂w3", "instead of"))


def test_the_links_to_the_details(run: Run, book: openpyxl.Workbook) -> None:
    """Each table with findings leads to its first row of *Findings*."""
    marks, findings = read_sheet(book["Tables"], MARKS), read_sheet(book["Findings"], FINDINGS)
    linked = 0
    at = 0  # of the findings that went by
    for index, line in enumerate(marks.rows):
        count = int(number(line["findings"]) or 0)
        sheet = book["Tables"]
        links = [
            cell.hyperlink.location
            for cell in sheet[marks.header + 1 + index]
            if cell.hyperlink is not None and cell.hyperlink.location
        ]
        if count:
            targets = [place(link) for link in links]
            rows = [int(re.sub(r"\D", "", cell)) for name, cell in targets if name == "Findings"]
            assert rows == [findings.header + 1 + at], line
            target = findings.rows[at]
            assert (target["file"], target["sheet"]) == (line["file"], line["sheet"])
            linked += 1
        at += count
    assert at == len(findings.rows)
    assert linked > 60


def test_all_findings(run: Run, book: openpyxl.Workbook) -> None:
    findings = read_sheet(book["Findings"], FINDINGS)
    expected = [
        (submission, table, finding)
        for submission in run.submissions
        for table in run.tables_of(submission)
        for finding in table["faults"]
    ]
    for row, (submission, table, finding) in zip(findings.rows, expected, strict=True):
        assert same_file(row["file"], submission)
        assert row["sheet"] == table["sheet"]
        assert row["count"] == finding["count"]
        assert str(row["first_cell"]).rpartition("!")[2] == home(table, finding)[1]
        for name in ("column", "formula", "expected_formula", "cause"):
            assert one_line(row[name] or "") == one_line(finding[name] or ""), name
        for name in ("found", "expected"):
            if isinstance(finding[name], int | float):
                assert number(row[name]) == pytest.approx(finding[name], rel=1e-6)
            elif finding[name] is not None:
                assert str(row[name]) == finding[name]


def test_the_findings_can_be_filtered(book: openpyxl.Workbook) -> None:
    sheet = book["Findings"]
    findings = read_sheet(sheet, FINDINGS)
    whole = sheet.auto_filter.ref or next(iter(sheet.tables.values())).ref
    left, top, right, bottom = range_boundaries(whole)
    assert top == findings.header
    assert bottom == findings.header + len(findings.rows)
    assert left <= min(findings.columns.values())
    assert right >= max(findings.columns.values())


def test_mistakes_count_submissions(run: Run, book: openpyxl.Workbook) -> None:
    mistakes = read_sheet(book["Mistakes"], MISTAKES)
    expected = groups(run)
    counted = {(row["column"], one_line(row["cause"])): row for row in mistakes.rows}
    assert len(counted) == len(mistakes.rows)
    counts = [row["submissions"] for row in mistakes.rows]
    assert counts == sorted(counts, reverse=True)
    common = ("∂E/∂w3", "another neuron's activation: a_h1 where a_h2 belongs")
    # Of the findings there are more: some submissions have the mistake in two tables.
    findings = [f for table in run.tables for f in table["faults"]]
    assert len(expected[common]) < sum((f["column"], f["cause"]) == common for f in findings)
    assert (mistakes.rows[0]["column"], one_line(mistakes.rows[0]["cause"])) == common
    special: Counter[str] = Counter()  # causes that name cells: one each, or put together
    for (column, cause), submissions in expected.items():
        if re.search(r"\b(?!E1\b|E2\b)[A-Z]{1,2}\d+\b|'.*'", cause):
            special[column] += len(submissions)
            continue
        row = counted.pop((column, one_line(cause)))
        assert row["submissions"] == len(submissions), (column, cause)
    rest: Counter[str] = Counter()
    for (column, _), row in counted.items():
        rest[column] += row["submissions"]
    assert rest == special


def test_the_share_of_submissions(run: Run, book: openpyxl.Workbook) -> None:
    """Of those that could be judged, or of all; the same for all mistakes."""
    rows = read_sheet(book["Mistakes"], MISTAKES).rows
    totals = {round(row["submissions"] / share(row["share"])) for row in rows[:3]}
    assert len(totals) == 1
    assert totals <= {
        len({students_path(one) for one in judged}) for judged in (run.judged, run.submissions)
    }
    for row in rows:
        assert share(row["share"]) == pytest.approx(row["submissions"] / min(totals), abs=0.0051)


def test_the_example_is_a_wrong_cell(run: Run, book: openpyxl.Workbook) -> None:
    for row in read_sheet(book["Mistakes"], MISTAKES).rows[:5]:
        said = plain(row["example"])
        assert any(
            home(table, finding)[1] in said
            for submission in run.submissions
            for table in run.tables_of(submission)
            for finding in table["faults"]
            if (finding["column"], one_line(finding["cause"]))
            == (row["column"], one_line(row["cause"]))
            and plain(submission.below) in said
        ), row


def test_the_chart_of_mistakes(run: Run, book: openpyxl.Workbook) -> None:
    """Its bars are the numbers of submissions, from the first row on, and are labeled."""
    mistakes = read_sheet(book["Mistakes"], MISTAKES)
    package = Package(run.report)
    (drawing,) = package.related(package.sheets["Mistakes"], "drawing")
    (chart,) = package.related(drawing, "chart")
    (bars,) = (one for one in package.tree(chart).iter() if local(one.tag) == "barChart")
    (series,) = children(bars, "ser")
    first = mistakes.header + 1
    ranges = {}
    for kind in ("cat", "val"):
        (said,) = (
            one.text
            for part in children(series, kind)
            for one in part.iter()
            if local(one.tag) == "f"
        )
        sheet, _, cells = said.rpartition("!")
        assert sheet.strip("'") == "Mistakes"
        ranges[kind] = range_boundaries(cells.replace("$", ""))
    units = [one.get("val") for one in package.tree(chart).iter() if local(one.tag) == "majorUnit"]
    most = max(row["submissions"] for row in mistakes.rows)
    assert units == (["1"] if most < MAX_WHOLE else []), "no half submissions"
    left, top, right, bottom = ranges["val"]
    assert left == right == mistakes.columns["submissions"]
    assert top == first
    assert top + min(len(mistakes.rows), 5) - 1 <= bottom < first + len(mistakes.rows)
    left, *rows_, right, last = (ranges["cat"][n] for n in (0, 1, 2, 3))
    assert (rows_, last) == ([top], bottom)
    words = {mistakes.columns["column"], mistakes.columns["cause"]}
    assert words & set(range(left, right + 1)) or all(
        book["Mistakes"].cell(row, left).value for row in range(top, bottom + 1)
    )


def test_columns_without_a_value_are_hidden(run: Run, book: openpyxl.Workbook) -> None:
    """Long lists of columns are ranges."""
    sheet = book["Tables"]
    for cell in sheet[1]:
        values = [row[cell.column - 1].value for row in sheet.iter_rows(min_row=2)]
        is_hidden = sheet.column_dimensions[cell.column_letter].hidden
        optional = ("not checked", "typed", "stored as text", "rounded")
        if cell.value in optional:
            assert is_hidden != any(values), cell.value
            assert not any("w1, w2, w3" in str(value) for value in values), cell.value


def test_nothing_in_the_report_is_a_formula(each: Run) -> None:
    assert list(Package(each.report).sheets)[:2] == ["Marks", "Tables"]
    for sheet in openpyxl.load_workbook(each.report):
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    assert re.match(r'=HYPERLINK\("#', cell.value), (sheet.title, cell)
                if cell.hyperlink is not None:
                    assert not re.match("https?:", cell.hyperlink.target or "")


def test_the_odd_names_are_all_there(small: Run) -> None:
    """As data: a text that starts with a sign stays what it is."""
    marks = read_sheet(openpyxl.load_workbook(small.report)["Tables"], MARKS)
    files = {str(row["file"]) for row in marks.rows}
    for sign in "=+-@":
        assert any(file.lstrip("'").startswith(sign) for file in files), "the test's own case"
    findings = read_sheet(openpyxl.load_workbook(small.report)["Findings"], FINDINGS)
    assert any(str(row["found"])[:1] in tuple("=+-@") for row in findings.rows)


def test_excel_opens_the_report(each: Run) -> None:
    assert problems_of(each.report) == []
    assert not errors_of(each.report)


@pytest.mark.thorough
@needs_libreoffice
def test_libreoffice_opens_the_report(run: Run, tmp_path: Path) -> None:
    (saved,) = convert([run.report], tmp_path / "saved")
    before, after = (
        read_sheet(openpyxl.load_workbook(path)["Tables"], MARKS) for path in (run.report, saved)
    )
    names = ("file", "student", "sheet", "verdict", "first")
    assert [[row[name] or "" for name in names] for row in after.rows] == [
        [row[name] or "" for name in names] for row in before.rows
    ]


# ---------------------------------------------------------------------------------------------
# CSV


def test_no_field_of_the_csv_is_a_formula(small: Run) -> None:
    marks, rows = read_csv(small.folder / "marks.csv")
    assert len({len(row) for row in rows}) == 1, "rows of different lengths"
    for row in rows:
        for text in row:
            assert not text.startswith(("=", "+", "-", "@", "\t", "\r")), text
    names = {one.student for one in small.submissions}
    assert {name[0] for name in names} >= set("=+-@"), "the test's own case"
    assert len(marks.rows) == len(
        read_sheet(openpyxl.load_workbook(small.report)["Tables"], MARKS).rows
    )


# ---------------------------------------------------------------------------------------------
# The terminal


def test_the_summary_ends_with_the_commonest_mistakes(small: Run) -> None:
    """The three of them, and how many submissions have each, not how many tables."""
    lines = small.text.splitlines()
    start = next(at for at, line in enumerate(lines) if re.match(r"\d+ files, \d+ tables", line))
    end = one_line(" ".join(lines[start + 1 :]))
    expected = sorted(groups(small).items(), key=lambda group: -len(group[1]))
    counts = [len(submissions) for _, submissions in expected[:4]]
    assert counts[0] > counts[1] > counts[2] > counts[3], "the test's own case"
    places = []
    for (column, cause), _ in expected[:3]:
        assert one_line(cause) in end
        places.append(end.index(one_line(cause)))
        assert column in end
    assert places == sorted(places)
    for (_, cause), _ in expected[3:]:
        if cause not in [known for (_, known), _ in expected[:3]]:
            assert one_line(cause) not in end
    for (column, cause), _ in expected[:3]:
        end = end.replace(one_line(cause), " ").replace(column, " ")
    numbers = iter(map(int, re.findall(r"\b\d+\b", end)))
    for count in counts[:3]:
        assert count in numbers, f"{counts} in {end!r}"
