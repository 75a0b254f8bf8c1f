"""Forms with a block of labels for each iteration, in anyone's words; matrices as blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from fixtures.check_command import judge_one
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, Book, Form, book_of

from backprop_sheet.audit.read.workbook import read_sheets

OWN_WORDS = {name: f"Größe {chr(97 + n // 5)}{n % 5}" for n, name in enumerate(COURSE_ORDER)}
GRADIENTS = {f"∂E/∂w{n}": f"slope {chr(96 + n)}" for n in range(1, 9)}
WRONG = {"∂E/∂w8": PLAIN["∂E/∂w8"].replace("[a_h2]", "[a_h1]")}
FEW_KNOWN = {
    "i1": "girdi 1", "i2": "girdi 2", "t1": "istenen 1", "t2": "istenen 2", "η": "öğrenme hızı",
    "h1": "gizli toplam 1", "a_h1": "gizli çıkış 1", "h2": "gizli toplam 2",
    "a_h2": "gizli çıkış 2", "o1": "son toplam 1", "a_o1": "son çıkış 1", "o2": "son toplam 2",
    "a_o2": "son çıkış 2", "E1": "hata A", "E2": "hata B", "E_total": "toplam hata",
    **{f"w{n}": f"ağırlık {n}" for n in range(1, 9)},
    **{f"∂E/∂w{n}": f"eğim {n}" for n in range(1, 9)},
}  # fmt: skip
ACTIVATIONS = ("a_h1", "a_h2", "a_o1", "a_o2")
PLACES = ["stacked", "side by side", "sheets"]


def blocks(words: Mapping[str, str], **options: Any) -> Form:
    usual = {"rows": 3, "counter": "", "new": "{} new"}
    return Form(header=lambda name: words.get(name, name), **(usual | options))


def verdict(result: Mapping[str, Any]) -> tuple[str, list[tuple[str, int]]]:
    faults = [(fault["column"], fault["count"]) for fault in result["faults"]]
    return result["verdict"], faults


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("options", [{}, {"once": True}, {"own": False}, {"new": ""}])
def test_right_blocks_are_right_under_any_labels(
    place: str, options: Mapping[str, Any], saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(blocks(OWN_WORDS, blocks=place, **options)))
    assert verdict(result) == ("right", []), result["warnings"]
    assert result["rows"] == 3


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("labels", [OWN_WORDS, GRADIENTS], ids=["all", "gradients"])
def test_a_mistake_is_found_in_all_blocks(
    place: str, labels: Mapping[str, str], saved: Callable[..., Path]
) -> None:
    result = judge_one(saved(blocks(labels, blocks=place, changes=WRONG)))
    assert verdict(result) == ("wrong", [("∂E/∂w8", 3)])
    assert result["faults"][0]["cause"] == ("another neuron's activation: a_h1 where a_h2 belongs")


def test_blocks_with_the_labels_above(saved: Callable[..., Path]) -> None:
    result = judge_one(saved(blocks(OWN_WORDS, labels="above", wrap=6)))
    assert verdict(result) == ("right", []), result["warnings"]


def test_targets_under_unknown_labels_are_no_gradients(saved: Callable[..., Path]) -> None:
    """Half of the labels are known, and the activations are an add-on's function."""
    activations = {name: f"SIGMOID([{name[2:]}])" for name in ACTIVATIONS}
    form = blocks(FEW_KNOWN, new="{} yeni", changes=activations)
    assert verdict(judge_one(saved(form))) == ("right", [])


def test_an_explanation_may_stand_between_a_label_and_its_value(
    saved: Callable[..., Path],
) -> None:
    form = blocks(OWN_WORDS, sign="as in the lecture notes", rows=2, changes=WRONG)
    result = judge_one(saved(form))
    assert verdict(result) == ("wrong", [("∂E/∂w8", 2)])
    headers = {column["quantity"]: column["header"] for column in result["columns"]}
    assert headers["∂E/∂w8"] == OWN_WORDS["∂E/∂w8"]


def test_the_last_update_is_compared_where_it_is_computed(saved: Callable[..., Path]) -> None:
    form = blocks({})
    book = book_of(form)
    sheet, row, column = form.position("new w2", 2)
    book.put(sheet, row, column, f"={form.cell('w2', 2)}+0.5*{form.cell('∂E/∂w2', 2)}")
    result = judge_one(saved(book))
    assert verdict(result) == ("wrong", [("w2", 1)])
    assert result["faults"][0]["first_cell"] == form.cell("new w2", 2)


# --- updates whose labels say nothing -----------------------------------------------------------


