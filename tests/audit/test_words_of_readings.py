"""What `check` says about how a table was read is true, and no advice leads in a circle."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fixtures.check_command import judge_one, run, words_of
from fixtures.commands import click_run
from fixtures.other_networks import NetworkBook
from fixtures.student_workbooks import COURSE_ORDER, PLAIN, Form, Table, book_of
from openpyxl import Workbook, load_workbook
from pytest import MonkeyPatch

from backprop_sheet.audit import workbook_audit
from backprop_sheet.audit.results import Advice
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.packaged import packaged_file


def check(*arguments: object) -> tuple[int, str, str]:
    """Run the command; return the exit code and both outputs with their lines joined."""
    result = run(*map(str, arguments))
    return result.exit_code, " ".join(result.stdout.split()), " ".join(result.stderr.split())


def with_junk(path: Path, names: tuple[str, ...], renamed: tuple[str, ...]) -> Path:
    """Replace the numbers of columns by numbers that follow from nothing.

    The columns ``renamed`` get headers that mean nothing.
    """
    book = load_workbook(path)
    sheet = book.active
    assert sheet is not None
    values = load_workbook(path, data_only=True).active
    assert values is not None
    for column in sheet.iter_cols():
        header = next((cell for cell in column if cell.value in names), None)
        for cell in column:
            if isinstance(cell.value, str) and cell.value.startswith("="):
                shown = values[cell.coordinate].value
                cell.value = shown
            if header is not None and cell.row > header.row and cell.value is not None:
                cell.value = ((cell.row * 7919 + cell.column * 104729) % 1000) / 37
        if header is not None and header.value in renamed:
            header.value = f"thing {header.column}"
    book.save(path)
    return path


def saved_rows(folder: Path, *rows: Sequence[str | float]) -> Path:
    """Save a workbook with some rows of texts and numbers."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    path = folder / "own.xlsx"
    book.save(path)
    return path


SUMS = ("h1", "h2", "o1", "o2")
MOST = (*SUMS, "a_h1", "a_h2", "a_o1", "a_o2", "E1", "E2", *(f"∂E/∂w{n}" for n in range(1, 9)))


def test_a_table_that_is_not_judged_quotes_what_fits_nothing(saved: Callable[..., Path]) -> None:
    path = with_junk(saved(Table()), MOST, SUMS)
    code, out, error = check(path)
    assert (code, out) == (2, "")
    assert "nothing was found for the weighted sums h1, h2, o1 and o2" in error
    assert "'thing " in error and "more" in error
    assert "another network (" not in error and "mazur" not in error


def test_a_table_that_is_not_judged_lacks_nothing_of_another_exercise(
    saved: Callable[..., Path],
) -> None:
    changes = {
        name: lambda row, column=column: ((row * 7919 + column * 104729) % 1000) / 37
        for column, name in enumerate(MOST)
        if name not in ("E1", "E2")
    }
    error = check(saved(Table(changes=changes)))[2]
    assert "the numbers of 'h1'" in error
    assert "bias" not in error and "nothing was found" not in error


def test_explain_shows_the_columns_of_a_table_that_is_not_judged(
    saved: Callable[..., Path],
) -> None:
    path = with_junk(saved(Table()), MOST, SUMS)
    code, out, error = check(path, "--explain")
    assert code == 2
    assert out.startswith("NOT CHECKED") and "nothing: not checked" in out
    assert "--explain" not in error


def test_the_advice_is_not_a_circle(saved: Callable[..., Path]) -> None:
    """Where leaving out the exercise is advised, it helps; a described network gets no advice."""
    path = saved(Table())
    code, _, error = check(path, "--exercise", "xor")
    assert code == 2 and error.endswith("it fits the exercise course, not xor; "
                                        "leave out --exercise")  # fmt: skip
    assert check(path)[0] == 0
    broken = with_junk(saved(Table()), MOST, SUMS)
    for arguments in ((), ("--exercise", "course"), ("--exercise", "mazur")):
        assert "leave out" not in check(broken, *arguments)[2]


