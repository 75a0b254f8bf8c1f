"""Tables in personal styles: where the new weights, the steps and the learning rates stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fixtures.check_command import judge, judge_one, run
from fixtures.student_workbooks import COURSE_ORDER, DELTA_ORDER, PLAIN, WITH_DELTAS, Book, Table

WEIGHTS = [f"w{number}" for number in range(1, 9)]
NEW = {f"{w}_new": f"[{w}]-[η]*[∂E/∂{w}]" for w in WEIGHTS}
STEPS = {f"Δ{w}": f"-[η]*[∂E/∂{w}]" for w in WEIGHTS}
STYLES: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "new weights": (NEW, {w: f"[{w}_new@-1]" for w in WEIGHTS}),
    "steps": (STEPS, {w: f"[{w}@-1]+[Δ{w}@-1]" for w in WEIGHTS}),
}


def in_style(style: str, changes: Mapping[str, str] | None = None) -> Table:
    own, updates = STYLES[style]
    return Table(
        order=(*COURSE_ORDER, *own),
        header=lambda name: name,
        formulas={**PLAIN, **updates, **own},
        changes=changes or {},
    )


@pytest.mark.parametrize("style", STYLES)
def test_updates_in_own_columns_are_right(style: str, saved: Callable[..., Path]) -> None:
    assert judge_one(saved(in_style(style)))["verdict"] == "right"


@pytest.mark.parametrize(
    ("style", "column", "wrong", "cause"),
    [
        ("new weights", "w6_new", "[w6]-[η]*[∂E/∂w5]", "another parameter's gradient"),
        ("new weights", "w2_new", "[w2]+[η]*[∂E/∂w2]", "a wrong sign"),
        ("new weights", "w5_new", "[w5]-0.4*[∂E/∂w5]", "a wrong constant"),
        ("steps", "Δw3", "-[η]*[∂E/∂w4]", "another parameter's gradient"),
    ],
)
def test_a_mistake_in_an_own_column_is_found_there(
    style: str, column: str, wrong: str, cause: str, saved: Callable[..., Path]
) -> None:
    table = in_style(style, {column: wrong})
    (fault,) = judge_one(saved(table))["faults"]
    assert fault["first_cell"] == table.cell(column, 0)
    assert fault["cause"].startswith(cause)
    assert "[n" not in fault["formula"] + fault["expected_formula"]


@pytest.mark.parametrize(
    ("style", "wrong"),
    [("new weights", "[w3_new@-1]"), ("steps", "[w2@-1]-[Δw2@-1]"), ("steps", "[w2]+[Δw3@-1]")],
)
def test_a_wrong_reference_to_a_right_own_column_is_found_in_the_update(
    style: str, wrong: str, saved: Callable[..., Path]
) -> None:
    table = in_style(style, {"w2": wrong.replace("[w2]", "[w2@-1]")})
    (fault,) = judge_one(saved(table))["faults"]
    assert fault["first_cell"] == table.cell("w2", 1)


def test_a_number_typed_over_an_own_column_is_found_there(saved: Callable[..., Path]) -> None:
    table = in_style("new weights")
    table.changes = {"w4_new": lambda row: 0.29}
    table.only = (4,)
    (fault,) = judge_one(saved(table))["faults"]
    assert (fault["first_cell"], fault["found"]) == (table.cell("w4_new", 4), 0.29)
    assert fault["cause"] == "a number typed over the column's formula"


def blocks(*said: float, used: float) -> Book:
    """Tables below each other, each with η in its title; the last one uses the rate ``used``."""
    book = Book()
    for index, rate in enumerate(said):
        is_last = index == len(said) - 1
        Table(
            top=3 + 20 * index, rows=10, eta=used if is_last else rate, rate="right", said=rate
        ).place(book)
    return book


def test_a_table_that_uses_the_rate_of_another_table(saved: Callable[..., Path]) -> None:
    _, tables = judge(saved(blocks(0.1, 0.2, 0.5, used=0.2)))
    faults = [[fault["column"] for fault in table["faults"]] for table in tables]
    assert faults == [[], [], ["η"]]


def test_numbered_learning_rates(saved: Callable[..., Path]) -> None:
    book = Book()
    for index, rate in enumerate((0.2, 0.8, 2.0)):
        Table(top=3 + 20 * index, eta=rate, rate="right", label=f"η{index + 1}").place(book)
    result = judge(saved(book))[1]
    assert [(table["verdict"], table["lr"]) for table in result] == [
        ("right", 0.2), ("right", 0.8), ("right", 2.0),
    ]  # fmt: skip


def test_tables_with_their_own_rates_are_right(saved: Callable[..., Path]) -> None:
    _, tables = judge(saved(blocks(0.1, 0.2, 0.5, used=0.5)))
    assert [table["verdict"] for table in tables] == ["right"] * 3


def with_negative_gradients(changes: Mapping[str, str] | None = None) -> Table:
    gradients = {f"∂E/∂{w}": f"-({PLAIN[f'∂E/∂{w}']})" for w in WEIGHTS}
    updates = {w: f"[{w}@-1]+[η]*[∂E/∂{w}@-1]" for w in WEIGHTS}
    return Table(
        header=lambda name: name.replace("∂E/∂", "Δ"),
        formulas={**PLAIN, **gradients, **updates},
        changes=changes or {},
    )


def test_negative_gradients_that_the_updates_add_are_right(saved: Callable[..., Path]) -> None:
    result = judge_one(saved(with_negative_gradients()))
    assert (result["verdict"], result["warnings"]) == ("right", [])
    assert "−∂E/∂w1" in {column["quantity"] for column in result["columns"]}


def test_a_wrong_update_with_negative_gradients(saved: Callable[..., Path]) -> None:
    wrong = {"w5": "[w5@-1]-[η]*[∂E/∂w5@-1]"}
    (fault,) = judge_one(saved(with_negative_gradients(wrong)))["faults"]
    assert fault["column"] == "w5"


FACTORS = {
    column: formula
    for weight, output, source in zip(WEIGHTS[4:], (1, 1, 2, 2), ("h1", "h2") * 2, strict=True)
    for column, formula in {
        f"dE/dout for {weight}": f"[a_o{output}]-[t{output}]",
        f"dout/dnet for {weight}": f"[a_o{output}]*(1-[a_o{output}])",
        f"dnet/d{weight}": f"[a_{source}]",
        f"∂E/∂{weight}": f"[dE/dout for {weight}]*[dout/dnet for {weight}]*[dnet/d{weight}]",
    }.items()
}  # fmt: skip
FACTOR_HEADERS = {"dE/dout for": "dE/dout_o{}", "dout/dnet for": "dout_o{0}/dnet_o{0}"}


def with_factors(changes: Mapping[str, str] | None = None) -> Table:
    """Each gradient of the output layer has its three factors beside it."""

    def header(name: str) -> str:
        words, _, weight = name.rpartition(" ")
        return FACTOR_HEADERS[words].format(1 if weight in ("w5", "w6") else 2) if words else name

    return Table(
        order=(*COURSE_ORDER[:27], *FACTORS),
        header=header,
        formulas={**PLAIN, **FACTORS},
        changes=changes or {},
    )


def test_factors_of_each_gradient_are_right_and_checked(saved: Callable[..., Path]) -> None:
    path = saved(with_factors())
    result = judge_one(path)
    assert (result["verdict"], result["warnings"]) == ("right", [])
    explained = run(path, "--explain").output
    assert "nothing; checked by the columns that use it" in explained
    assert "not checked" not in explained


@pytest.mark.parametrize(
    ("column", "wrong", "right", "cause"),
    [
        ("dE/dout for w8", "[t2]-[a_o2]", "a_o2 - t2", "a wrong sign"),
        ("dout/dnet for w6", "[a_o1]*(1+[a_o1])", "a_o1*(1 - a_o1)", "a wrong sign"),
        ("dnet/dw7", "[a_h2]", "a_h1", "another neuron's activation"),
    ],
)
def test_a_mistake_in_a_factor_is_found_there(
    column: str, wrong: str, right: str, cause: str, saved: Callable[..., Path]
) -> None:
    table = with_factors({column: wrong})
    (fault,) = judge_one(saved(table))["faults"]
    assert fault["first_cell"] == table.cell(column, 0)
    assert (fault["expected_formula"], fault["cause"].partition(":")[0]) == (right, cause)


RESIDUALS = {
    "Fehler o1": "[t1]-[a_o1]", "Fehler o2": "[t2]-[a_o2]",
    "E1": "0.5*[Fehler o1]^2", "E2": "0.5*[Fehler o2]^2",
    "δ_o1": "-1*[Fehler o1]*[a_o1]*(1-[a_o1])", "δ_o2": "-1*[Fehler o2]*[a_o2]*(1-[a_o2])",
}  # fmt: skip


def with_residuals(changes: Mapping[str, str] | None = None) -> Table:
    """The difference of target and output is headed as an error, and the error as its square."""
    return Table(
        order=(*COURSE_ORDER[:20], "Fehler o1", "Fehler o2", *DELTA_ORDER[20:]),
        header=lambda name: f"½ Fehler² o{name[1]}" if name in ("E1", "E2") else name,
        formulas={**WITH_DELTAS, **RESIDUALS},
        changes=changes or {},
    )


def test_residuals_headed_as_errors_are_right(saved: Callable[..., Path]) -> None:
    assert judge_one(saved(with_residuals()))["verdict"] == "right"


def test_a_wrong_residual_is_the_only_finding(saved: Callable[..., Path]) -> None:
    table = with_residuals({"Fehler o2": "[t2]-[a_o1]"})
    (fault,) = judge_one(saved(table))["faults"]
    assert fault["first_cell"] == table.cell("Fehler o2", 0)
    assert fault["cause"] == "another neuron's activation: a_o1 where a_o2 belongs"
