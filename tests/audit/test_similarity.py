"""The sheet Similar: planted copies are listed first, independent work from one template is not."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fixtures.commands import invoke
from fixtures.course_mistakes import B2, D1, H2, MISTAKES
from fixtures.course_systems import (
    ANNA,
    BOB,
    JANE,
    JOERG,
    LI,
    LUKASZ,
    MARIA,
    ZOE,
    Person,
    Sent,
    as_folder,
    moodle_folders,
)
from fixtures.handing_out import (
    Checked,
    Handout,
    check_assignment,
    points_of,
    words_of,
)
from fixtures.sampling import some_of
from fixtures.student_workbooks import DIALECTS, Table, Transposed, book_of, rewrite

# Everybody has own numbers; JANE and JOERG are the pair into which copies are planted.
OTHERS = (ZOE, ANNA, LUKASZ, LI, MARIA, BOB)
COMMON = MISTAKES["w3 with h1's slope"].changes  # half of the class makes it
# Slips that nobody makes twice: what two have in common is improbable.
RARE = {
    "∂E/∂w6": f"{D1}*[a_h2]*[w6]",
    "o2": "[w7]*[a_h1]-[w8]*[a_h2]",
    "∂E/∂w4": f"{B2}*{H2}*[i2]*[i2]",
}
OWN_SLIPS: tuple[Mapping[str, Any], ...] = (
    COMMON,
    {},
    {**COMMON, **MISTAKES["E1 without the half"].changes},
    MISTAKES["h1 with w3"].changes,
    {**COMMON, **MISTAKES["w5 uphill"].changes},
    {},
)
TEMPLATE = ("Course staff", "2026-10-01T08:00:00Z")  # who made the file that all began with


@dataclass(frozen=True)
class Work:
    """One student's workbook."""

    table: Table
    made_by: tuple[str, str] = TEMPLATE

    def write(self, path: Path) -> bytes:
        """Write it with an author and a time of creation, as Excel does."""
        author, created = self.made_by

        def core(name: str, data: bytes) -> bytes:
            if name != "docProps/core.xml":
                return data
            text = re.sub(r"(<dc:creator>)[^<]*", rf"\g<1>{author}", data.decode("utf-8"))
            return re.sub(r"(<dcterms:created[^>]*>)[^<]*", rf"\g<1>{created}", text).encode(
                "utf-8"
            )

        return rewrite(book_of(self.table).write(path), core).read_bytes()


def independent(handout: Handout) -> dict[Person, Work]:
    """Six who filled in one template by themselves: one layout, one author, own slips."""
    return {
        person: Work(handout.numbers[str(person.moodle)].table(changes=slips))
        for person, slips in zip(OTHERS, OWN_SLIPS, strict=True)
    }


@dataclass(frozen=True)
class Planted:
    """What the pair handed in, and what must be said about it."""

    first: dict[str, Any] = field(default_factory=dict)
    second: dict[str, Any] = field(default_factory=dict)
    kind: Callable[..., Table] | None = None  # the layout of the second one
    made_by: tuple[str, str] = TEMPLATE
    has_numbers_of_first: bool = False
    word: str = ""

    def works(self, handout: Handout) -> dict[Person, Work]:
        jane, joerg = (handout.numbers[str(one.moodle)] for one in (JANE, JOERG))
        second = jane if self.has_numbers_of_first else joerg
        options: dict[str, Any] = {
            "rows": 4,
            "given": second.given,
            "weights": second.weights,
            "eta": second.rate,
        }
        table = (self.kind or Table)(**(options | self.second))
        return {
            JANE: Work(jane.table(**self.first), self.made_by),
            JOERG: Work(table, self.made_by),
        }


ODD = {"top": 9, "left": 5, "header": DIALECTS["difference"], "counter": "Runde", "sheet": "Blatt7"}
PLANTED = {
    "another student's numbers": Planted({}, {}, has_numbers_of_first=True, word="number"),
    "values changed": Planted(
        {"changes": RARE, **ODD}, {"changes": RARE, **ODD}, word="w6|o2|mistake"
    ),
    "retyped": Planted(
        {"changes": RARE}, {"changes": RARE, "digits": 8}, word="w6|o2|mistake"
    ),
    "re-laid out": Planted(
        {"changes": RARE},
        {"changes": RARE, "top": 14, "left": 3, "header": DIALECTS["net and out"], "rows": 9},
        word="w6|o2|mistake",
    ),
    "turned round": Planted(
        {"changes": RARE}, {"changes": RARE}, kind=Transposed, word="w6|o2|mistake"
    ),
    "one file's origin": Planted(
        {}, {"top": 12}, made_by=("jd2004", "2026-11-01T21:14:09Z"), word="author|created|origin"
    ),
}  # fmt: skip


