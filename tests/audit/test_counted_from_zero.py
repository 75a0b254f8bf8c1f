"""Weights, neurons and errors that are numbered from 0 are right, with one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.check_command import judge_one
from fixtures.planted_tables import planted_sheet
from fixtures.student_workbooks import DELTA_ORDER, PLAIN, WITH_DELTAS, Form, Table, Transposed
from openpyxl import load_workbook

from backprop_sheet.audit.find.given_values import labeled_values
from backprop_sheet.audit.find.layouts import find_tables
from backprop_sheet.audit.recognition import recognize
from backprop_sheet.audit.report.reading_words import reading_notes
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise

WRONG = {"∂E/∂w8": PLAIN["∂E/∂w8"].replace("[a_h2]", "[a_h1]")}
Header = Callable[[str], str]


def from_zero(letters: str) -> Header:
    """Headers in which these letters are numbered from 0."""
    numbered = re.compile(rf"(?<![^\W_])([{letters}])(\d)")
    return lambda name: numbered.sub(lambda match: f"{match[1]}{int(match[2]) - 1}", name)


def in_matrices(form: str, matrices: str = "WV") -> Header:
    """Headers with the weights in two matrices, by row and column from 0."""

    def header(name: str) -> str:
        start, _, number = name.rpartition("w")
        if not number.isdigit():
            return from_zero("ithoE")(name)
        place = int(number) - 1
        return start + form.format(matrices[place // 4], place // 2 % 2, place % 2)

    return header


def others(header: Header, *changes: tuple[str, str]) -> Header:
    def changed(name: str) -> str:
        text = header(name)
        for old, new in changes:
            text = re.sub(old, new, text)
        return text

    return changed


ALL = from_zero("ithowE")
FIRST = "i0, w0, h0, o0, t0 and E0 are i1, w1, h1, o1, t1 and E1"
HEADERS: dict[str, tuple[Header, str]] = {
    "all": (ALL, FIRST),
    "brackets": (others(ALL, (r"(\d)", r"[\1]")), FIRST),
    "net and out": (others(ALL, ("^([ho])", r"net_\1"), ("^a_", "out_")), FIRST),
    "x and y": (others(ALL, ("^i", "x"), ("^t", "y"), ("^a_o", "ŷ")), FIRST),
    "weights": (from_zero("w"), "w0 is w1"),
    "neurons": (from_zero("ho"), "h0 and o0 are h1 and o1"),
    "given values": (from_zero("it"), "i0 and t0 are i1 and t1"),
    "errors": (from_zero("E"), "E0 is E1"),
    "matrices": (in_matrices("{}[{}][{}]"), "and so on; W[0][0] … V[1][1] are w1 … w8"),
    "layers": (in_matrices("W{}[{}][{}]", "01"), "and so on; W0[0][0] … W1[1][1] are w1 … w8"),
    "two digits": (in_matrices("{}{}{}"), "and so on; W00 … V11 are w1 … w8"),
}
LAYOUTS: dict[str, Callable[..., Any]] = {
    "rows": Table,
    "columns": Transposed,
    "form": lambda **options: Form(rows=1, new="{}+", **options),
}


@pytest.fixture(params=HEADERS.values(), ids=HEADERS)
def headers(request: pytest.FixtureRequest) -> tuple[Header, str]:
    pair: tuple[Header, str] = request.param
    return pair


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_one_sentence_and_no_finding(
    layout: Callable[..., Any], headers: tuple[Header, str], saved: Callable[..., Path]
) -> None:
    header, words = headers
    result = judge_one(saved(layout(header=header)))
    assert (result["verdict"], result["faults"]) == ("right", [])
    (note,) = result["warnings"]
    assert note.startswith("numbered from 0: ") and words in note
    assert result["not_checked"] == []


@pytest.mark.parametrize("layout", [Table, LAYOUTS["form"]], ids=["rows", "form"])
def test_a_mistake_is_found_in_its_own_column(
    layout: Callable[..., Any], headers: tuple[Header, str], saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(layout(header=headers[0], changes=WRONG)))
    assert [fault["column"] for fault in result["faults"]] == ["∂E/∂w8"]


@pytest.mark.parametrize("layout", [Table, LAYOUTS["form"]], ids=["rows", "form"])
def test_typed_numbers(
    layout: Callable[..., Any], headers: tuple[Header, str], saved: Callable[..., Path]
) -> None:
    path = saved(layout(header=headers[0]))
    load_workbook(path, data_only=True).save(path)
    result = judge_one(path)
    assert result["verdict"] == "right"
    assert [note for note in result["warnings"] if note.startswith("numbered from 0: ")]


def test_error_terms_count_with_their_neurons(saved: Callable[..., Path]) -> None:
    table = Table(header=ALL, order=DELTA_ORDER, formulas=WITH_DELTAS)
    result = judge_one(saved(table))
    assert (result["verdict"], len(result["warnings"])) == ("right", 1)


def test_a_finding_names_the_column_by_its_header(saved: Callable[..., Path]) -> None:
    notes = judge_one(saved(Table(header=ALL, changes=WRONG)))["warnings"]
    assert any("∂E/∂w8 is the column '∂E/∂w7' (" in note for note in notes)


def test_given_values_in_labelled_cells(saved: Callable[..., Path]) -> None:
    beside = {"i0": 0.05, "i1": 0.1, "t0": 0.01, "t1": 0.99}
    order = tuple(name for name in Table().order if name[0] not in "it")
    lower = re.compile(r"\[([it])(\d)\]")
    formulas = {
        name: lower.sub(lambda match: f"[{match[1]}{int(match[2]) - 1}]", formula)
        for name, formula in PLAIN.items()
    }
    result = judge_one(saved(Table(header=ALL, order=order, beside=beside, formulas=formulas)))
    assert (result["verdict"], len(result["warnings"])) == ("right", 1)
    assert FIRST in result["warnings"][0]


@pytest.mark.parametrize(
    ("layers", "neurons", "words"),
    [(1, 1, "h0_0 is h1_1"), (1, 0, "h0_1 is h1_1"), (0, 1, "h1_0 and h2_0 are h1_1 and h2_1")],
    ids=["both", "layers", "neurons"],
)
def test_hidden_layers(layers: int, neurons: int, words: str) -> None:
    deep = load_exercise("deep")
    sheet = planted_sheet(deep, system_of(deep), iterations=3)
    assert sheet is not None
    for place, text in sheet.values.items():
        if isinstance(text, str):
            sheet.values[place] = re.sub(
                r"(?<![^\W_])h(\d)_(\d)",
                lambda match: f"h{int(match[1]) - layers}_{int(match[2]) - neurons}",
                text,
            )
    (table,) = find_tables([sheet])
    recognized = recognize(table, labeled_values(table), [deep], 1e-6)
    assert recognized.comparison.wrong_columns == 0
    (note,) = reading_notes(recognized.reading, recognized.comparison.data.missing, ())
    assert note == f"numbered from 0: {words} in the exercise, and so on"