def test_a_table_with_a_mistake_is_of_another_exercise_as_the_right_one(
    saved: Callable[..., Path],
) -> None:
    """One mistake in Mazur's table makes no wrong table of the course, whose sums lack a bias."""
    sums = {
        name: f"{PLAIN[name]}+[{bias}]"
        for bias, names in (("b1", ("h1", "h2")), ("b2", ("o1", "o2")))
        for name in names
    }
    wrong = {"E_total": "[E1]-[E2]"}
    for changes in ({}, wrong):
        table = Table(formulas={**PLAIN, **sums, **changes}, beside={"b1": 0.35, "b2": 0.6})
        path = saved(table)
        code, _, error = check(path, "--exercise", "course")
        assert code == 2 and "it fits the exercise mazur, not course" in error, changes
        assert [fault["column"] for fault in judge_one(path)["faults"]] == list(changes)


def test_an_extra_term_is_named_if_it_is_a_given_value(saved: Callable[..., Path]) -> None:
    biases = {"h1": "[b1]", "h2": "[b1]", "o1": "[b2]", "o2": "[b1]+[b2]"}
    sums = {name: f"{PLAIN[name]}+{bias}" for name, bias in biases.items()}
    table = Table(formulas={**PLAIN, **sums}, beside={"b1": 0.35, "b2": 0.6})
    [fault] = judge_one(saved(table))["faults"]
    assert (fault["column"], fault["cause"]) == ("o2", "an extra term: b1")


def test_another_optimizer_than_the_given_one_is_a_mistake(
    saved: Callable[..., Path], tmp_path: Path
) -> None:
    """The exercise has momentum; the table is right for the course, which has the same network."""
    given = tmp_path / "momentum.toml"
    course = packaged_file("course").read_text("utf-8")
    assert course.count("[training]\n") == 1
    given.write_text(course.replace("[training]\n", "[training]\nmomentum = 0.9\n"), "utf-8")
    code, out, error = check(saved(Table()), "--exercise", given)
    assert (code, error) == (1, "")
    assert out.count("cause momentum is left out") == 8


def test_a_missing_column_may_be_one_that_is_quoted(saved: Callable[..., Path]) -> None:
    path = with_junk(saved(Table()), ("∂E/∂w5",), ("∂E/∂w5",))
    words = words_of(judge_one(path))
    assert "missing column: ∂E/∂w5" in words
    assert "not recognized, and perhaps what is missing: 'thing " in words


def test_labels_on_several_sheets_are_named(tmp_path: Path) -> None:
    book = Workbook()
    parts = {"Given": "w1 w2 t1", "Forward": "h1 a_h1 o1", "Backward": "dE/dw1 dE/dw2 dE/dw3"}
    for title, labels in parts.items():
        sheet = book.create_sheet(title)
        for row, label in enumerate(labels.split(), 1):
            sheet.cell(row, 1, label)
            sheet.cell(row, 2, row / 7)
    book.save(tmp_path / "sheets.xlsx")
    _, _, error = check(tmp_path / "sheets.xlsx")
    assert "w1, w2 and t1 on 'Given', h1, a_h1 and o1 on 'Forward'" in error
    assert error.endswith("put all labels of an iteration on one sheet")


def test_unknown_headers_are_quoted(tmp_path: Path) -> None:
    path = saved_rows(
        tmp_path,
        ["alpha one", "beta two", "gamma three", "w1"],
        *([row, row * row, row**3, 5] for row in range(1, 6)),
    )
    code, _, error = check(path)
    assert code == 2
    assert "has no table of the exercise" in error
    assert "'alpha one', 'beta two' and 'gamma three' name nothing" in error
    assert "only w1 is known; give each quantity a column of its own" in error


def test_headers_above_are_quoted_and_not_the_names_of_rows(tmp_path: Path) -> None:
    path = saved_rows(
        tmp_path,
        ["item", "price", "count", "sum"],
        *([f"thing {row}", row / 2, row, row * row / 2] for row in range(1, 6)),
    )
    assert "its headers 'price', 'count' and 'sum' name nothing" in check(path)[2]


def test_known_headers_that_are_too_few_are_named(tmp_path: Path) -> None:
    path = saved_rows(
        tmp_path,
        [f"w{n}" for n in range(1, 9)],
        *([row * n / 10 for n in range(1, 9)] for row in range(1, 6)),
    )
    assert "exercise: only w1 … w8 are known; give each" in check(path)[2]


def test_against_its_header_and_not_checked_are_one_note(saved: Callable[..., Path]) -> None:
    order = (*Table().order, "b1")
    headers = {"a_h1": "h1", "h1": "a_h1"}
    table = Table(
        order=order,
        header=lambda name: headers.get(name, name),
        formulas={**PLAIN, "b1": "[i1]*3"},
    )
    result = judge_one(saved(table))
    notes = [note for note in result["warnings"] if "against their headers" in note]
    assert len(notes) == 1, result["warnings"]
    assert "not checked, because it is a column of your own: 'b1' (" in notes[0]


