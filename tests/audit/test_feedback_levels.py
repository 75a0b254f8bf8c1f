"""``--feedback``: how much the copies and the report tell, from everything to right or wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import openpyxl
import pytest
from fixtures.commands import invoke
from fixtures.course_mistakes import MISTAKES
from fixtures.handing_out import COURSE_NUMBERS, write_exercise
from fixtures.sampling import some_of
from fixtures.student_workbooks import Book, Table, book_of, mistakes_in
from oracles.office_package import Package, problems_of
from oracles.open_xml import errors_of

NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Level:
    """What a level tells."""

    cells: bool
    cause: bool
    values: bool


LEVELS = {
    "full": Level(cells=True, cause=True, values=True),
    "cause": Level(cells=True, cause=True, values=False),
    "place": Level(cells=True, cause=False, values=False),
    "verdict": Level(cells=False, cause=False, values=False),
}
WRONG = ("w3 with h1's slope", "E1 without the half", "o1 with w5 twice")


@dataclass(frozen=True)
class Case:
    """A workbook with one mistake, and what would give it away."""

    book: Book
    table: Table
    name: str

    @classmethod
    def of(cls, name: str) -> Case:
        table = COURSE_NUMBERS.table(changes=MISTAKES[name].changes)
        return cls(book_of(table), table, name)

    @property
    def first_cell(self) -> str:
        (cells,) = mistakes_in(self.book, self.table).values()
        return cells[0].cell

    def values(self) -> list[float]:
        """What was found, and what was expected."""
        (cells,) = mistakes_in(self.book, self.table).values()
        return [float(str(number)) for cell in cells for number in (cell.found, cell.expected)]

    def tells_cells(self, text: str) -> bool:
        return re.search(rf"(?<![A-Z$]){self.first_cell}(?!\d)", text) is not None

    def tells_cause(self, text: str) -> bool:
        return all(re.search(word, text, re.I) for word in MISTAKES[self.name].words)

    def tells_values(self, text: str) -> bool:
        shown = [float(number) for number in NUMBER.findall(text)]
        return any(
            abs(number - value) <= 1e-3 * abs(value) for number in shown for value in self.values()
        )

    def tells_formulas(self, text: str) -> bool:
        """A formula, the student's or the right one: cells with operators between them."""
        return (
            re.search(r"\b[A-Z]+\d+\)?[*/+-]\(?\d?-?[A-Z]+\d+", text.replace(" ", "")) is not None
        )


def assert_level(text: str, case: Case, level: Level) -> None:
    assert case.tells_cells(text) == level.cells
    assert case.tells_cause(text) == level.cause
    assert case.tells_values(text) == level.values
    if not level.values:
        assert not case.tells_formulas(text), "the right formula is the solution"


def report_text(path: Path) -> str:
    """All that a report says."""
    cells = (cell for sheet in openpyxl.load_workbook(path) for row in sheet for cell in row)
    return "\n".join(str(cell.value) for cell in cells if cell.value is not None)


def run(case: Case, level: str, tmp_path: Path, *options: object) -> str:
    folder = tmp_path / "class" / "jane"
    folder.mkdir(parents=True)
    case.book.write(folder / "hw.xlsx")
    arguments = ("--exercise", write_exercise(tmp_path), "--feedback", level, *options)
    done = invoke("check", tmp_path / "class", *arguments)
    assert done.exit_code == 1, done.output
    return done.output


def added_text(original: Path, copy: Path) -> str:
    """All that a copy says and the original does not: notes, further sheets, changed cells."""
    before, after = Package(original), Package(copy)
    said = []
    for sheet, part in after.worksheets.items():
        old = before.cells(before.worksheets[sheet]) if sheet in before.worksheets else {}
        for address, cell in after.cells(part).items():
            text = after.text_of(cell) + " " + cell.formula
            if (
                address not in old
                or before.text_of(old[address]) + " " + old[address].formula != text
            ):
                said.append(text)
        said += [f"{address}: {note.text}" for address, note in after.notes(part).items()]
        said += [f"{place} {goal}" for place, goal in after.links(part).items()]
    return "\n".join(said)


@pytest.mark.parametrize("name", some_of(WRONG, 1))
@pytest.mark.parametrize("level", LEVELS)
def test_copies_tell_what_the_level_allows(level: str, name: str, tmp_path: Path):
    case = Case.of(name)
    run(case, level, tmp_path, "--annotate", tmp_path / "marked")
    (copy,) = (tmp_path / "marked").rglob("*.xlsx")
    original = tmp_path / "class" / "jane" / "hw.xlsx"
    assert_level(added_text(original, copy), case, LEVELS[level])
    assert errors_of(copy) == errors_of(original)
    assert problems_of(copy) == []