def check(works: Mapping[Person, Work], handout: Handout, tmp_path: Path) -> Checked:
    tmp_path.mkdir(exist_ok=True)
    sent = [Sent(who, "hw.xlsx", work.write(tmp_path / "x.xlsx")) for who, work in works.items()]
    where = as_folder(moodle_folders(sent), tmp_path / "class")
    return check_assignment(where, handout, tmp_path / "marks.xlsx")


def pairs(checked: Checked) -> list[frozenset[str]]:
    """The pairs of the sheet Similar, in its order."""
    names = [person.name for person in (JANE, JOERG, *OTHERS)]
    if "Similar" not in openpyxl.load_workbook(checked.report, read_only=True).sheetnames:
        return []
    found = []
    for row in similar_rows(checked):
        both = {name for name in names if any(name in str(value) for value in row.values())}
        if len(both) == 2:
            found.append(frozenset(both))
    return found


def similar_rows(checked: Checked) -> list[dict[str, Any]]:
    book = openpyxl.load_workbook(checked.report)
    has_header = any(
        str(cell.value).lower().startswith("student")
        for r in book["Similar"].iter_rows()
        for cell in r
    )
    return checked.sheet("Similar", "student") if has_header else []


PAIR = frozenset({JANE.name, JOERG.name})


@pytest.mark.parametrize("name", some_of(PLANTED, 3))
def test_planted_copies_are_listed(name: str, class_handout: Handout, tmp_path: Path):
    """The pair, and nobody else."""
    works = {**independent(class_handout), **PLANTED[name].works(class_handout)}
    checked = check(works, class_handout, tmp_path)
    assert pairs(checked) == [PAIR]
    (row,) = (one for one in similar_rows(checked) if JANE.name in words_of(one))
    assert re.search(PLANTED[name].word, words_of(row), re.I), row


def test_the_same_file_is_listed(class_handout: Handout, tmp_path: Path):
    works = {**independent(class_handout), **PLANTED["values changed"].works(class_handout)}
    sent = [Sent(who, "hw.xlsx", work.write(tmp_path / "x.xlsx")) for who, work in works.items()]
    original = next(one for one in sent if one.person is JANE)
    sent = [one if one.person is not JOERG else Sent(JOERG, "mine.xlsx", original.content)
            for one in sent]  # fmt: skip
    where = as_folder(moodle_folders(sent), tmp_path / "class")
    checked = check_assignment(where, class_handout, tmp_path / "marks.xlsx")
    assert pairs(checked) == [PAIR]
    assert re.search("same file|identical", words_of(similar_rows(checked)[0]))


def test_independent_work_from_one_template_is_not_listed(class_handout: Handout, tmp_path: Path):
    """One layout, one author, one time of creation, and the class's commonest mistakes."""
    checked = check(independent(class_handout), class_handout, tmp_path)
    assert pairs(checked) == []


def test_unchanged_hand_outs_are_not_listed(class_handout: Handout, tmp_path: Path):
    """Nobody has typed anything: what they have in common is our template."""
    checked = check_assignment(class_handout.folder, class_handout, tmp_path / "marks.xlsx")
    assert pairs(checked) == []


@pytest.mark.thorough
def test_a_mistake_that_many_make_is_no_evidence(class_handout: Handout, tmp_path: Path):
    """The same slips are listed where two make them, and not where all do."""
    works = independent(class_handout) | PLANTED["retyped"].works(class_handout)
    everybody = {
        person: Work(class_handout.numbers[str(person.moodle)].table(changes=RARE))
        for person in works
    }
    assert pairs(check(works, class_handout, tmp_path / "two")) == [PAIR]
    assert pairs(check(everybody, class_handout, tmp_path / "all")) == []


