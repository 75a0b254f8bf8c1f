"""Properties of the audit: any problem is right, any slip is found where it was made."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backprop_sheet.audit import _TableAudit
from backprop_sheet.equations import COLUMNS, LEARNING_RATE, UPDATES, WITHIN_ROW
from backprop_sheet.excel import UnreadableError, outside, read_formula
from backprop_sheet.expression import Expression, Name, evaluate, formula, names, text
from backprop_sheet.headers import column_of, find_tables
from backprop_sheet.pile import judge_pile, workbooks
from backprop_sheet.reading import CannotJudgeError, Sheet, address
from backprop_sheet.slips import RIGHT, name_the_slip, same, slips

HEADER_ROW, FIRST_COLUMN, ROWS = 4, 3, 6
PLACES = {name: FIRST_COLUMN + at for at, name in enumerate(COLUMNS)}

numbers = st.floats(-3, 3).filter(lambda x: abs(x) > 1e-3)


def sheet_of(given_values: dict[str, float], rate: float, changed: dict[str, Expression]) -> Sheet:
    """A sheet in memory whose cells hold the exercise's formulas, some of them changed."""
    sheet = Sheet("Sheet1")
    sheet.values[2, 3], sheet.values[2, 4] = "η", rate
    for name, column in PLACES.items():
        sheet.values[HEADER_ROW, column] = name
    rows: list[dict[str, float]] = []
    for index in range(ROWS):
        row = HEADER_ROW + 1 + index
        known: dict[str, float] = {LEARNING_RATE: rate}
        for back in range(1, index + 1):
            known |= {f"{name}[n-{back}]": value for name, value in rows[index - back].items()}
        known |= {name: given_values[name] for name in ("t1", "t2", "i1", "i2")}
        if index == 0:
            known |= given_values
        equations = ({} if index == 0 else UPDATES) | WITHIN_ROW

        def cell(name: Name, row: int = row) -> str:
            if name.name == LEARNING_RATE:
                return "$D$2"
            return address((row + name.shift, PLACES[name.name]))

        for name, right in equations.items():
            used = changed.get(name, right)
            if any(part.key not in known for part in names(used)):
                used = right
            with np.errstate(all="ignore"):
                known[name] = float(evaluate(used, known))
            sheet.formulas[row, PLACES[name]] = "=" + formula(used, cell)
        for name in COLUMNS:
            sheet.values[row, PLACES[name]] = known[name]
        rows.append({name: known[name] for name in COLUMNS})
    return sheet


def judged(sheet: Sheet):
    (table,) = find_tables(sheet)
    return _TableAudit("x.xlsx", sheet, table, 1e-6).judge()


problems = st.fixed_dictionaries(
    dict.fromkeys([name for name in COLUMNS if name[0] in "tiw"], numbers)
)
rates = st.floats(1e-3, 50)


@given(problems, rates)
@settings(max_examples=60, deadline=None)
def test_every_right_table_is_right(problem, rate):
    judgement = judged(sheet_of(problem, rate, {}))
    assert (judgement.verdict, judgement.faults) == ("right", [])
    assert judgement.lr == rate and judgement.rows == ROWS


@given(st.data(), problems, rates)
@settings(max_examples=200, deadline=None)
def test_every_slip_is_found_where_it_is_made_and_nowhere_else(data, problem, rate):
    column = data.draw(st.sampled_from(sorted(RIGHT)))
    slip = data.draw(st.sampled_from(sorted(slips(column).values(), key=lambda slip: slip.words)))
    # A formula that asks for its own cell, or for one computed from it, is circular.
    after = list(WITHIN_ROW)[list(WITHIN_ROW).index(column) :] if column in WITHIN_ROW else COLUMNS
    assume(not any(name.shift >= 0 and name.name in after for name in names(slip.expression)))
    sheet = sheet_of(problem, rate, {column: slip.expression})
    assume(all(np.isfinite(v) for v in sheet.values.values() if isinstance(v, float)))
    judgement = judged(sheet)
    column_numbers = [
        (sheet.values[row, PLACES[column]], row)
        for row in range(HEADER_ROW + 1, HEADER_ROW + 1 + ROWS)
    ]
    assert {fault.column for fault in judgement.faults} <= {column}
    if judgement.faults:
        (fault,) = judgement.faults
        assert fault.cause and "is right" not in fault.cause
        assert fault.formula and not same_text(fault.formula, fault.expected_formula)
        first = next(
            row for _, row in column_numbers if address((row, PLACES[column])) == fault.first_cell
        )
        assert fault.found == sheet.values[first, PLACES[column]]
        if np.isfinite(fault.found) and fault.expected != 0:
            assert abs(fault.found - fault.expected) > 1e-6 * abs(fault.expected)


def same_text(one: str, other: str) -> bool:
    return one.replace(" ", "") == other.replace(" ", "")


@pytest.mark.parametrize("column", sorted(RIGHT))
def test_a_slip_is_named_from_its_formula_as_excel_holds_it(column):
    def cell(name: Name) -> str:
        return "A1" if name.name == LEARNING_RATE else address((50 + name.shift, PLACES[name.name]))

    back = {column: name for name, column in PLACES.items()}

    def resolve(sheet, reference):
        if reference == (1, 1):
            return Name(LEARNING_RATE)
        return Name(back[reference[1]], reference[0] - 50)

    for slip in slips(column).values():
        read = read_formula("=" + formula(slip.expression, cell), resolve)
        assert same(read, slip.expression), text(slip.expression)
        assert name_the_slip(column, read)
    assert name_the_slip(column, RIGHT[column]) == ""


formula_texts = st.text(alphabet="=+-*/^()A1B2$:!,;%\"'EXPSUM[]@#{} .0", max_size=40)


@given(formula_texts)
@settings(max_examples=300, deadline=None)
def test_no_formula_is_a_crash(written):
    try:
        expression = read_formula("=" + written, outside)
    except UnreadableError:
        return
    assert text(expression)


@pytest.mark.parametrize(
    "written",
    ["=" + "(" * 400 + "1" + ")" * 400, "=" + "-" * 900 + "1", "=" + "+".join("1" * 400),
     "=SUM(" * 80 + "A1:A60" + ")" * 80, "=SUM(A1:A60)" + "+SUM(A1:A60)" * 60, "=A1:XFD1048576"],
)  # fmt: skip
def test_deep_and_endless_formulas_are_refused_or_read(written):
    with contextlib.suppress(UnreadableError):
        assert text(read_formula(written, outside))


@given(st.text(max_size=100))
@settings(deadline=None)
def test_no_header_is_a_crash(written):
    assert column_of(written) in {None, "iteration", LEARNING_RATE, *COLUMNS}


def test_our_own_headers_are_their_own_meaning():
    assert [column_of(name) for name in COLUMNS] == list(COLUMNS)


@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused_and_never_a_crash(tmp_path_factory, content, start):
    path = tmp_path_factory.mktemp("bytes") / "any.xlsx"
    path.write_bytes(start + content)
    ((_, result),) = judge_pile([path])
    assert isinstance(result, CannotJudgeError)


def test_a_folder_means_the_workbooks_in_it(tmp_path: Path):
    for name in ("b.xlsx", "a.XLSM", "~$a.xlsx", "notes.txt", "old.xls", ".hidden.xlsx"):
        (tmp_path / name).touch()
    assert [path.name for path in workbooks([tmp_path])] == ["a.XLSM", "b.xlsx", "old.xls"]