@pytest.mark.parametrize("level", LEVELS)
def test_marked_cells(level: str, tmp_path: Path):
    """A wrong cell has a colour of its own where its place is told, and only there."""
    case = Case.of("w3 with h1's slope")
    run(case, level, tmp_path, "--annotate", tmp_path / "marked")
    (copy,) = (tmp_path / "marked").rglob("*.xlsx")
    original = Package(tmp_path / "class" / "jane" / "hw.xlsx")
    looks = []
    for package in (original, Package(copy)):
        cells = package.cells(package.worksheets[case.table.sheet])
        looks.append(package.look(cells[case.first_cell]))
    assert (looks[0] != looks[1]) == LEVELS[level].cells


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("level", LEVELS)
def test_reports_tell_what_the_level_allows(level: str, name: str, tmp_path: Path):
    case = Case.of(name)
    run(case, level, tmp_path, "--report", tmp_path / "marks.xlsx")
    text = report_text(tmp_path / "marks.xlsx")
    assert_level(text, case, LEVELS[level])
    assert "wrong" in text, "the verdict is always told"


@pytest.mark.parametrize("level", LEVELS)
def test_a_csv_report_tells_no_more(level: str, tmp_path: Path):
    case = Case.of("w3 with h1's slope")
    run(case, level, tmp_path, "--report", tmp_path / "marks.csv")
    text = (tmp_path / "marks.csv").read_text(encoding="utf-8-sig")
    allowed = LEVELS[level]
    assert allowed.cause or not case.tells_cause(text)
    assert allowed.values or not (case.tells_values(text) or case.tells_formulas(text))


def test_the_package_hides_nothing(tmp_path: Path):
    """At the lowest level no part of the copy has what is not told, hidden sheets included."""
    case = Case.of("w3 with h1's slope")
    run(case, "verdict", tmp_path, "--annotate", tmp_path / "marked")
    (copy,) = (tmp_path / "marked").rglob("*.xlsx")
    before, after = Package(tmp_path / "class" / "jane" / "hw.xlsx"), Package(copy)
    for part, data in after.parts.items():
        if data != before.parts.get(part) and not part.startswith("xl/worksheets/"):
            text = re.sub(r"<[^>]+>", " ", data.decode("utf-8", "replace"))
            assert not case.tells_values(text), part
            assert not case.tells_cause(text), part


def test_full_is_what_there_is_without_the_option(tmp_path: Path):
    """The marks of today do not change."""
    case, texts = Case.of("w3 with h1's slope"), []
    for number, options in enumerate(((), ("--feedback", "full"))):
        folder = tmp_path / str(number) / "class"
        folder.mkdir(parents=True)
        case.book.write(folder / "hw.xlsx")
        target = folder.parent / "marked"
        done = invoke("check", folder, "--annotate", target, *options)
        assert done.exit_code == 1
        (copy,) = target.rglob("*.xlsx")
        texts.append(added_text(folder / "hw.xlsx", copy).replace(str(folder.parent), ""))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("level", ["", "none", "FULL ", "all"])
def test_an_unknown_level_is_refused(level: str, tmp_path: Path):
    path = Case.of("w3 with h1's slope").book.write(tmp_path / "hw.xlsx")
    done = invoke("check", path, "--feedback", level, "--annotate", tmp_path / "marked")
    assert done.exit_code == 2 and "--feedback" in done.output
    assert not (tmp_path / "marked").exists()


@pytest.mark.parametrize("level", LEVELS)
def test_a_copy_that_is_checked_again_has_the_marks_once(level: str, tmp_path: Path):
    """What an earlier copy told is taken out, whatever its level was."""
    case = Case.of("w3 with h1's slope")
    run(case, level, tmp_path, "--annotate", tmp_path / "marked")
    arguments = ("--exercise", tmp_path / "exercise.toml", "--annotate", tmp_path / "again")
    done = invoke("check", tmp_path / "marked", *arguments, "--feedback", "verdict")
    assert done.exit_code == 1, done.output
    (copy,) = (tmp_path / "again").rglob("*.xlsx")
    assert_level(added_text(tmp_path / "class" / "jane" / "hw.xlsx", copy), case, LEVELS["verdict"])
    package = Package(copy)
    assert not any(package.notes(part) for part in package.worksheets.values())


def test_a_cause_is_no_formula(tmp_path: Path):
    """The right formula of an update is short; a cause that quotes it would be the solution."""
    case = Case.of("w5 uphill")
    run(case, "cause", tmp_path, "--report", tmp_path / "marks.xlsx")
    text = report_text(tmp_path / "marks.xlsx")
    assert "a wrong sign" in text
    assert not re.search(r"w\d\[n-1\] - η\*∂E/∂w\d", text)


def test_the_verdict_alone_names_no_columns(tmp_path: Path):
    """Typed, rounded and unchecked columns, and how many are right, are more than a verdict."""
    case = Case.of("w3 with h1's slope")
    table = replace(case.table, digits=8)
    typed = Case(book_of(table), table, case.name)
    run(typed, "verdict", tmp_path, "--report", tmp_path / "marks.xlsx")
    assert not re.search(r"∂E/∂w\d|\bw5\b|\d %", report_text(tmp_path / "marks.xlsx"))
    sheet = openpyxl.load_workbook(tmp_path / "marks.xlsx")["Tables"]
    header, row = sheet.iter_rows(values_only=True)
    row_of = dict(zip(header, row, strict=True))
    assert row_of["verdict"] == "wrong" and row_of["points"] is not None
    assert not any(row_of[title] for title in ("right columns", "findings", "typed"))
