"""Points of workbooks that were marked by hand: the sums are worked out in the comments.

The exercise gives forward 2, error 1, gradients 5 and updates 2 points. A group's points are shared
evenly by its columns: forward 8 (h1, a_h1 … a_o2), error 3, gradients 8, updates 8 (w1 … w8). All
mistakes here are in every row of their column, so that it earns nothing, however rows are counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fixtures.commands import invoke
from fixtures.course_mistakes import MISTAKES
from fixtures.handing_out import (
    COURSE_NUMBERS,
    EXERCISE,
    GROUPS,
    Checked,
    Handout,
    Numbers,
    Worksheet,
    check_assignment,
    check_given,
    make_worksheet,
    points_of,
    solved,
    words_of,
    write_exercise,
)
from fixtures.student_workbooks import (
    COURSE_ORDER,
    GRADIENTS,
    WEIGHTS,
    Table,
    Transposed,
    book_of,
)

from backprop_sheet.audit.results import WRONG, ColumnScore, TableResult
from backprop_sheet.exercise.column_groups import ColumnGroup
from backprop_sheet.marking.points import PointRules
from backprop_sheet.marking.points import points_of as points_of_table


def mistake(*names: str) -> dict[str, Any]:
    """The formulas of mistakes of the catalogue."""
    return {column: one for name in names for column, one in MISTAKES[name].changes.items()}


def empty(*columns: str) -> dict[str, Any]:
    return {column: lambda _: None for column in columns}


@dataclass(frozen=True)
class Marked:
    """A table, and what it earns in each group of the 2, 1, 5 and 2 points."""

    forward: float
    error: float
    gradients: float
    updates: float
    changes: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return self.forward + self.error + self.gradients + self.updates

    def table(self) -> Table:
        return COURSE_NUMBERS.table(changes=self.changes, **self.options)


CASES = {
    "all right": Marked(2, 1, 5, 2),
    # one of 8 gradients: 5·7/8 = 4.375; w3 follows from the own gradient: right
    "w3 with h1's slope": Marked(2, 1, 4.375, 2, mistake("w3 with h1's slope")),
    # two of 8: 5·6/8 = 3.75
    "w3 and w4": Marked(2, 1, 3.75, 2, mistake("w3 and w4 with h1's slope")),
    # one of 3 errors: 1·2/3; E_total adds the own E1 and E2, and no gradient uses E1
    "E1 without the half": Marked(2, 2 / 3, 5, 2, mistake("E1 without the half")),
    # one of 8 forward columns: 2·7/8 = 1.75; a_h1 and all after it follow from the own h1
    "h1 with w3": Marked(1.75, 1, 5, 2, mistake("h1 with w3")),
    # likewise the activation
    "a_h2 of h1": Marked(1.75, 1, 5, 2, mistake("a_h2 of h1")),
    # both sums: 2·6/8 = 1.5
    "o1 and o2": Marked(1.5, 1, 5, 2, mistake("o1 from h1 and h2", "o2 from h1")),
    # one of 8 updates: 2·7/8 = 1.75
    "w5 uphill": Marked(2, 1, 5, 1.75, mistake("w5 uphill")),
    # all 8 updates: 0
    "uphill everywhere": Marked(2, 1, 5, 0, mistake("uphill everywhere")),
    # three groups: 1.75 + 2/3 + 4.375 + 2
    "h1, E1 and w3": Marked(
        1.75, 2 / 3, 4.375, 2, mistake("h1 with w3", "E1 without the half", "w3 with h1's slope")
    ),
    # no gradient column, and the weights stay as they are: nothing for gradients and updates
    "no gradients": Marked(
        2, 1, 0, 0, {w: f"[{w}@-1]" for w in WEIGHTS}, {"order": COURSE_ORDER[:23]}
    ),
    # the headers are there, the cells are empty: the same
    "empty gradients": Marked(2, 1, 0, 0, empty(*GRADIENTS)),
    # one gradient is empty: 5·7/8, and w8 never changes: 2·7/8
    "w8's gradient is empty": Marked(2, 1, 4.375, 1.75, empty("∂E/∂w8")),
    # only what is given and the hidden layer: 2·4/8 = 1
    "the hidden layer alone": Marked(
        1, 0, 0, 0, {w: f"[{w}@-1]" for w in WEIGHTS},
        {"order": ("t1", "t2", "i1", "i2", "w1", "w2", "w3", "w4", "h1", "a_h1", "h2", "a_h2",
                   "w5", "w6", "w7", "w8")},
    ),
    # right, in other forms
    "typed": Marked(2, 1, 5, 2, {}, {"digits": 8}),
    "more rows": Marked(2, 1, 5, 2, {}, {"rows": 20}),
    "gradient wrong, more rows": Marked(
        2, 1, 4.375, 2, mistake("w3 with h1's slope"), {"rows": 20}
    ),
}  # fmt: skip


def check(folder: Path, *options: object, text: str = EXERCISE) -> Checked:
    return check_given(
        folder, write_exercise(folder.parent, text), folder.parent / "marks.xlsx", *options
    )


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """All cases as one class."""
    folder = tmp_path_factory.mktemp("points") / "class"
    for name, case in CASES.items():
        (folder / name).mkdir(parents=True)
        book_of(case.table()).write(folder / name / "hw.xlsx")
    return check(folder)


@pytest.mark.parametrize("name", CASES)
def test_points_by_hand(name: str, marked: Checked):
    case, row = CASES[name], marked.mark(name)
    assert points_of(row) == pytest.approx(case.total, abs=0.006)
    for group in GROUPS:
        (shown,) = (value for header, value in row.items() if group in header)
        assert shown == pytest.approx(getattr(case, group), abs=0.006), group


def test_one_row_per_student_and_one_per_table(marked: Checked):
    assert [row["student"] for row in marked.marks] == sorted(CASES)
    assert [row["student"] for row in marked.sheet("Tables", "student")] == sorted(CASES)


# ---------------------------------------------------------------------------------------------
# How the points are shared


@pytest.mark.parametrize(
    ("options", "marks", "points"),
    [
        (("--points", 20), "", 18.75),  # 9.375·2
        (("--points", 1), "", 0.9375),
        (("--points", 7.5), "", 7.03125),  # 9.375·0.75
        ((), "gradients = 1", 8.75),  # nothing else counts: 10·7/8
        ((), "forward = 1", 10),
        ((), "forward = 20\nerror = 10\ngradients = 50\nupdates = 20", 9.375),  # proportions
        ((), "forward = 0.2\nerror = 0.1\ngradients = 0.5\nupdates = 0.2", 9.375),
        ((), None, 10 * 26 / 27),  # no [marks]: 8 + 3 + 8 + 8 columns, one of 27 is wrong
    ],
)
def test_marks_and_points(options: Any, marks: str | None, points: float, tmp_path: Path):
    head, _, rest = EXERCISE.partition("[marks]")
    individual = "[individual]" + rest.partition("[individual]")[2]
    text = EXERCISE
    if marks is None:
        text = head + individual
    elif marks:
        text = f"{head}[marks]\n{marks}\n\n{individual}"
    (tmp_path / "class").mkdir()
    table = CASES["w3 with h1's slope"].table()
    book_of(table).write(tmp_path / "class" / "hw.xlsx")
    (row,) = check(tmp_path / "class", *options, text=text).marks
    assert points_of(row) == pytest.approx(points, abs=0.006)


@pytest.mark.parametrize("points", ["0", "-1", "nan", "inf", "ten", "1e9"])
def test_impossible_points_are_refused(points: str, tmp_path: Path):
    path = book_of(COURSE_NUMBERS.table()).write(tmp_path / "hw.xlsx")
    arguments = ("--exercise", write_exercise(tmp_path), "--given", "--points", points)
    done = invoke("check", path, *arguments, "--report", tmp_path / "marks.xlsx")
    assert done.exit_code == 2 and "--points" in done.output


@pytest.mark.parametrize("text", ["forward = -1", "backward = 1", "forward = 0", "forward = nan"])
def test_impossible_marks_are_refused(text: str, tmp_path: Path):
    head, _, rest = EXERCISE.partition("[marks]")
    text = f"{head}[marks]\n{text}\n\n[individual]{rest.partition('[individual]')[2]}"
    path = write_exercise(tmp_path, text)
    done = invoke("sheet", "--exercise", path, "-o", tmp_path / "x.xlsx")
    assert done.exit_code == 2 and "marks" in done.output
    assert len(done.output.strip().splitlines()) == 1


# ---------------------------------------------------------------------------------------------
# What earns nothing, or not everything


def one(tmp_path: Path, table: Table) -> dict[str, Any]:
    (tmp_path / "class" / "jane").mkdir(parents=True)
    book_of(table).write(tmp_path / "class" / "jane" / "hw.xlsx")
    return check(tmp_path / "class").mark("jane")


def test_zero_weights_earn_nothing(tmp_path: Path):
    zero = Numbers(COURSE_NUMBERS.given, dict.fromkeys(WEIGHTS, 0.0), COURSE_NUMBERS.rate)
    assert points_of(one(tmp_path, zero.table())) == 0


@pytest.mark.parametrize("marks", [(), ("--no-marks",)])
@pytest.mark.parametrize("groups", ["all", "gradients", "forward"])
def test_an_untouched_template_earns_nothing(groups: str, marks: Any, tmp_path: Path):
    """Also where our own formulas stand in the columns that are not blank."""
    (tmp_path / "class" / "jane").mkdir(parents=True)
    path = tmp_path / "class" / "jane" / "hw.xlsx"
    make_worksheet(path, "--blank", groups, *marks, exercise=write_exercise(tmp_path))
    assert points_of(check(tmp_path / "class").mark("jane")) == 0


def test_an_untouched_handout_earns_nothing(class_handout: Handout, tmp_path: Path):
    checked = check_assignment(class_handout.folder, class_handout, tmp_path / "marks.xlsx")
    assert [points_of(row) for row in checked.marks] == [0] * len(class_handout.students)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_half_filled_worksheet(share: float, tmp_path: Path):
    """Something, but not everything; and no more than a fuller one."""
    exercise, points = write_exercise(tmp_path), []
    for number, part in enumerate((share, share + 0.25, 1)):
        folder = tmp_path / f"class {number}" / "jane"
        folder.mkdir(parents=True)
        worksheet = make_worksheet(tmp_path / f"{number}.xlsx", "--blank", "all", exercise=exercise)
        values = solved(COURSE_NUMBERS.table(), worksheet.blanks)
        chosen = worksheet.blanks[: int(part * len(worksheet.blanks))]
        Worksheet.type(worksheet, {place: values[place] for place in chosen})
        worksheet.save(folder / "hw.xlsx")
        points.append(points_of(check(folder.parent).mark("jane")) or 0)
    assert 0 <= points[0] < points[1] < points[2] == 10


def test_the_first_row_alone_is_not_everything(tmp_path: Path):
    """At least the required iterations: without them there are no updates."""
    row = one(tmp_path, COURSE_NUMBERS.table(rows=1))
    points = points_of(row)
    assert points is not None and points <= 8
    assert re.search("iteration|rows", words_of(row))


@pytest.mark.parametrize(
    "table",
    [
        Transposed(rows=4, changes=mistake("w3 with h1's slope")),
        COURSE_NUMBERS.table(changes=mistake("w3 with h1's slope"), left=7, top=12),
        COURSE_NUMBERS.table(changes=mistake("w3 with h1's slope"), repeat="typed", rate="column"),
    ],
    ids=["transposed", "elsewhere", "a column of η"],
)
def test_the_layout_does_not_matter(table: Table, tmp_path: Path):
    assert points_of(one(tmp_path, table)) == pytest.approx(9.375, abs=0.006)


def test_the_table_with_the_given_numbers_counts(tmp_path: Path):
    """Further tables at other rates are the student's own; none is added to the points."""
    tables = [
        COURSE_NUMBERS.table(eta=2.0, top=3),
        COURSE_NUMBERS.table(top=15),
        COURSE_NUMBERS.table(eta=0.1, top=30, changes=mistake("w3 with h1's slope")),
    ]
    (tmp_path / "class" / "jane").mkdir(parents=True)
    book_of(*tables).write(tmp_path / "class" / "jane" / "hw.xlsx")
    checked = check(tmp_path / "class")
    assert checked.points("jane") == 10
    assert len(checked.sheet("Tables", "student")) == 3