def line_book(new: Mapping[str, str]) -> Book:
    """y = a·x + b, whose updates are labeled with any words."""
    cells = {
        "x": 2.0, "target": 5.0, "incline": 0.5, "lift": 0.1, "pace": 0.1,
        "result": "=B3*B1+B4", "loss": "=0.5*(B2-B6)^2",
        "first slope": "=(B6-B2)*B1", "second slope": "=B6-B2", **new,
    }  # fmt: skip
    book = Book()
    for row, (label, content) in enumerate(cells.items()):
        book.put("Sheet1", row, 0, label)
        book.put("Sheet1", row, 1, content)
    return book


def test_updates_are_found_by_their_formulas(saved: Callable[..., Path]) -> None:
    right = line_book({"then p": "=B3-B5*B8", "then q": "=B4-B5*B9"})
    assert verdict(judge_one(saved(right))) == ("right", [])
    wrong = line_book({"then p": "=B3-B5*B8", "then q": "=B4-B5*B8"})
    result = judge_one(saved(wrong))
    assert result["verdict"] == "wrong"
    assert [fault["first_cell"] for fault in result["faults"]] == ["B11"]


# --- matrices -----------------------------------------------------------------------------------

SHAPES = {
    "X": (2, 1), "W1": (2, 2), "Z1": (2, 1), "A1": (2, 1), "W2": (2, 2), "Z2": (2, 1),
    "A2": (2, 1), "T": (2, 1), "E": (2, 1), "D2": (2, 1), "D1": (2, 1), "G2": (2, 2),
    "G1": (2, 2), "W1 new": (2, 2), "W2 new": (2, 2),
}  # fmt: skip
NUMBERS = {
    "X": ((0.05,), (0.1,)), "T": ((0.01,), (0.99,)),
    "W1": ((0.15, 0.2), (0.25, 0.3)), "W2": ((0.4, 0.45), (0.5, 0.55)),
}  # fmt: skip


def matrix_book(
    iterations: int, *, above: bool = False, changes: Mapping[tuple[str, int, int], str] = {}
) -> tuple[Book, Callable[[str, int, int], str]]:
    """Labels beside or above matrices, and the cell of an element in the first iteration."""
    book = Book()
    book.put("Sheet1", 0, 0, "learning rate")
    book.put("Sheet1", 0, 1, 0.5)

    def place(name: str, i: int, j: int, block: int) -> tuple[int, int]:
        top = 2 + block * (3 * len(SHAPES) + 2) + 3 * list(SHAPES).index(name) + above
        return top + i, 1 + j

    def cell(name: str, i: int, j: int = 0, block: int = 0) -> str:
        row, column = place(name, i, j, block)
        return f"{chr(65 + column)}{row + 1}"

    for block in range(iterations):
        for name, (height, width) in SHAPES.items():
            row, column = place(name, 0, 0, block)
            book.put("Sheet1", row - above, column - (not above), name)
            for i in range(height):
                for j in range(width):
                    content: float | str = element(name, i, j, block, cell)
                    if (name, i, j) in changes:
                        content = "=" + changes[name, i, j]
                    book.put("Sheet1", *place(name, i, j, block), content)
    return book, cell


def element(name: str, i: int, j: int, block: int, cell: Callable[..., str]) -> float | str:
    def at(other: str, i: int, j: int = 0) -> str:
        return cell(other, i, j, block)

    def product(matrix: str, vector: str) -> str:
        return f"={at(matrix, i, 0)}*{at(vector, 0)}+{at(matrix, i, 1)}*{at(vector, 1)}"

    a, t = at("A2", i), at("T", i)
    match name:
        case "X" | "T" | "W1" | "W2":
            before = name if name in "XT" else f"{name} new"
            return NUMBERS[name][i][j] if block == 0 else f"={cell(before, i, j, block - 1)}"
        case "Z1":
            return product("W1", "X")
        case "Z2":
            return product("W2", "A1")
        case "A1" | "A2":
            return f"=1/(1+EXP(-{at('Z' + name[1], i)}))"
        case "E":
            return f"=0.5*({t}-{a})^2"
        case "D2":
            return f"=({a}-{t})*{a}*(1-{a})"
        case "D1":
            back = "+".join(f"{at('W2', k, i)}*{at('D2', k)}" for k in (0, 1))
            return f"=({back})*{at('A1', i)}*(1-{at('A1', i)})"
        case "G1" | "G2":
            return f"={at('D' + name[1], i)}*{at('X' if name == 'G1' else 'A1', j)}"
    return f"={at(name[:2], i, j)}-$B$1*{at('G' + name[1], i, j)}"


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("above", [False, True], ids=["beside", "above"])
def test_matrices_are_read_cell_by_cell(
    iterations: int, above: bool, saved: Callable[..., Path]
) -> None:
    book, _ = matrix_book(iterations, above=above)
    result = judge_one(saved(book))
    assert [fault["first_cell"] for fault in result["faults"]] == []
    assert (result["exercise"], result["rows"]) == ("course", iterations)
    numbering = [note for note in result["warnings"] if "numbering" in note]
    assert len(numbering) == 1 and "W1[1,1] … W2[2,2]" in numbering[0]
    assert not any("against" in note for note in result["warnings"])


