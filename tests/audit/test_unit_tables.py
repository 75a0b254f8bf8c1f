"""Tables with a row per unit or per weight: the headers at both sides say what a cell is."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fixtures.check_command import judge, judge_one
from fixtures.sampling import some_of
from fixtures.student_workbooks import GIVEN, PLAIN, WEIGHTS, Book, Table, book_of
from fixtures.unit_tables import SHEET, delta_rule, unit_book
from xlsxwriter.utility import xl_cell_to_rowcol

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
@pytest.mark.parametrize(
    "mistake", some_of([pytest.param(one, id=name) for name, one in MISTAKES.items()], 2)
)
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


# The example of Han and Kamber's "Data Mining", with the headers of its tables.
BOOK_SUMS = {
    "4": {"w14": "x1", "w24": "x2", "w34": "x3", "θ4": ""},
    "5": {"w15": "x1", "w25": "x2", "w35": "x3", "θ5": ""},
    "6": {"w46": "a_4", "w56": "a_5", "θ6": ""},
}
BOOK_GIVEN = {
    "x1": 1, "x2": 0, "x3": 1, "w14": 0.2, "w15": -0.3, "w24": 0.4, "w25": 0.1, "w34": -0.5,
    "w35": 0.2, "w46": -0.3, "w56": -0.2, "θ4": -0.4, "θ5": 0.2, "θ6": 0.1, "T": 1, "l": 0.9,
}  # fmt: skip
BOOK = (
    {key: content for key, content in delta_rule(BOOK_SUMS, {"6": "T"}).items() if "E" not in key}
    | {
        "Err_4": "=[a_4]*(1-[a_4])*[Err_6]*[w46]",
        "Err_5": "=[a_5]*(1-[a_5])*[Err_6]*[w56]",
        "Err_6": "=[a_6]*(1-[a_6])*([T]-[a_6])",
    }
    | {
        f"{name}+": f"=[{name}]+[l]*[Err_{unit}]" + (f"*[{source}]" if source else "")
        for unit, terms in BOOK_SUMS.items()
        for name, source in terms.items()
    }
    | BOOK_GIVEN
)
BOOK_PRINTED = {
    "a_4": 0.332, "a_5": 0.525, "a_6": 0.474, "w46+": -0.261, "w56+": -0.138, "w14+": 0.192,
    "w15+": -0.306, "w24+": 0.4, "w25+": 0.1, "w34+": -0.508, "w35+": 0.194, "θ6+": 0.218,
    "θ5+": 0.194, "θ4+": -0.408,
}  # fmt: skip
BOOK_EXERCISE = """
title = "Data Mining"
[network]
neurons = [3, 2, 1]
activations = ["sigmoid", "sigmoid"]
bias = "neuron"
train_bias = true
[parameters]
weights = [0.2, 0.4, -0.5, -0.3, 0.1, 0.2, -0.3, -0.2]
biases = [-0.4, 0.2, 0.1]
[[samples]]
inputs = [1.0, 0.0, 1.0]
targets = [1.0]
[training]
loss = "half_squared_error"
update = "batch_mean"
learning_rates = [0.9]
iterations = 1
"""


def book_layout(unit: str = "{}") -> str:
    given = [name for name in BOOK_GIVEN if name not in ("T", "l")]

    def of_units(units: str, *quantities: str) -> str:
        lines = rows(" ".join(units), *quantities).splitlines()
        return "".join(f"{unit.format(line[0])}{line[1:]}\n" for line in lines)

    return (
        f"{' | '.join(given)}\n{' | '.join(f'{{{name}}}' for name in given)}\n\n"
        "learning rate l | {l}\ntarget T | {T}\n\n"
        f"Unit, j | Net input, I_j | Output, O_j\n{of_units('456', '{}', 'a_{}')}\n"
        f"Unit, j | Err_j\n{of_units('654', 'Err_{}')}\n"
        f"Weight or bias | New value\n{rows(' '.join(given[3:]), '{}+')}"
    )


@pytest.mark.parametrize("unit", some_of(["{}", "unit {}"], 1))
def test_the_book_in_formulas(unit: str, saved: Callable[..., Path]) -> None:
    book, cells = unit_book(book_layout(unit), BOOK)
    for name, printed in BOOK_PRINTED.items():
        assert round(float(book.value(SHEET, *xl_cell_to_rowcol(cells[name])) or 0), 3) == printed
    result = judge_one(saved(book))
    assert (*verdict(result), result["exercise"]) == ("right", [], "3-2-1")
    wrong = {"Err_4": "=[a_4]*(1-[a_4])*[Err_6]*[w56]"}
    book, cells = unit_book(book_layout(unit), BOOK | wrong)
    [fault] = judge_one(saved(book))["faults"]
    assert (fault["column"], fault["first_cell"]) == ("−∂E/∂h1", cells["Err_4"])
    assert fault["cause"] == "another weight: w8 where w7 belongs"


@pytest.mark.parametrize("is_stepwise", [False, True], ids=["at the end", "step by step"])
@pytest.mark.parametrize("digits", some_of([3, 4], 1))
def test_the_book_in_typed_numbers(
    digits: int, is_stepwise: bool, saved: Callable[..., Path], tmp_path: Path
) -> None:
    def judged(**changes: str) -> tuple[list[tuple[str, str]], Mapping[str, str]]:
        contents = {
            name: f"=ROUND({content[1:]},{digits})"
            if is_stepwise and isinstance(content, str)
            else content
            for name, content in (BOOK | changes).items()
        }
        book, cells = unit_book(book_layout(), contents, digits=digits)
        result = judge_one(saved(book), "--exercise", str(exercise))
        return verdict(result)[1], cells

    exercise = tmp_path / "book.toml"
    exercise.write_text(BOOK_EXERCISE)
    assert judged()[0] == []
    faults, cells = judged(Err_4="=[a_4]*(1-[a_4])*[Err_6]*[w56]")
    assert faults == [("−∂E/∂h1", cells["Err_4"])]
    faults, cells = judged(**{"w46+": "=[w46]-[l]*[Err_6]*[a_4]"})
    assert faults == [("w7", cells["w46+"])]


def chain_rule() -> tuple[str, Mapping[str, Any]]:
    """The course's tables with the factors of each gradient, errors and targets of the outputs."""
    contents: dict[str, Any] = dict(COURSE)
    for unit, terms in SUMS.items():
        for name, source in terms.items():
            contents |= {f"d_{name}": f"=[δ_{unit}]", f"s_{name}": f"=[{source}]"}
            contents |= {f"∂E/∂{name}": f"=[d_{name}]*[s_{name}]"}
            contents |= {
                f"step_{name}": f"=-[η]*[∂E/∂{name}]",
                f"{name}+": f"=[{name}]+[step_{name}]",
            }
    return (
        TOP.replace("t1 | {t1}\nt2 | {t2}\n", "")
        + "Unit | net | out | t | error\n"
        + rows("h1 h2", "{}", "a_{}", "", "δ_{}")
        + "\nUnit | net | out | t | error\n"
        + "o1 | {o1} | {a_o1} | {t1} | {δ_o1}\no2 | {o2} | {a_o2} | {t2} | {δ_o2}\n\n"
        + "Weight | from | w | δ | source | dw | Δw | after\n"
        + "".join(
            f"{name} | {source.removeprefix('a_')} | {{{name}}} | {{d_{name}}} | {{s_{name}}} "
            f"| {{∂E/∂{name}}} | {{step_{name}}} | {{{name}+}}\n"
            for terms in SUMS.values()
            for name, source in terms.items()
        )
    ), contents