def test_the_least_probable_pair_comes_first(class_handout: Handout, tmp_path: Path):
    """Two pairs: one shares a whole file, the other one rare slip."""
    works = independent(class_handout) | PLANTED["values changed"].works(class_handout)
    slip = {"∂E/∂w8": "([a_o2]-[t2])*[a_o2]*(1-[a_o2])*[a_h2]*[w8]"}
    for person in (LI, BOB):
        works[person] = Work(class_handout.numbers[str(person.moodle)].table(changes=slip))
    found = pairs(check(works, class_handout, tmp_path))
    assert found[0] == PAIR
    assert set(found) <= {PAIR, frozenset({LI.name, BOB.name})}


@pytest.mark.thorough
def test_both_places_are_linked(class_handout: Handout, tmp_path: Path):
    works = independent(class_handout) | PLANTED["retyped"].works(class_handout)
    checked = check(works, class_handout, tmp_path)
    sheet = openpyxl.load_workbook(checked.report)["Similar"]
    links = [
        str(cell.hyperlink.target) for row in sheet.iter_rows() for cell in row if cell.hyperlink
    ]
    for person in (JANE, JOERG):
        assert any(str(person.moodle) in link for link in links), links


def test_it_is_evidence_and_no_verdict(class_handout: Handout, tmp_path: Path):
    """No word of guilt, and not a point less."""
    works = independent(class_handout) | PLANTED["retyped"].works(class_handout)
    checked = check(works, class_handout, tmp_path / "both")
    alone = check({JANE: works[JANE]}, class_handout, tmp_path / "alone")
    assert checked.points(JANE.name) == alone.points(JANE.name)
    for sheet in openpyxl.load_workbook(checked.report):
        for row in sheet.iter_rows(values_only=True):
            for value in row:
                assert not re.search(r"cheat|plagiar|fraud|copied|guilt|suspect", str(value), re.I)


def test_one_student_is_no_pair_of_attempts(class_handout: Handout, tmp_path: Path):
    """Two attempts of one student are the same file twice, and no evidence of anything."""
    work = independent(class_handout)[ZOE].write(tmp_path / "x.xlsx")
    sent = [Sent(ZOE, "hw.xlsx", work), Sent(ZOE, "hw2.xlsx", work)]
    where = as_folder(moodle_folders(sent), tmp_path / "class")
    assert pairs(check_assignment(where, class_handout, tmp_path / "marks.xlsx")) == []


def test_our_own_workbook_handed_in_is_noted(class_handout: Handout, tmp_path: Path):
    """Made by ``sheet`` with the student's numbers: all right, and not the student's work."""
    own = class_handout.numbers[str(BOB.moodle)]
    arguments: list[object] = ["--lrs", own.rate, "--iterations", 3]
    arguments += ["--weights", ",".join(map(repr, own.weights.values()))]
    arguments += ["--inputs", f"{own.given['i1']},{own.given['i2']}"]
    arguments += ["--targets", f"{own.given['t1']},{own.given['t2']}"]
    path = tmp_path / "own.xlsx"
    assert invoke("sheet", *arguments, "-o", path).exit_code == 0
    works = independent(class_handout)
    sent = [Sent(p, "hw.xlsx", w.write(tmp_path / "x.xlsx")) for p, w in works.items() if p != BOB]
    sent.append(Sent(BOB, "hw.xlsx", path.read_bytes()))
    where = as_folder(moodle_folders(sent), tmp_path / "class")
    checked = check_assignment(where, class_handout, tmp_path / "marks.xlsx")
    book = openpyxl.load_workbook(checked.report)
    lines = [
        " ".join(str(value) for value in row if value is not None)
        for name in ("Marks", "Similar")
        for row in book[name].iter_rows(values_only=True)
    ]
    assert any(BOB.name in line and re.search("gradsheet|this tool", line) for line in lines)
    assert not any(re.search("written by gradsheet", line) for line in lines if ZOE.name in line)


def test_solutions_are_noted_too(class_handout: Handout, tmp_path: Path):
    """A student who came by the teacher's solutions."""
    solutions = class_handout.folder.parent / "solved"
    folder = tmp_path / "class" / f"Jane Doe_{JANE.moodle}_assignsubmission_file_"
    folder.mkdir(parents=True)
    path = next(one for one in solutions.glob("*.xlsx") if str(JANE.moodle) in one.name)
    shutil.copy(path, folder / "hw.xlsx")
    checked = check_assignment(tmp_path / "class", class_handout, tmp_path / "marks.xlsx")
    row = checked.mark(JANE.name)
    assert re.search("gradsheet|this tool|solution", words_of(row), re.I)
    assert points_of(row) is not None