@pytest.mark.parametrize(("empty", "verb"), [(range(1, 6), "is"), (range(2, 6), "are")])
def test_the_verb_goes_with_the_number_of_complete_rows(
    empty: range, verb: str, saved: Callable[..., Path]
) -> None:
    changes = {"h1": lambda row: None if row in empty else PLAIN["h1"]}
    words = words_of(judge_one(saved(Table(rows=6, changes=changes))))
    assert f"{6 - len(empty)} of 6 rows {verb} complete" in words


def test_json_says_how_each_column_was_read(saved: Callable[..., Path]) -> None:
    order = (*Table().order, "remark")
    table = Table(
        order=order,
        header=lambda name: {"a_h1": "foo"}.get(name, name),
        formulas={**PLAIN, "remark": "SQRT([i1])"},
    )
    [result] = json.loads(run(saved(table), "--json").stdout)
    columns = {column["header"]: column for column in result["columns"]}
    assert columns["foo"]["quantity"] == "a_h1" and columns["foo"]["by"] == "numbers"
    assert columns["w1"]["quantity"] == "w1" and columns["w1"]["by"] == "header"
    assert columns["w1"]["cell"].endswith("4")
    assert result["not_checked"] == ["remark"]
    assert {"file", "sheet", "exercise", "verdict", "rows", "lr", "faults", "warnings"} <= set(
        result
    )


