"""Tables whose order, signs or words are a student's own, as hand-made workbooks have them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.check_command import assert_right, judge_one
from fixtures.student_workbooks import (
    COURSE_ORDER,
    DELTA_ORDER,
    PLAIN,
    WEIGHTS,
    WITH_DELTAS,
    Book,
    Table,
    Transposed,
    book_of,
)

OTHER_WORDS = {
    **{f"{kind}{n}": word.format(n) for n in (1, 2) for kind, word in {
        "i": "x_{}", "t": "target_{}", "h": "zin_{}", "a_h": "zout_{}", "o": "yin_{}",
        "a_o": "yout_{}", "E": "Err_{}"}.items()},
    "E_total": "SSE",
}  # fmt: skip


def in_other_words(name: str) -> str:
    return OTHER_WORDS.get(name, name)


def test_a_sum_with_two_weights_exchanged_is_no_other_numbering(saved: Callable[..., Path]) -> None:
    wrong = {"o1": "[w6]*[a_h1]+[w5]*[a_h2]"}
    table = judge_one(saved(Table(header=in_other_words, changes=wrong)))
    assert [fault["column"] for fault in table["faults"]] == ["o1"]


def test_nor_is_it_under_headers_of_another_notation(saved: Callable[..., Path]) -> None:
    places = ["1_11", "1_12", "1_21", "1_22", "2_11", "2_12", "2_21", "2_22"]

    def header(name: str) -> str:
        text = re.sub(r"w([1-8])", lambda match: f"w^{places[int(match[1]) - 1]}", name)
        return text.replace("∂E", "∂C")

    wrong = {"o2": "[w7]*[a_h2]+[w8]*[a_h1]"}
    table = judge_one(saved(Table(header=header, changes=wrong)))
    assert [fault["column"] for fault in table["faults"]] == ["o2"]


def test_exchanged_headers_of_two_weights_are_another_numbering(saved: Callable[..., Path]) -> None:
    swap = str.maketrans("56", "65")

    def header(name: str) -> str:
        return in_other_words(name.translate(swap) if "w" in name else name)

    assert_right(judge_one(saved(Table(header=header))))


def test_other_letters_with_the_same_numbers_are_another_notation(
    saved: Callable[..., Path],
) -> None:
    letters = {"h1": "v1", "h2": "v2", "a_h1": "o_h1", "a_h2": "o_h2", "o1": "vo1", "o2": "vo2"}
    letters |= {"t1": "d1", "t2": "d2", "a_o1": "y1", "a_o2": "y2", "E_total": "ξ"}
    table = judge_one(saved(Table(header=lambda name: letters.get(name, name))))
    assert_right(table)
    assert table["warnings"] == [
        "the notation differs from the exercise's, and is consistent: v1 and v2 are h1 and h2 there"
    ]


class NewestFirst(Table):
    """The first iteration stands in the last row."""

    def position(self, name: str, row: int) -> tuple[str, int, int]:
        return super().position(name, self.rows - 1 - row if row >= 0 else row)


class NewestAtTheLeft(Transposed):
    """The first iteration stands in the last column."""

    def position(self, name: str, row: int) -> tuple[str, int, int]:
        return super().position(name, self.rows - 1 - row if row >= 0 else row)


@pytest.mark.parametrize("kind", [NewestFirst, NewestAtTheLeft])
@pytest.mark.parametrize("digits", [None, 8], ids=["formulas", "typed"])
def test_the_newest_iteration_may_stand_first(
    kind: type[Table], digits: int | None, saved: Callable[..., Path]
) -> None:
    assert_right(judge_one(saved(kind(digits=digits))))
    wrong = {"∂E/∂w6": PLAIN["∂E/∂w5"], "w2": PLAIN["w2"].replace("-[η]", "+[η]")}
    table = judge_one(saved(kind(digits=digits, changes=wrong)))
    assert {fault["column"]: fault["cause"].partition(":")[0] for fault in table["faults"]} == {
        "w2": "a wrong sign", "∂E/∂w6": "another neuron's activation",
    }  # fmt: skip


def test_the_newest_iteration_may_stand_first_under_any_headers(saved: Callable[..., Path]) -> None:
    table = NewestFirst(header=lambda name: f"number {COURSE_ORDER.index(name)}", counter="")
    assert_right(judge_one(saved(table)))


FORWARD = {
    name: re.sub(r"\[(w\d)\]", r"[\1@-1]", formula)
    for name, formula in PLAIN.items()
    if name not in WEIGHTS
}
UPDATES = {name: f"[{name}@-1]-[η]*[∂E/∂{name}]" for name in WEIGHTS}


def with_new_weights_at_the_end(**options: Any) -> Table:
    """The first row has the initial weights only; each other row ends with the new ones."""
    others = [name for name in COURSE_ORDER if name not in WEIGHTS]
    options["formulas"] = {**FORWARD, **UPDATES, **options.get("formulas", {})}
    return FromSecondRow(order=(*others, *WEIGHTS), repeat="first", **options)


class FromSecondRow(Table):
    def has(self, name: str, row: int) -> bool:
        return row > 0 or name in (*self.weights, *self.given, "iteration")


@pytest.mark.parametrize("digits", [None, 8], ids=["formulas", "typed"])
def test_rows_that_end_with_their_new_weights(
    digits: int | None, saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(with_new_weights_at_the_end(digits=digits)))
    assert_right(result)
    assert result["rows"] == 9  # and the row of the initial weights
    wrong = {"∂E/∂w6": FORWARD["∂E/∂w5"], "w2": UPDATES["w2"].replace("-[η]", "+[η]")}
    result = judge_one(saved(with_new_weights_at_the_end(digits=digits, formulas=wrong)))
    assert [fault["column"] for fault in result["faults"]] == ["w2", "∂E/∂w6"]


def test_one_gradient_may_use_the_new_weights_of_its_row(saved: Callable[..., Path]) -> None:
    early = {"∂E/∂w1": PLAIN["∂E/∂w1"]}  # which has w5 and w7 of its own row
    [fault] = judge_one(saved(with_new_weights_at_the_end(formulas=early)))["faults"]
    assert fault["column"] == "∂E/∂w1"
    assert fault["cause"] == "w5 and w7 after their update instead of before it"


def test_a_wrong_formula_below_a_typed_first_cell_tells_the_cause(
    saved: Callable[..., Path],
) -> None:
    wrong = {"E1": lambda row: "0.5*([t1]-[a_o1@-1])^2" if row else 0.3}
    [fault] = judge_one(saved(Table(changes=wrong)))["faults"]
    assert fault["cause"].startswith("a reference to the wrong row: a_o1 from the row above")


def with_minus(value: float) -> str:
    return f"{value:.8f}".replace("-", "−")


def in_percent(value: float) -> str:
    return f"{100 * value:.7f} %".replace(".", ",")


def with_power_of_ten(value: float) -> str:
    digits, exponent = f"{value:.7e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


@pytest.mark.parametrize("write", [with_minus, in_percent, with_power_of_ten])
def test_numbers_as_people_write_them_in_texts(
    write: Callable[[float], str], saved: Callable[..., Path]
) -> None:
    def texts(changes: dict[str, str]) -> Book:
        book = book_of(Table(digits=99, rows=6, changes=changes))
        for place, content in book.sheets["Sheet1"].items():
            if isinstance(content, float) and place[0] > 3:
                book.put("Sheet1", *place, write(content))
        return book

    assert_right(judge_one(saved(texts({}))))
    table = judge_one(saved(texts({"∂E/∂w7": PLAIN["∂E/∂w5"]})))
    assert [fault["column"] for fault in table["faults"]] == ["∂E/∂w7"]


def test_two_references_to_a_fixed_row_are_one_sentence(saved: Callable[..., Path]) -> None:
    table = Table(changes={"h1": "[w1@$]*[i1]+[w2@$]*[i2]"})
    [fault] = judge_one(saved(table))["faults"]
    cells = " and ".join(table.cell(name, 0, fixed=True) for name in ("w1", "w2"))
    assert fault["cause"] == (
        f"a fixed row: {cells} are used in every row, where w1 and w2 of the same row belong"
    )


def test_a_fixed_row_of_an_intermediate_derivative_is_named(saved: Callable[..., Path]) -> None:
    changes = {"∂E/∂w7": "[δ_o2@$]*[a_h1]"}
    table = Table(order=DELTA_ORDER, formulas=WITH_DELTAS, changes=changes)
    [fault] = judge_one(saved(table))["faults"]
    assert fault["cause"] == (
        f"a fixed row: {table.cell('δ_o2', 0, fixed=True)} is used in every row, where ∂E/∂o2 of "
        "the same row belongs"
    )


def test_given_cells_that_slip_by_one_row_are_found_in_their_sum(
    saved: Callable[..., Path],
) -> None:
    """Without words for the inputs, their order is that of the first sum, and no vote."""
    order = [name for name in COURSE_ORDER if name not in ("i1", "i2", "t1", "t2")]
    labels = {"i1": "Signal A", "i2": "Signal B", "t1": "Soll A", "t2": "Soll B"}
    cells = {name: f"$B${row}" for row, name in enumerate(labels, 2)}

    def outside(text: str) -> str:
        return re.sub(r"\[([it][12])\]", lambda found: cells[found[1]], text)

    formulas = {name: outside(text) for name, text in PLAIN.items()}
    wrong = {"h2": outside("[w3]*[i2]+[w4]*[t1]")}
    table = Table(order=order, formulas=formulas, given={}, changes=wrong, top=9)
    book = book_of(table)
    for name, value in {"i1": 0.05, "i2": 0.1, "t1": 0.01, "t2": 0.99}.items():
        row = int(cells[name].rpartition("$")[2]) - 1
        book.put(table.sheet, row, 0, labels[name])
        book.put(table.sheet, row, 1, value)
    [fault] = judge_one(saved(book))["faults"]
    assert fault["column"] == "h2"
    assert "i2 where i1 belongs" in fault["cause"]
    assert "t1 where i2 belongs" in fault["cause"]


def test_a_cell_that_multiplies_all_steps_is_an_extra_factor(saved: Callable[..., Path]) -> None:
    """Its value may be that of i2/i1 or 1/η, which is no cause."""
    changes = {name: f"[{name}@-1]-[η]*[k]*[∂E/∂{name}@-1]" for name in WEIGHTS}
    table = judge_one(saved(Table(beside={"k": 2.0}, changes=changes)))
    causes = {fault["cause"] for fault in table["faults"]}
    assert len(table["faults"]) == len(WEIGHTS)
    assert len(causes) == 1 and causes.pop().startswith("an extra factor: ")


@pytest.mark.parametrize("number", [0.35, 0.6])
def test_a_typed_bias_of_another_layer_is_wrong(number: float, saved: Callable[..., Path]) -> None:
    """Where the numbers of a layer differ, that of the other layer is the wrong one."""
    biases = {"h1": number, "h2": 0.35, "o1": 0.6, "o2": 0.6}
    sums = {name: f"{PLAIN[name]}+{bias}" for name, bias in biases.items()}
    table = judge_one(saved(Table(formulas={**PLAIN, **sums})))
    wrong = [] if number == 0.35 else ["h1"]
    assert (table["exercise"], [fault["column"] for fault in table["faults"]]) == ("mazur", wrong)
