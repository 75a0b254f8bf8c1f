"""What stands out in a class: rare traits that two share, and hardly ever chance."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.results import TableResult, WorkbookResult
from backprop_sheet.audit.similarity import traces
from backprop_sheet.audit.similarity.model import FileTrace, Slip, TableTrace
from backprop_sheet.audit.similarity.pairs import Pair, Similarities
from backprop_sheet.audit.submissions.collection import Submission, SubmittedFile
from backprop_sheet.audit.workbook_audit import audit_submitted

Work = tuple[FileTrace, TableTrace]
# Some mistakes are common, most are rare.
MISTAKES = [(f"w{n % 8 + 1}", f"cause {chr(97 + n)}") for n in range(40)]


def work(
    number: object,
    slips: Iterable[int] = (),
    *,
    origin: tuple[str, str] = ("Course staff", "2026-10-01T08:00:00"),
    numbers: object = None,
    layout: str = "template",
) -> Work:
    """One student's work: ``slips`` are numbers of :data:`MISTAKES`."""
    made = tuple(Slip(*MISTAKES[slip], "all", False, "S", (5, 5)) for slip in slips)
    own = str(number if numbers is None else numbers)
    return FileTrace(str(number), *origin), TableTrace("S", own, layout, (1, 1), made)


def similarities(works: Iterable[Work], begun: int = 4) -> Similarities:
    found = Similarities()
    for number, (file, table) in enumerate(works):
        path = Path(f"{number:03}")
        result = TableResult(
            str(path), "S", "course", "wrong", begun, 0.5, begun_rows=begun, trace=table
        )
        found.add(Submission(path.name, "", path), WorkbookResult(path, (result,), trace=file))
    return found


def listed(works: Iterable[Work]) -> list[tuple[str, str]]:
    return [pair.students for pair in similarities(works).pairs()]


def by_themselves(students: int, seed: int) -> Iterator[Work]:
    """Works with mistakes that are drawn independently, one template, and own numbers."""
    rng = random.Random(seed)
    weights = [1 / (place + 1) for place in range(len(MISTAKES))]
    for number in range(students):
        drawn = rng.choices(range(len(MISTAKES)), weights, k=min(int(rng.expovariate(1 / 3)), 12))
        yield work(f"own {number}", dict.fromkeys(drawn))


@pytest.mark.parametrize("students", [5, 12, 30, 100])
def test_independent_works_are_hardly_ever_listed(students: int) -> None:
    """In at most one class of twenty; so many classes are tried that chance hardly matters."""
    classes = 60 if students < 100 else 10
    with_pairs = sum(bool(listed(by_themselves(students, seed))) for seed in range(classes))
    assert with_pairs <= classes / 10


@pytest.mark.parametrize("students", [12, 30, 300])
def test_a_pair_with_rare_mistakes_is_found_in_any_class(students: int) -> None:
    rare = [39, 38, 37, 36]
    works = [
        (file, TableTrace("S", table.numbers, "t", (1, 1), tuple(_common(table))))
        for file, table in by_themselves(students - 2, 1)
    ]
    assert ("000", "001") in listed([work("a", rare), work("b", rare), *works])


def _common(table: TableTrace) -> Iterator[Slip]:
    for slip in table.slips:
        if slip.cause < f"cause {chr(97 + 20)}":
            yield slip


UNIQUE = {
    "a file": [work("a"), work("a")],
    "a file of five": [work("a")] * 5,
    "numbers": [work("a", numbers="x"), work("b", numbers="x")],
    "an origin": [work(name, origin=("jd", "2026-11-01T21:14:09")) for name in "ab"],
}


@pytest.mark.parametrize("name", UNIQUE)
@pytest.mark.parametrize("students", [10, 40, 300])
def test_what_is_unique_is_enough(name: str, students: int) -> None:
    planted = UNIQUE[name]
    found = listed([*planted, *by_themselves(students - len(planted), 2)])
    assert {place for pair in found for place in pair} == {f"{n:03}" for n in range(len(planted))}


COMMON = {
    "one time of creation without an author": [
        work(n, origin=("", f"2026-11-01T21:14:{n // 2:02}")) for n in range(30)
    ],
    "sections with templates of their own": [
        work(n, origin=("Tutor", f"2026-11-01T21:14:{n // 10:02}")) for n in range(30)
    ],
    "the book's numbers": [work(n, numbers="book" if n else "own") for n in range(30)],
    "two books' numbers": [work(n, numbers="one" if n > 1 else "two") for n in range(30)],
    "an odd layout alone": [work(n, layout="odd" if n < 2 else "usual") for n in range(30)],
    "one rare mistake": [work(n, [39] if n < 2 else []) for n in range(30)],
    "the same mistakes in all": [work(n, [39, 38, 37, 36]) for n in range(30)],
    "two students": [work(n, [39, 38]) for n in range(2)],
    "one student": [work(0)],
}


@pytest.mark.parametrize("name", COMMON)
def test_what_is_common_or_little_is_not_enough(name: str) -> None:
    assert listed(COMMON[name]) == []


def test_mistakes_of_one_kind_count_once() -> None:
    """A wrong idea shows in many columns, which is no more evidence than in one."""
    slips = tuple(
        Slip(f"w{n}", f"a wrong sign: + instead of - in w{n}", "all", False, "S", (5, n))
        for n in range(1, 9)
    )
    first = [(FileTrace(name), TableTrace("S", name, "t", (1, 1), slips)) for name in "ab"]
    assert listed([*first, *by_themselves(28, 3)]) == []


def test_nothing_that_was_done_is_no_evidence() -> None:
    """Untouched templates are equal files."""
    assert similarities([work("a")] * 2 + [work(n) for n in range(9)], begun=0).pairs() == []


def test_mistakes_are_told_as_the_level_says() -> None:
    rare = [39, 38, 37, 36]
    found = similarities([work("a", rare), work("b", rare), *by_themselves(20, 5)])

    def evidence(level: FeedbackLevel) -> str:
        pair: Pair = found.pairs(level)[0]
        return pair.evidence

    assert "cause" in evidence(FeedbackLevel.FULL)
    assert "w8" in evidence(FeedbackLevel.PLACE)
    assert "cause" not in evidence(FeedbackLevel.PLACE)
    assert "w8" not in evidence(FeedbackLevel.VERDICT)


def test_a_file_keeps_its_result_whatever_its_traces_do(
    saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fixtures.student_workbooks import Table

    def fail(*_: object) -> None:
        raise ValueError("damaged")

    path = saved(Table(rows=4))
    before = audit_submitted(SubmittedFile(path, path))
    for name in ("_origin", "_given_numbers"):
        monkeypatch.setattr(traces, name, fail)
    after = audit_submitted(SubmittedFile(path, path))
    assert before.trace is not None
    assert after.trace is None
    assert after.tables[0].verdict == before.tables[0].verdict == "right"