def test_a_right_table_at_another_rate_does_not_count(tmp_path: Path):
    tables = [
        COURSE_NUMBERS.table(top=3, changes=mistake("w3 with h1's slope")),
        COURSE_NUMBERS.table(eta=2.0, top=15),
    ]
    (tmp_path / "class" / "jane").mkdir(parents=True)
    book_of(*tables).write(tmp_path / "class" / "jane" / "hw.xlsx")
    assert check(tmp_path / "class").points("jane") == pytest.approx(9.375, abs=0.006)


# ---------------------------------------------------------------------------------------------
# Notes as columns


@pytest.mark.parametrize(
    ("options", "header"),
    [({"digits": 99}, "typed"), ({"digits": 6}, "rounded"),
     ({"text": ("i1", "w1")}, "text")],
)  # fmt: skip
def test_notes_are_columns(options: dict[str, Any], header: str, tmp_path: Path):
    row = one(tmp_path, COURSE_NUMBERS.table(**options))
    (note,) = (value for name, value in row.items() if header in name)
    assert note not in (None, "", 0)
    assert points_of(row) == 10


def test_no_notes_where_there_is_nothing_to_note(marked: Checked):
    row = marked.mark("all right")
    for word in ("typed", "rounded", "text"):
        (note,) = (value for name, value in row.items() if word in name)
        assert note in (None, "", 0)


def test_a_worksheet_without_stored_values_is_not_checked(tmp_path: Path):
    """As programs save it, nothing can be read from it: that is no untouched worksheet."""
    worksheet = tmp_path / "class" / "jane" / "w.xlsx"
    worksheet.parent.mkdir(parents=True)
    assert invoke("sheet", "--blank", "gradients", "-o", worksheet).exit_code == 0
    openpyxl.load_workbook(worksheet).save(worksheet)
    done = invoke("check", worksheet)
    assert done.exit_code == 2
    assert "without stored values" in done.output + done.stderr


def test_points_are_rounded_half_up():
    scores = tuple(ColumnScore(f"w{n}", ColumnGroup.UPDATES, 3 * (n > 2), 3) for n in range(16))
    table = TableResult("x", "S", "course", WRONG, 4, 0.5, scores=scores, begun_rows=4)
    assert points_of_table(table, PointRules()).total == 8.13  # 8.125, and 13 of 16 right
