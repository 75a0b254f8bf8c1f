"""Tables with a row per unit or per weight: the headers at both sides say what a cell is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fixtures.check_command import judge_one
from fixtures.student_workbooks import GIVEN, WEIGHTS
from fixtures.unit_tables import delta_rule, unit_book

SUMS = {
    "h1": {"w1": "i1", "w2": "i2"},
    "h2": {"w3": "i1", "w4": "i2"},
    "o1": {"w5": "a_h1", "w6": "a_h2"},
    "o2": {"w7": "a_h1", "w8": "a_h2"},
}
COURSE = delta_rule(SUMS, {"o1": "t1", "o2": "t2"}) | GIVEN | WEIGHTS | {"η": 0.5}
TOP = "\n".join(f"{name} | {{{name}}}" for name in ("i1", "i2", "t1", "t2", "η")) + "\n\n---\n"


def rows(names: str, *quantities: str) -> str:
    """A line per name, with its quantities: ``a_{}`` is that of the unit or weight."""
    lines = []
    for name in names.split():
        own = (f"{{{quantity.format(name)}}}" if quantity else "" for quantity in quantities)
        lines.append(" | ".join((name, *own)))
    return "\n".join(lines) + "\n"


def tables(units: str = "Neuron | net | out | δ", weights: str = "Weight | w | ∂E/∂w | new") -> str:
    every = " ".join(WEIGHTS)
    return (
        f"{units}\n{rows('h1 h2 o1 o2', '{}', 'a_{}', 'δ_{}')}E_total | {{E_total}}\n\n"
        f"{weights}\n{rows(every, '{}', '∂E/∂{}', '{}+')}"
    )


def verdict(result: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    faults = [(fault["column"], fault["first_cell"]) for fault in result["faults"]]
    return result["verdict"], faults


HEADERS = {
    "symbols": ("Neuron | net | out | δ", "Weight | w | ∂E/∂w | w new"),
    "words": ("| Net input | Output | Delta", "| old | gradient | new"),
    "index": ("Unit | net_j | out_j | δ_j", "Weight | w_ij | ∂E/∂w_ij | updated weight"),
    "both": ("Unit j | Net input, I_j | Output, O_j | Err_j", "Weight | value | dE/dw | new value"),
    "German": ("Neuron | Netzeingabe | Ausgabe | Fehlersignal", "Gewicht | alt | Gradient | neu"),
    "primes": ("Neuron | Σ | a | error term", "Weight | w(t) | grad | w(t+1)"),
    "equations": ("Neuron | z = Σ w·x | a = σ(z) | ∂E/∂z", "Weight | start | ∇ | w'"),
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_right_tables_are_right(headers: tuple[str, str], saved: Callable[..., Path]) -> None:
    result = judge_one(saved(unit_book(TOP + tables(*headers), COURSE)[0]))
    assert (*verdict(result), result["exercise"]) == ("right", [], "course")
    assert result["not_checked"] == []


MISTAKES = {
    "δ": (
        {"δ_h1": "=([δ_o1]*[w5]-[δ_o2]*[w7])*[a_h1]*(1-[a_h1])"},
        ("∂E/∂h1", "a wrong sign: - instead of + in"),
    ),
    "target": (
        {"δ_o1": "=([a_o1]-[t2])*[a_o1]*(1-[a_o1])"},
        ("∂E/∂o1", "the other target: t2 where t1 belongs"),
    ),
    "gradient": (
        {"∂E/∂w6": "=[δ_o1]*[a_h1]"},
        ("∂E/∂w6", "another neuron's activation: a_h1 where a_h2 belongs"),
    ),
    "sign": (
        {"w5+": "=[w5]+[η]*[∂E/∂w5]"},
        ("w5", "a wrong sign: + instead of - before η*∂E/∂w5[n-1]"),
    ),
    "constant": (
        {"w3+": "=[w3]-0.6*[∂E/∂w3]"},
        ("w3", "a wrong constant: 0.6 where η belongs"),
    ),
    "typed": ({"w5+": 0.4123}, ("w5", "a typed number that does not follow")),
}


@pytest.mark.parametrize("digits", [None, 6], ids=["formulas", "typed"])
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found_in_its_cell(
    mistake: tuple[Mapping[str, Any], tuple[str, str]],
    digits: int | None,
    saved: Callable[..., Path],
) -> None:
    changes, (column, cause) = mistake
    book, cells = unit_book(TOP + tables(), COURSE | changes, digits=digits)
    result = judge_one(saved(book))
    [changed] = changes
    assert verdict(result) == ("wrong", [(column, cells[changed])])
    assert digits or str(result["faults"][0]["cause"]).startswith(cause)


def test_another_rate_than_the_sheet_says(saved: Callable[..., Path]) -> None:
    other = {f"{name}+": f"=[{name}]-0.6*[∂E/∂{name}]" for name in WEIGHTS}
    result = judge_one(saved(unit_book(TOP + tables(), COURSE | other)[0]))
    [fault] = result["faults"]
    assert (fault["column"], fault["first_cell"]) == ("η", "B5")
    assert fault["cause"].startswith("the sheet says 0.5 at B5, but the updates use 0.6")


@pytest.mark.parametrize("digits", [12, 6, 4, 3])
def test_typed_numbers_are_right_to_their_digits(digits: int, saved: Callable[..., Path]) -> None:
    result = judge_one(saved(unit_book(TOP + tables(), COURSE, digits=digits)[0]))
    assert verdict(result) == ("right", [])


def test_updates_from_typed_errors_without_gradients(saved: Callable[..., Path]) -> None:
    rounded = {k: f"=ROUND({v[1:]},3)" if isinstance(v, str) else v for k, v in COURSE.items()}
    layout = TOP + tables().replace(" | ∂E/∂w |", " |")
    for name in WEIGHTS:
        layout = layout.replace(f" | {{∂E/∂{name}}}", "")
        of_error = str(COURSE[f"∂E/∂{name}"])[1:]
        rounded[f"{name}+"] = f"=ROUND([{name}]-[η]*{of_error},3)"
    result = judge_one(saved(unit_book(layout, rounded, digits=3)[0]))
    assert verdict(result)[1] == []
    wrong = {"δ_o1": "=ROUND(([a_o1]-[t2])*[a_o1]*(1-[a_o1]),3)"}
    book, cells = unit_book(layout, rounded | wrong, digits=3)
    assert verdict(judge_one(saved(book))) == ("wrong", [("∂E/∂o1", cells["δ_o1"])])


@pytest.mark.parametrize("across", [False, True], ids=["below", "across"])
def test_a_block_per_iteration(across: bool, saved: Callable[..., Path]) -> None:
    def judged(**changes: str) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        book, cells = unit_book(TOP + tables(), COURSE | changes, blocks=3, across=across)
        return judge_one(saved(book)), cells

    result, _ = judged()
    assert (*verdict(result), result["rows"]) == ("right", [], 3)
    result, _ = judged(**{"∂E/∂w6": "=[δ_o1]*[a_h1]"})
    assert [(one["column"], one["count"]) for one in result["faults"]] == [("∂E/∂w6", 3)]
