"""A class of thirty with personal headers: each mistake of a student is counted once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from fixtures.check_command import run
from fixtures.student_workbooks import PLAIN, Table, book_of
from openpyxl import load_workbook

HEADERS: list[Mapping[str, str]] = [
    {},
    {f"w{n}": f"Gewicht {n}" for n in range(1, 9)},
    {"h1": "z_1", "a_h1": "H1", "h2": "z_2", "a_h2": "H2"},
    {"a_h1": "foo", "E1": "bar"},
    {"a_h2": "a_h1"},
    {f"∂E/∂w{n}": f"ӘE/Әw{n}" for n in range(1, 9)},
]
MISTAKES = {
    "∂E/∂w3": ("∂E/∂w3", PLAIN["∂E/∂w3"].replace("[a_h2]", "[a_h1]")),
    "w6": ("w6", PLAIN["w6"].replace("]-", "]+")),
    "o2": ("o2", "[w7]*[a_h1]"),
    "E1": ("E1", "([t1]-[a_o1])^2"),
    "δ_o1": ("δ_o1", "([a_o1]-[t1])*[a_o1]*(1+[a_o1])"),
}
REPORTED = {"δ_o1": "∂E/∂o1"}


def class_of_thirty(folder: Path) -> Counter[str]:
    """Write the workbooks; return how many students have each mistake."""
    random.seed(3)
    expected: Counter[str] = Counter()
    for number in range(30):
        mistakes = random.sample(list(MISTAKES), number % 3)
        deltas = {"δ_o1": "([a_o1]-[t1])*[a_o1]*(1-[a_o1])", "∂E/∂w5": "[δ_o1]*[a_h1]"}
        headers = HEADERS[number % len(HEADERS)]
        table = Table(
            order=(*Table().order, "δ_o1"),
            formulas={**PLAIN, **deltas},
            header=lambda name, headers=headers: headers.get(name, name),  # type: ignore[misc]
            changes=dict(MISTAKES[name] for name in mistakes),
        )
        (folder / f"student {number:02}").mkdir(parents=True)
        book_of(table).write(folder / f"student {number:02}" / "own.xlsx")
        expected.update(REPORTED.get(name, name) for name in mistakes)
    return expected


@pytest.mark.thorough
def test_each_mistake_of_a_student_is_counted_once(tmp_path: Path) -> None:
    expected = class_of_thirty(tmp_path / "class")
    result = run(tmp_path / "class", "--report", tmp_path / "r.xlsx")
    assert result.exit_code == 1
    header, *rows = load_workbook(tmp_path / "r.xlsx")["Mistakes"].iter_rows(
        max_col=5, values_only=True
    )
    counted: Counter[str] = Counter()
    for row in rows:
        if row[0]:
            values = dict(zip(header, row, strict=True))
            counted[str(values["column"])] += int(str(values["submissions"]))
    assert counted == expected
    marks = load_workbook(tmp_path / "r.xlsx")["Tables"]
    verdicts = Counter(row[4] for row in marks.iter_rows(min_row=2, values_only=True))
    assert verdicts == {"right": 10, "wrong": 20}
