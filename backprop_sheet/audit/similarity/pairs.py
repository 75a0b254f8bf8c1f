"""Pairs of students whose workbooks have more in common than chance explains in their class.

How probable it is that a student has a trait, such as a mistake, is taken from the others in the
class: what many have says nothing. The score of a pair is -ln of how many such pairs are to be
expected by chance in the class. Traits of one cause are counted once, since they come together.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from backprop_sheet.audit.feedback_level import FeedbackLevel
from backprop_sheet.audit.read.references import Cell
from backprop_sheet.audit.results import TableResult, WorkbookResult
from backprop_sheet.audit.similarity.model import FileTrace, Slip, TableTrace
from backprop_sheet.audit.submissions.collection import Submission
from gradsheet.words import count, join

MAX_PAIRS = 200
_MIN_SCORE = math.log(20)  # at most one pair is listed by chance in 20 classes
_MAX_SCORE = math.log(1e9)
_ONCE = 0.5  # is added to the number of others with a trait, as zero is only what was seen
# How probable a trait is that differs between any two works, unless few others have the same.
_UNIQUE = {"file": 1e-12, "numbers": 1e-9, "origin": 1e-9}
# So many students, or this share of the class, can have the same of one another. More of them have
# it from a common template; a file with results is none.
_FEW, _FEW_SHARE = 3, {"file": 0.5, "numbers": 0.15, "origin": 0.1}
_TELLING = 1.0  # the least surprise of what is named
MAX_NAMED = 8  # mistakes
OWN_WORKBOOK = "the workbook was written by gradsheet with all values"
_INDEX = re.compile(r"\d+")

Trait = tuple[Hashable, ...]  # its kind, and what it is


@dataclass(frozen=True)
class Place:
    """Where a trait of a student is.

    Attributes:
        file: as the user knows it.
        sheet: "" for the whole file.
    """

    file: Path
    sheet: str = ""
    cell: Cell = (1, 1)


@dataclass(frozen=True)
class Pair:
    """Two students, and what their workbooks have in common.

    Attributes:
        evidence: in words.
        chance: how many such pairs are to be expected by chance in this class.
        places: where the evidence is in each one's work.
    """

    students: tuple[str, str]
    evidence: str
    chance: float
    places: tuple[Place, Place]


@dataclass(frozen=True)
class OwnWorkbook:
    """A workbook with all values that this project wrote, handed in as it is or changed."""

    student: str
    place: Place


@dataclass
class _Work:
    """What one student handed in."""

    student: str
    traits: dict[Trait, Place] = field(default_factory=dict)
    slips: dict[tuple[str, str], Slip] = field(default_factory=dict)  # by column and pattern

    @property
    def causes(self) -> set[str]:
        """The different kinds of mistakes."""
        return {_head(slip.cause) for slip in self.slips.values()}


class Similarities:
    """Collects what the works of a class tell, and finds the pairs that stand out."""

    def __init__(self) -> None:
        self._works: dict[Path, _Work] = {}
        self.own_workbooks: list[OwnWorkbook] = []

    def add(self, owner: Submission, result: WorkbookResult) -> None:
        """Add the result of a file.

        Args:
            owner: whose it is; all files of a student are one work.
        """
        trace = result.trace
        if trace is None or not any(table.begun_rows for table in result.tables):
            return
        name = f"{owner.student} ({owner.identifier})" if owner.identifier else owner.student
        work = self._works.setdefault(owner.place, _Work(name))
        whole = Place(result.path)
        if trace.has_solution:
            self.own_workbooks.append(OwnWorkbook(name, whole))
        for trait in _traits_of_file(trace):
            work.traits[trait] = whole
        for table in result.tables:
            if table.trace is not None and table.begun_rows:
                _add_table(work, table, table.trace, trace, result.path)

    def pairs(self, level: FeedbackLevel = FeedbackLevel.FULL) -> list[Pair]:
        """Return the pairs that stand out, the least probable first.

        Args:
            level: how much is told about the mistakes that are the same.
        """
        works = list(self._works.values())
        frequency = _Frequency(works)
        found = []
        for first, second in combinations(works, 2):
            if not frequency.may_stand_out(first, second):
                continue
            shared = _Shared.of(first, second)
            score = frequency.score(shared)
            if score > _MIN_SCORE:
                found.append((score, shared))
        found.sort(key=lambda item: (-item[0], item[1].first.student, item[1].second.student))
        words = _Words(frequency, level)
        return [words.pair(score, shared) for score, shared in found[:MAX_PAIRS]]


def origin_note(trace: FileTrace | None) -> str:
    """Say that this project wrote a workbook with its values; "" for any other."""
    return OWN_WORKBOOK if trace is not None and trace.has_solution else ""


def _traits_of_file(trace: FileTrace) -> Iterator[Trait]:
    yield ("file", trace.digest)
    if trace.created:
        yield ("origin", trace.author, trace.created)


def _add_table(
    work: _Work, result: TableResult, trace: TableTrace, file: FileTrace, path: Path
) -> None:
    start = Place(path, trace.sheet, trace.cell)
    if trace.numbers:
        work.traits[("numbers", trace.numbers)] = start
    if not file.is_ours:
        work.traits[("layout", trace.layout)] = start
    for slip in trace.slips:
        place = Place(path, slip.sheet or result.sheet, slip.cell)
        work.slips[slip.column, slip.pattern] = slip
        work.traits[("column", slip.column, slip.pattern)] = place
        work.traits[("slip", slip.column, slip.cause, slip.pattern)] = place


def _head(cause: str) -> str:
    """Return the kind of a mistake: its cause, whichever neuron or weight it is about."""
    return _INDEX.sub("", cause)


@dataclass(frozen=True)
class _Shared:
    """What two works have in common.

    Attributes:
        traits: all but mistakes.
        slips: the same mistakes, each with the trait by which it is the same.
    """

    first: _Work
    second: _Work
    traits: tuple[Trait, ...]
    slips: tuple[tuple[Slip, Trait], ...]

    @classmethod
    def of(cls, first: _Work, second: _Work) -> _Shared:
        """Return what they share. An equal file says all that its parts would say."""
        common = first.traits.keys() & second.traits.keys()
        kinds = ("file", "numbers", "origin", "layout")
        traits = tuple(
            trait for kind in kinds for trait in sorted(common, key=repr) if trait[0] == kind
        )
        if traits and traits[0][0] == "file":
            telling = tuple(trait for trait in traits if trait[0] in ("file", "numbers"))
            return cls(first, second, telling, ())
        return cls(first, second, traits, tuple(_shared_slips(first, second)))

    def place_in(self, work: _Work) -> Place:
        """Return where the evidence is, the most telling first."""
        unique = [trait for trait in self.traits if trait[0] != "layout"]
        every = [*(trait for _, trait in self.slips), *unique, *self.traits]
        if unique and unique[0][0] == "numbers":
            every.insert(0, unique[0])
        return work.traits[every[0]]


def _shared_slips(first: _Work, second: _Work) -> Iterator[tuple[Slip, Trait]]:
    for key, slip in first.slips.items():
        other = second.slips.get(key)
        if other is None:
            continue
        if other.cause == slip.cause:
            yield slip, ("slip", slip.column, slip.cause, slip.pattern)
        elif slip.is_typed or other.is_typed:  # by its values, a mistake can have several causes
            known = other if slip.is_typed else slip
            yield known, ("column", slip.column, slip.pattern)


class _Frequency:
    """How many students of a class have each trait, and how probable it is by that."""

    def __init__(self, works: list[_Work]) -> None:
        self.students = len(works)
        self.having: Counter[Trait] = Counter(trait for work in works for trait in work.traits)
        different = sum(trait[0] == "numbers" for trait in self.having)
        self._has_own_numbers = 2 * different > self.students
        self._of_pairs = math.log(max(self.students * (self.students - 1) / 2, 1))
        self._surprise = {trait: self._surprise_of(trait) for trait in self.having}

    def may_stand_out(self, first: _Work, second: _Work) -> bool:
        """Return quickly whether the score of a pair could be high enough."""
        common = first.traits.keys() & second.traits.keys()
        most = sum(self._surprise[trait] for trait in common)
        return most - self._of_pairs > _MIN_SCORE

    def surprise(self, trait: Trait) -> float:
        """Return -ln of the probability that a student has a trait by chance."""
        return self._surprise[trait]

    def _surprise_of(self, trait: Trait) -> float:
        having, others = self.having[trait], max(self.students - 1, 1)
        kind = str(trait[0])
        few = having <= max(_FEW, _FEW_SHARE.get(kind, 0) * self.students)
        if kind == "numbers" and not self._has_own_numbers:
            few = False
        # A lesson has many files of one second; and all of a small class may have one template.
        if kind == "origin" and (not trait[1] or 2 * having > self.students):
            few = False
        if kind in _UNIQUE and few:
            return -math.log(_UNIQUE[kind])
        return -math.log(min(max(having - 2 + _ONCE, _ONCE) / others, 1.0))

    def score(self, shared: _Shared) -> float:
        """Return -ln of how many pairs with so much in common are to be expected by chance."""
        by_cause: dict[str, float] = {}
        for slip, trait in shared.slips:
            head = _head(slip.cause)
            by_cause[head] = max(by_cause.get(head, 0.0), self.surprise(trait))
        total = sum(by_cause.values())
        total += sum(self.surprise(trait) for trait in shared.traits)
        # So many choices of the mistakes that could have been the common ones.
        kinds = min(len(shared.first.causes), len(shared.second.causes))
        total -= math.log(math.comb(max(kinds, len(by_cause)), len(by_cause)))
        return total - self._of_pairs


class _Words:
    """Says what pairs have in common."""

    def __init__(self, frequency: _Frequency, level: FeedbackLevel) -> None:
        self._frequency, self._level = frequency, level

    def pair(self, score: float, shared: _Shared) -> Pair:
        """Return a pair with what tells something: not what most of the class has."""
        surprise = self._frequency.surprise
        traits = [trait for trait in shared.traits if surprise(trait) >= _TELLING]
        words = list(dict.fromkeys(map(_words, traits)))  # several attempts can be equal
        if shared.slips:
            words.append(self._slips(shared))
        first, second = shared.first, shared.second
        return Pair(
            (first.student, second.student),
            "; ".join(words),
            math.exp(-min(score, _MAX_SCORE)),
            (self._place(shared, first), self._place(shared, second)),
        )

    def _place(self, shared: _Shared, work: _Work) -> Place:
        """Return where the evidence is; only the file if it is not told which cells are wrong."""
        place = shared.place_in(work)
        return place if self._level.tells_places or not shared.slips else Place(place.file)

    def _slips(self, shared: _Shared) -> str:
        """Name the mistakes, the rarest first."""
        having = self._frequency.having
        slips = sorted(shared.slips, key=lambda item: (having[item[1]], item[0].column))
        start = f"the same {count(len(slips), 'mistake')} in the same rows"
        if not self._level.tells_places:
            return start
        named = [self._slip(slip, having[trait]) for slip, trait in slips[:MAX_NAMED]]
        more = [f"{len(slips) - MAX_NAMED} more"] if len(slips) > MAX_NAMED else []
        return f"{start}: {join([*named, *more])}"

    def _slip(self, slip: Slip, having: int) -> str:
        cause = f"{slip.cause}, " if self._level.tells_causes else ""
        return f"{slip.column} ({cause}{having} of {self._frequency.students} students)"


def _words(trait: Trait) -> str:
    match trait:
        case ("file", _):
            return "the same file"
        case ("numbers", _):
            return "the same given numbers"
        case ("origin", "", created):
            return f"the same time of creation ({created})"
        case ("origin", author, created):
            return f"the same author and time of creation ({author}, {created})"
    return "the same place and headers of the table"