def test_a_wrong_element_of_a_matrix_is_found(saved: Callable[..., Path]) -> None:
    _, cell = matrix_book(1)
    wrong = f"{cell('D1', 1)}*{cell('X', 0)}"
    book, _ = matrix_book(1, changes={("G1", 1, 1): wrong})
    result = judge_one(saved(book))
    [fault] = result["faults"]
    assert (fault["column"], fault["first_cell"]) == ("∂E/∂w4", cell("G1", 1, 1))
    assert fault["cause"] == "the other input: i1 where i2 belongs"


def cross_book(wrong: str = "") -> Book:
    """Weights, layers and gradients in tables with names above and at the left."""
    lines = {
        3: ("given", "input A", "input B", "", "target C", "target D"),
        4: ("", 0.05, 0.1, "", 0.01, 0.99),
        6: ("first", "input A", "input B", "", "second", "hidden A", "hidden B"),
        7: ("hidden A", 0.15, 0.2, "", "out C", 0.4, 0.45),
        8: ("hidden B", 0.25, 0.3, "", "out D", 0.5, 0.55),
        10: ("layer", "net", "out", "error", "delta"),
        11: ("hidden A", "=B8*B5+C8*C5", "", "", "=(E14*F8+E15*F9)*C12*(1-C12)"),
        12: ("hidden B", "=B9*B5+C9*C5", "", "", "=(E14*G8+E15*G9)*C13*(1-C13)"),
        13: ("out C", "=F8*C12+G8*C13", "", "=0.5*(E5-C14)^2", "=(C14-E5)*C14*(1-C14)"),
        14: ("out D", "=F9*C12+G9*C13", "", "=0.5*(F5-C15)^2", "=(C15-F5)*C15*(1-C15)"),
        16: ("all errors", "=D14+D15"),
        18: ("slope 1", "input A", "input B", "", "slope 2", "hidden A", "hidden B"),
        19: ("hidden A", "=E12*B5", "=E12*C5", "", "out C", "=E14*C12", "=E14*C13"),
        20: ("hidden B", "=E13*B5", "=E13*C5", "", "out D", "=E15*C12", wrong or "=E15*C13"),
    }
    lines |= {
        22: ("new first", "input A", "input B", "", "new second", "hidden A", "hidden B"),
        23: ("hidden A", "=B8-0.5*B20", "=C8-0.5*C20", "", "out C", "=F8-0.5*F20", "=G8-0.5*G20"),
        24: ("hidden B", "=B9-0.5*B21", "=C9-0.5*C21", "", "out D", "=F9-0.5*F21", "=G9-0.5*G21"),
    }
    book = Book()
    for row, contents in lines.items():
        for column, content in enumerate(contents):
            if content != "":
                book.put("Sheet1", row, column, content)
    for row in range(11, 15):
        book.put("Sheet1", row, 2, f"=1/(1+EXP(-B{row + 1}))")
    return book


def test_tables_with_names_on_two_sides(saved: Callable[..., Path]) -> None:
    assert verdict(judge_one(saved(cross_book()))) == ("right", [])
    result = judge_one(saved(cross_book(wrong="=E15*C12")))
    assert verdict(result) == ("wrong", [("∂E/∂w8", 1)])
    assert result["faults"][0]["first_cell"] == "G21"


def test_each_cell_of_an_array_formula_has_its_part(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_array_formula("A1:B2", "{=MMULT(D1:E2,G1:H2)}", None, 1.0)
        sheet.write_array_formula("A4", "{=SUM(D1:E2)}", None, 1.0)
    [found] = read_sheets(tmp_path / "book.xlsx")
    assert found.formulas.get((2, 1)) == "=INDEX(MMULT(D1:E2,G1:H2),2,1)"
    assert found.formulas.get((4, 1)) == "=SUM(D1:E2)"
    assert set(found.formulas) == {(1, 1), (1, 2), (2, 1), (2, 2), (4, 1)}
