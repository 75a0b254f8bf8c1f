"""Every label of a form with a value is a column; the numbers decide which quantity it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures import student_workbooks
from fixtures.check_command import judge, judge_one
from fixtures.generated_judgement import judge_result, judged
from fixtures.generated_mistakes import Mistake
from fixtures.generated_relations import GIVEN, plain
from fixtures.generated_workbooks import Description, Rounding, generate
from fixtures.student_workbooks import COURSE_ORDER, DELTA_ORDER, PLAIN, WITH_DELTAS, Form

from backprop_sheet.audit.workbook_audit import audit_workbook

WEIGHTS = [f"w{n}" for n in range(1, 9)]
OWN_WORDS = {name: f"Größe {chr(97 + n // 5)}{n % 5}" for n, name in enumerate(COURSE_ORDER)}
LABELS: dict[str, Mapping[str, str]] = {
    "one without a meaning": {"∂E/∂w1": "slope one"},
    "gradients without a meaning": {f"∂E/∂{name}": f"slope at {name}" for name in WEIGHTS},
    "sums and activations": {
        "h1": "I_h1", "h2": "I_h2", "o1": "I_o1", "o2": "I_o2",
        "a_h1": "O_h1", "a_h2": "O_h2", "a_o1": "O_o1", "a_o2": "O_o2",
    },
    "weights in matrices": {
        "w1": "gewicht u11", "w2": "gewicht u12", "w3": "gewicht u21", "w4": "gewicht u22",
        "w5": "gewicht v11", "w6": "gewicht v12", "w7": "gewicht v21", "w8": "gewicht v22",
    },
    "all but the given values": {
        name: word for name, word in OWN_WORDS.items() if name[0] not in "it"
    },
}  # fmt: skip
WRONG = {"∂E/∂w8": PLAIN["∂E/∂w8"].replace("[a_h2]", "[a_h1]")}


def form(labels: Mapping[str, str], new: str = "{}+", **options: object) -> Form:
    return Form(rows=1, new=new, header=lambda name: labels.get(name, name), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("new", ["{}+", "{}", "new {}"])
def test_a_right_form_is_right_under_any_labels(
    labels: Mapping[str, str], new: str, saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(form(labels, new)))
    assert (result["verdict"], result["faults"]) == ("right", []), result["warnings"]


@pytest.mark.parametrize("labels", [*LABELS.values()][:-1], ids=[*LABELS][:-1])
def test_a_mistake_in_a_form_is_found_under_any_labels(
    labels: Mapping[str, str], saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(form(labels, changes=WRONG)))
    assert [fault["column"] for fault in result["faults"]] == ["∂E/∂w8"]


def test_a_label_with_a_remark_may_be_that_of_the_updated_weight(
    saved: Callable[..., Path],
) -> None:
    remarks = {name: f"{name} (i{n % 2 + 1}→h1)" for n, name in enumerate(WEIGHTS)}
    result = judge_one(saved(form(remarks)))
    assert (result["verdict"], result["faults"]) == ("right", [])


@pytest.mark.parametrize("options", [[], ["--exercise", "course"]])
def test_labels_beside_formulas_of_something_else_are_no_form(
    options: list[str], saved: Callable[..., Path]
) -> None:
    book = student_workbooks.Book()
    for row in range(1, 31):
        book.put("Budget", row, 1, f"Posten {row}")
        book.put("Budget", row, 2, 10.0 if row < 4 else f"=B{row - 1}+B{row - 2}*2")
    code, tables = judge(saved(book), *options)
    assert (code, tables) == (2, [])


def test_the_updated_weight_of_a_label_that_lacks_its_number(saved: Callable[..., Path]) -> None:
    result = judge_one(saved(form({"w5": "w"})))
    assert (result["verdict"], result["faults"]) == ("right", [])


def test_deltas_of_a_form_may_have_the_other_sign(saved: Callable[..., Path]) -> None:
    negative = {
        **{name: f"-1*{formula}" for name, formula in WITH_DELTAS.items() if name[:4] == "∂E/∂"},
        "δ_o1": "([t1]-[a_o1])*[a_o1]*(1-[a_o1])",
        "δ_o2": "([t2]-[a_o2])*[a_o2]*(1-[a_o2])",
    }
    result = judge_one(saved(form({}, order=DELTA_ORDER, formulas={**WITH_DELTAS, **negative})))
    assert (result["verdict"], result["faults"]) == ("right", [])


def test_a_form_of_which_nothing_is_found_is_not_judged(saved: Callable[..., Path]) -> None:
    words = {name: f"Größe {n}" for n, name in enumerate(COURSE_ORDER)}
    other = saved(form(words, new="Ergebnis {}"))
    exercise = other.with_suffix(".toml")
    exercise.write_text(
        "title = '2-3-1'\nnetwork = {neurons = [2, 3, 1], activations = ['sigmoid', 'sigmoid']}\n"
        "parameters = {seed = 1}\nsamples = [{inputs = [0.5, 0.1], targets = [0.7]}]\n"
        "[training]\nloss = 'half_squared_error'\n"
    )
    code, tables = judge(other, "--exercise", str(exercise))
    assert (code, tables) == (2, [])


@pytest.mark.parametrize("digits", [2, 4])
def test_an_updated_weight_typed_among_formulas_must_be_exact(
    digits: int, saved: Callable[..., Path]
) -> None:
    book = student_workbooks.book_of(form({}))
    place = form({}).position("new w8", 0)
    book.put(*place, round(book.shown(*place), digits))
    result = judge_one(saved(book))
    assert [fault["column"] for fault in result["faults"]] == ["w8"]


def test_updated_weights_that_are_all_typed_may_be_rounded(saved: Callable[..., Path]) -> None:
    book = student_workbooks.book_of(form({}))
    places = [form({}).position(f"new {weight}", 0) for weight in WEIGHTS]
    rounded = {place: round(book.shown(*place), 4) for place in places}
    for place, value in rounded.items():
        book.put(*place, value)
    assert judge_one(saved(book))["verdict"] == "right"


@pytest.mark.parametrize("seed", [21018, 21491, 22095, 22139])  # öğrenme oranı, rate, l
def test_what_all_updates_use_is_the_learning_rate_under_any_label(
    seed: int, tmp_path: Path
) -> None:
    workbook = generate(seed)
    judgement = judge_result(workbook, audit_workbook(workbook.write(tmp_path / "book.xlsx")))
    assert judgement.fits, judgement


def test_a_note_on_missing_labels_names_none_that_were_recognized(
    saved: Callable[..., Path],
) -> None:
    labels = {name: f"slope of {name[4:]}" for name in COURSE_ORDER if name[:4] == "∂E/∂"}
    placed = form(labels)
    book = student_workbooks.book_of(placed)
    for row, column in (placed.label_position("∂E/∂w5", 0)[1:], placed.position("∂E/∂w5", 0)[1:]):
        book.put(placed.sheet, row, column, None)
    notes = " ".join(judge_one(saved(book))["warnings"])
    assert "missing: ∂E/∂w5" in notes
    assert "slope" not in notes


@pytest.mark.parametrize("seed", [20016])  # typed with 8 decimals, weights in matrices, Russian
def test_a_typed_form_is_judged_by_its_numbers(seed: int, tmp_path: Path) -> None:
    workbook = generate(seed)
    judgement = judge_result(workbook, audit_workbook(workbook.write(tmp_path / "book.xlsx")))
    assert judgement.fits, judgement


def test_delta_output_1_is_not_the_gradient_of_weight_1(tmp_path: Path) -> None:
    """It ends as "weight 1" does, but "gradient w1" is that gradient, although it is wrong."""
    description = form_of("output delta", "plain english", "source")
    wrong = "({d_o1}*{w5}+{d_o2}*{w2})*{ah1}*(1-{ah1})*{i1}"
    mistakes = (Mistake("planted", "g1", wrong, ".*"),)
    assert judged(replace(description, mistakes=mistakes), tmp_path).fits


def test_labels_go_down_one_column_and_then_the_next(tmp_path: Path) -> None:
    """With 4 decimals, o2 follows from w36 and w46 in either order."""
    description = form_of("full", "italian", "nodes", biases=True)
    layout = replace(description.layout, form_pairs=3)
    rounded = replace(description, layout=layout, rounding=Rounding("typed", 4))
    assert judged(rounded, tmp_path).fits


def form_of(backward: str, vocabulary: str, numbering: str, *, biases: bool = False) -> Description:
    """The exercise in a form of one iteration."""
    description = plain(1, backward=backward)
    numbers = {**dict(description.numbers), **({"b1": 0.35, "b2": 0.6} if biases else {})}
    given = (*GIVEN, *(name for name in numbers if name[0] == "b"), "eta")
    own = [name for name in description.layout.order if name not in (*given, "iteration")]
    layout = replace(
        description.layout,
        kind="form", vocabulary=vocabulary, numbering=numbering, given_place="cells",
        given=given, order=(*given, *own),
    )  # fmt: skip
    style = replace(description.style, biases=biases)
    return replace(
        description, style=style, numbers=tuple(numbers.items()), iterations=1, layout=layout
    )


class WideForm(Form):
    """A form whose labels are merged with, or written across, two columns that are empty."""

    def position(self, name: str, row: int) -> tuple[str, int, int]:
        sheet, at, column = super().position(name, row)
        return sheet, at, column if row < 0 else column + 2


@pytest.mark.parametrize("rows", [1, 2])
def test_values_may_stand_behind_empty_columns(rows: int, saved: Callable[..., Path]) -> None:
    for changes, wrong in (({}, []), ({"∂E/∂w3": "[∂E/∂w4]"}, ["∂E/∂w3"])):
        form = WideForm(rows=rows, new="{}+", changes=changes)
        table = judge_one(saved(form))
        assert [fault["column"] for fault in table["faults"]] == wrong
        assert (table["rows"], table["lr"]) == (rows, 0.5)