def test_columns_of_factors_and_steps(saved: Callable[..., Path]) -> None:
    layout, contents = chain_rule()
    result = judge_one(saved(unit_book(layout, contents)[0]))
    assert verdict(result)[1] == []
    book, cells = unit_book(layout, {**contents, "∂E/∂w6": "=[d_w6]*[s_w5]"})
    assert verdict(judge_one(saved(book))) == ("wrong", [("∂E/∂w6", cells["∂E/∂w6"])])


@pytest.mark.parametrize("digits", some_of([4, 6], 1))
def test_typed_blocks_with_steps(digits: int, saved: Callable[..., Path]) -> None:
    """A rounded step of w6 may be that of w5 in the block above, by chance."""
    layout, contents = chain_rule()
    result = judge_one(saved(unit_book(layout, contents, digits=digits, blocks=2)[0]))
    assert verdict(result)[1] == []
    assert result["lr"] == 0.5


@pytest.mark.parametrize("digits", [None, 8], ids=["formulas", "typed"])
def test_the_last_update_is_compared(digits: int | None, saved: Callable[..., Path]) -> None:
    book, cells = unit_book(TOP + tables(), COURSE, digits=digits, blocks=3)
    book.put(SHEET, *xl_cell_to_rowcol(cells["w5+"]), 0.5)
    assert verdict(judge_one(saved(book))) == ("wrong", [("w5", cells["w5+"])])