def test_several_tables_and_a_damaged_file_need_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def refuse(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    wrong = Table(changes={"∂E/∂w5": PLAIN["∂E/∂w6"]}, sheet="Second")
    book_of(Table(), wrong).write(tmp_path / "two.xlsx")
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04 broken")
    code, out, error = check(tmp_path, "--jobs", "1")
    assert code == 2
    assert "RIGHT" in out and "[Sheet1]" in out and "WRONG" in out and "[Second]" in out
    assert "2 files, 2 tables: 1 right, 1 wrong, 1 could not be checked" in out
    assert "broken.xlsx" in error


DELTA = "([a_o1]-[t1])*[a_o1]*(1+[a_o1])"


def with_delta(**options: object) -> Table:
    formulas = {**PLAIN, "δ_o1": DELTA, "∂E/∂w5": "[δ_o1]*[a_h1]"}
    return Table(order=(*Table().order, "δ_o1"), formulas=formulas, **options)  # type: ignore[arg-type]


def test_a_wrong_intermediate_derivative_is_explained_wherever_it_is_reported(
    saved: Callable[..., Path], tmp_path: Path
) -> None:
    path = saved(with_delta())
    means = "how fast the total error changes with o1 (δ_o1 in many textbooks)"
    code, out, _ = check(path, "--annotate", tmp_path / "copies", "--report", tmp_path / "r.xlsx")
    assert code == 1
    assert f"∂E/∂o1: 10 cells wrong, the first is AH5 meaning {means} found" in out
    assert "correct (a_o1 - t1)*a_o1*(1 - a_o1) cause" in out
    copy = load_workbook(tmp_path / "copies" / path.name)
    comment = copy["Sheet1"]["AH5"].comment
    assert comment is not None and f"meaning: {means}" in comment.text
    texts = [cell.value for cell in copy["Feedback"]["A"]]
    assert f"∂E/∂o1: {means}" in texts
    rows = list(load_workbook(tmp_path / "r.xlsx")["Findings"].values)
    assert means in dict(zip(rows[0], rows[1], strict=True))["meaning"]


def test_a_finding_under_a_header_without_a_meaning_names_that_header(
    saved: Callable[..., Path],
) -> None:
    table = Table(
        header=lambda name: {"∂E/∂w3": "foo"}.get(name, name),
        changes={"∂E/∂w3": PLAIN["∂E/∂w3"].replace("[a_h2]", "[a_h1]")},
        only=(4,),
    )
    result = judge_one(saved(table))
    assert [fault["column"] for fault in result["faults"]] == ["∂E/∂w3"]
    assert "∂E/∂w3 is the column 'foo' (" in words_of(result)


def test_a_missing_quantity_of_a_form_may_be_under_a_label_that_is_quoted(
    saved: Callable[..., Path],
) -> None:
    form = Form(rows=2, header=lambda name: {"h1": "a sum"}.get(name, name), changes={"h1": "3+4"})
    words = words_of(judge_one(saved(form)))
    if "missing: h1" in words:
        assert "'a sum' (" in words
    assert "unfinished" not in words


def test_explain_shows_a_network_that_was_read_from_formulas(tmp_path: Path) -> None:
    path = NetworkBook(
        sizes=(3, 1), activations=("sigmoid",), bias="neuron", header=lambda name: f"q {name}"
    ).write(tmp_path / "own.xlsx")
    code, out, _ = check(path, "--explain")
    assert code == 0 and "q w1.1.2 w2 the formulas" in out
    code, _, error = check(path, "--exercise", "mazur")
    assert code == 2 and error.endswith("one bias per neuron; leave out --exercise")


def test_a_refused_table_is_looked_for_once(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    path = NetworkBook(sizes=(3, 1), activations=("sigmoid",), bias="neuron").write(
        tmp_path / "own.xlsx"
    )
    searches = []
    search = workbook_audit.find_tables
    monkeypatch.setattr(
        workbook_audit, "find_tables", lambda sheets: searches.append(1) or search(sheets)
    )
    result = workbook_audit.audit_workbook(path, load_exercise("mazur"))
    assert [problem.advice for problem in result.problems] == [(Advice.ANY_EXERCISE,)]
    assert len(searches) == 1


def test_typed_cells_of_several_columns_are_one_note(saved: Callable[..., Path]) -> None:
    """What is typed and right is no finding; a note for each column would bury the others."""
    table = Table()
    book = book_of(table)
    for name in table.order[8:]:
        place = table.position(name, 4)
        book.put(*place, book.shown(*place))
    path = saved(book)
    notes = judge_one(path)["warnings"]
    typed = [note for note in notes if note.startswith("typed numbers within a column")]
    assert len(notes) == len(typed) == 1
    assert f"h1 ({table.cell('h1', 4)}), " in typed[0] and typed[0].endswith(" more columns")


def test_a_form_under_own_words_of_another_exercise_can_be_checked_without_it(
    saved: Callable[..., Path],
) -> None:
    names = list(COURSE_ORDER)
    words = {name: f"Größe {chr(97 + n // 5)}{n % 5}" for n, name in enumerate(names)}
    given = {name: name for name in names if name[0] in "it"}
    path = saved(Form(rows=1, new="{}+", header=lambda name: {**words, **given}.get(name, name)))
    code, _, error = check(path, "--exercise", "xor")
    assert code == 2 and error.endswith("leave out --exercise"), error
    assert check(path)[0] == 0


def test_a_table_under_own_headers_without_stored_values_needs_to_be_saved(tmp_path: Path) -> None:
    path = NetworkBook(sizes=(3, 1), activations=("sigmoid",)).write(tmp_path / "own.xlsx")
    load_workbook(path).save(path)
    code, out, error = check(path)
    assert (code, out) == (2, "")
    assert error.endswith("without stored values: open and save it once in Excel or LibreOffice")


def test_error_values_are_one_note(saved: Callable[..., Path]) -> None:
    """They are cells without a number, too: a second note would list all columns."""
    path = saved(Table(changes={"h1": "1/0+[w1]*[i1]"}, since={"h1": 6}))
    notes = judge_one(path)["warnings"]
    assert [note for note in notes if "error values" in note]
    assert not [note for note in notes if "without a number" in note]


def test_the_title_of_a_file_is_quoted_and_a_packaged_exercise_is_not_saved(
    saved: Callable[..., Path], tmp_path: Path
) -> None:
    file = tmp_path / "own.toml"
    own = NetworkBook(sizes=(3, 1), activations=("sigmoid",)).write(tmp_path / "own.xlsx")
    assert check(own, "--save-exercise", file)[0] == 0
    path = saved(Table())
    error = check(path, "--exercise", file)[2]
    assert "not 'The network of a workbook: 3-1, sigmoid, no biases'" in error
    code, out, error = check(path, "--save-exercise", tmp_path / "none.toml")
    assert code == 2 and out.startswith("RIGHT")
    assert error.endswith("gradsheet exercises NAME prints a packaged one")


def test_of_a_worksheet_in_which_nothing_is_filled_one_sentence_says_so(tmp_path: Path) -> None:
    path = tmp_path / "worksheet.xlsx"
    click_run("sheet", "--blank", "all", "-o", path)
    code, out, _ = check(path)
    assert code == 1 and "note: nothing is computed yet" in out and "the only row" not in out