@pytest.mark.parametrize("digits", [None, 9], ids=["formulas", "typed"])
def test_a_network_of_the_shape_of_a_packaged_one(
    digits: int | None, saved: Callable[..., Path]
) -> None:
    """Three hidden sigmoid units, as the packaged network of ReLU has."""
    sums = {f"h{n}": {f"w{2 * n - 1}": "i1", f"w{2 * n}": "i2", f"b{n}": ""} for n in (1, 2, 3)}
    sums["o1"] = {"w7": "a_h1", "w8": "a_h2", "w9": "a_h3", "b4": ""}
    parameters = [name for terms in sums.values() for name in terms]
    contents = delta_rule(sums, {"o1": "t1"}) | {"i1": 1, "i2": 0.4, "t1": 0, "η": 0.9}
    contents |= {name: 0.1 * (at % 7) - 0.25 for at, name in enumerate(parameters)}
    given = "\n".join(f"{name} | {{{name}}}" for name in ("i1", "i2", "t1", "η"))
    layout = (
        f"{given}\n\n---\nUnit | net | out | δ\n{rows('h1 h2 h3 o1', '{}', 'a_{}', 'δ_{}')}"
        "E_total | {E_total}\n\n"
        f"Parameter | old | gradient | new\n{rows(' '.join(parameters), '{}', '∂E/∂{}', '{}+')}"
    )
    code, found = judge(saved(unit_book(layout, contents, blocks=2, digits=digits)[0]))
    if digits is None:
        assert (*verdict(found[0]), found[0]["exercise"]) == ("right", [], "2-3-1")
    else:  # without formulas, it could be checked only with a description
        assert (code, found) == (2, [])


def test_texts_at_the_left_of_the_names(saved: Callable[..., Path]) -> None:
    layout = TOP + "Layer | Neuron | net | out | δ\n"
    for unit in SUMS:
        layout += f"{unit[0]} | {unit} | {{{unit}}} | {{a_{unit}}} | {{δ_{unit}}}\n"
    layout += "\nfrom | to | Weight | w | gradient | new\n"
    for unit, terms in SUMS.items():
        for name, source in terms.items():
            places = f"{{{name}}} | {{∂E/∂{name}}} | {{{name}+}}"
            layout += f"{source.removeprefix('a_')} | {unit} | {name} | {places}\n"
    assert verdict(judge_one(saved(unit_book(layout, COURSE)[0])))[1] == []
    book, cells = unit_book(layout, COURSE | {"w5+": "=[w5]+[η]*[∂E/∂w5]"})
    assert verdict(judge_one(saved(book))) == ("wrong", [("w5", cells["w5+"])])


def test_beside_a_table_with_a_row_per_iteration(saved: Callable[..., Path]) -> None:
    book, cells = unit_book(TOP + tables(), COURSE | {"∂E/∂w6": "=[δ_o1]*[a_h1]"})
    table = Table(rows=5, top=30, changes={"∂E/∂w8": PLAIN["∂E/∂w8"].replace("[a_h2]", "[a_h1]")})
    for place, content in book_of(table).sheets[SHEET].items():
        book.put(SHEET, *place, content)
    _, found = judge(saved(book))
    assert [(one["rows"], verdict(one)) for one in found] == [
        (1, ("wrong", [("∂E/∂w6", cells["∂E/∂w6"])])),
        (5, ("wrong", [("∂E/∂w8", found[1]["faults"][0]["first_cell"])])),
    ]


def test_a_list_of_parameters_beside_a_table_is_none(saved: Callable[..., Path]) -> None:
    table = Table(rows=5, top=12)
    book = book_of(table)
    lines = [("Weight", "old", "gradient", "new")]
    lines += [(name, value, 0.01, value - 0.005) for name, value in WEIGHTS.items()]
    for row, line in enumerate(lines):
        for column, content in enumerate(line):
            book.put(SHEET, row, column, content)
    assert judge_one(saved(book))["rows"] == 5


def over_sheets(changes: Mapping[str, str]) -> tuple[Book, Mapping[str, str]]:
    """Given values, forward pass, errors and updates on a sheet each."""
    layout = TOP + "Neuron | net | out\n" + rows(" ".join(SUMS), "{}", "a_{}") + "\n"
    layout += "Neuron | δ\n" + rows(" ".join(SUMS), "δ_{}") + "\n"
    layout += "Weight | w | gradient | new\n" + rows(" ".join(WEIGHTS), "{}", "∂E/∂{}", "{}+")
    whole, cells = unit_book(layout, COURSE | changes)

    def sheet(row: int) -> str:
        return ("Given", "Forward", "Backward", "Update")[bisect((6, 12, 18), row)]

    book = Book()
    for (row, column), content in whole.sheets[SHEET].items():
        own = sheet(row)
        if isinstance(content, str) and content.startswith("="):
            content = re.sub(
                r"\b[A-Z](\d+)\b",
                lambda match, own=own: (
                    match[0]
                    if (other := sheet(int(match[1]) - 1)) == own
                    else f"{other}!{match[0]}"
                ),
                content,
            )
        book.put(own, row, column, content)
    named = {name: f"{sheet(xl_cell_to_rowcol(cell)[0])}!{cell}" for name, cell in cells.items()}
    return book, named


def test_steps_on_sheets_of_their_own(saved: Callable[..., Path]) -> None:
    assert verdict(judge_one(saved(over_sheets({})[0])))[1] == []
    book, cells = over_sheets({"δ_h1": "=([δ_o1]*[w5]-[δ_o2]*[w7])*[a_h1]*(1-[a_h1])"})
    assert verdict(judge_one(saved(book))) == ("wrong", [("∂E/∂h1", cells["δ_h1"])])
