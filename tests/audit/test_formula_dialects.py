"""How a formula is written never decides whether its cause is found."""

from __future__ import annotations

import re

import pytest
from fixtures.dialect_tables import FIRST_ROW, SYSTEM, DialectTable
from openpyxl.utils import get_column_letter

from backprop_sheet.audit.read.formula_functions import UnreadableFormulaError
from backprop_sheet.audit.read.formula_parser import parse_formula
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.symbolic.expressions import CellReference, Expression
from backprop_sheet.symbolic.rendering import to_excel, to_text

WRONG = "(a_o1 - t1)*a_o1*(1 - a_o1)*a_h1"  # ∂E/∂w6 with a_h1
CAUSE = "another neuron's activation: a_h1 where a_h2 belongs"
WRONG_UPDATE = "w1[n-1] + η*∂E/∂w1[n-1]"
NAMED = {name: f"col_{index}" for index, name in enumerate(SYSTEM.columns)}


def plain(rhs, cell):
    return to_excel(rhs, cell)


def letter(reference: str) -> str:
    return re.sub("[0-9$]", "", reference)


def same_row_only(convert):
    """Write references to the formula's own row in another way."""

    def write(column, record, cell, rhs):
        row = FIRST_ROW + record

        def reference(name):
            known = cell(name)
            is_own_row = known.endswith(str(row)) and "$" not in known
            return convert(letter(known), row, record) if is_own_row else known

        return "=" + to_excel(rhs, reference)

    return write


def let(column, record, cell, rhs):
    used = dict.fromkeys(re.findall(r"\$?[A-Z]+\$?[0-9]+", to_excel(rhs, cell)))
    names = {reference: f"_xlpm.x{index}" for index, reference in enumerate(used)}
    text = re.sub(r"\$?[A-Z]+\$?[0-9]+", lambda match: names[match[0]], to_excel(rhs, cell))
    pairs = ",".join(f"{name},{reference}" for reference, name in names.items())
    return f"=_xlfn.LET({pairs},{text})"


def look_up(column, record, cell, rhs):
    def reference(name):
        known = cell(name)
        row = re.sub("[A-Z]", "", known)
        if "$" in known:
            return known
        return f"HLOOKUP({letter(known)}$3,$B$3:$BA$90,{int(row) - 2},FALSE)"

    return "=" + to_excel(rhs, reference)


def around(template):
    return lambda column, record, cell, rhs: template.replace("#", to_excel(rhs, cell))


DIALECTS = {
    "plain": around("=#"),
    "two equals signs": around("==#"),
    "plus": around("=+#"),
    "iferror": around('=IFERROR(#,"")'),
    "if blank": around('=IF(B4="","",#)'),
    "if and": around('=IF(AND(B4>0,C4<>""),#,0)'),
    "whole columns": same_row_only(lambda column, row, record: f"{column}:{column}"),
    "at": same_row_only(lambda column, row, record: f"@{column}:{column}"),
    "single": same_row_only(lambda column, row, record: f"_xlfn.SINGLE({column}:{column})"),
    "long ranges": same_row_only(lambda column, row, record: f"${column}$4:${column}$90"),
    "index": same_row_only(lambda column, row, record: f"INDEX({column}:{column},ROW())"),
    "index of a range": same_row_only(
        lambda column, row, record: f"INDEX({column}$4:{column}$90,ROW()-{FIRST_ROW - 1})"
    ),
    "look-up": look_up,
    "offset": same_row_only(lambda column, row, record: f"OFFSET(${column}$1,{row - 1},0)"),
    "own sheet": same_row_only(lambda column, row, record: f"Sheet1!{column}{row}"),
    "let": let,
    "nothing added": around("=N(#)+0"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_right_formulas_are_right_in_any_dialect(dialect):
    table = DialectTable(write=DIALECTS[dialect])
    assert table.audit().verdict == "right"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_cause_is_found_in_any_dialect(dialect):
    changed = {"∂E/∂w6": WRONG, "w1": WRONG_UPDATE}
    findings = DialectTable(changed=changed, write=DIALECTS[dialect]).audit().findings
    causes = {finding.column: finding.cause for finding in findings}
    assert causes == {
        "∂E/∂w6": CAUSE,
        "w1": "a wrong sign: + instead of - before η*∂E/∂w1[n-1]",
    }


@pytest.mark.parametrize("constant", ["0.5", "Sheet1!$B$1", "=Sheet1!$B$1", "1/2"])
def test_defined_names_of_columns_and_constants_are_read(constant):
    def write(column, record, cell, rhs):
        row = FIRST_ROW + record

        def reference(name):
            if name.name == "η":
                return "lr"
            known = cell(name)
            return NAMED[name.name] if known.endswith(str(row)) else known

        return "=" + to_excel(rhs, reference)

    table = DialectTable(changed={"∂E/∂w6": WRONG, "w1": WRONG_UPDATE}, write=write)
    for name, defined in NAMED.items():
        column = get_column_letter(table.place(name))
        last = FIRST_ROW + table.rows - 1
        table.sheet.defined_names[defined] = f"Sheet1!${column}${FIRST_ROW}:${column}${last}"
    table.sheet.defined_names["lr"] = constant
    causes = {finding.column: finding.cause for finding in table.audit().findings}
    assert causes["∂E/∂w6"] == CAUSE
    assert causes["w1"].startswith("a wrong sign: + instead of -")


def cell_reference(sheet: str | None, row: int, column: int) -> Expression:
    return CellReference(sheet or "", row, column)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("=SUMPRODUCT(A1:B1,C1:D1)", "A1*C1 + B1*D1"),
        ("=SUMPRODUCT(A1:B1*C1:D1)", "A1*C1 + B1*D1"),
        ("=SUM(A1:B1*C1:D1)", "A1*C1 + B1*D1"),
        ("=MMULT(A1:B1,C1:C2)", "A1*C1 + B1*C2"),
        ("=MMULT(A1:B1,TRANSPOSE(C1:D1))", "A1*C1 + B1*D1"),
        ("=INDEX(MMULT(A1:B1,C1:D2),1,2)", "A1*D1 + B1*D2"),
        ("=SUMXMY2(A1:B1,C1:D1)/2", "((A1 - C1)² + (B1 - D1)²)/2"),
        ("=1/(1+EXP(1)^-A1)", "σ(A1)"),
        ("=1/(1+2.718281828459045^-A1)", "σ(A1)"),
        ("=A:A*B:B", "A7*B7"),
        ("=OFFSET(A1,,1)", "B1"),
        ("=OFFSET(A1,ROW()-1,COLUMN()-9)", "A7"),
        ("=ROUND(A1*B1,4)", "A1*B1"),
        ("=VALUE(FIXED(A1,4))", "A1"),
        ("=IF(ISBLANK(A1),B1,B1)", "B1"),
        ("=_xlfn.LET(x,A1,y,x*2,y+x)", "A1*2 + A1"),
        ("=Data!A:A", "Data!A7"),
    ],
)
def test_arithmetic_is_read_however_it_is_written(written, means):
    expression = parse_formula(written, cell_reference, home=(7, 9))
    assert to_text(expression, cell=reference_text) == means


@pytest.mark.parametrize(
    "written",
    ['=A1&"x"', "=INDIRECT(A1)", "=A:B", "=SUM(A:A)", "=INDEX(A1:A9,B1)", "=OFFSET(A1,-1,0)",
     '=IF(A1="x",B1,C1)', "=LET(x,1)", "=ROW(", "=INDEX(A1:B2,5,5)", '="text"',
     "=MMULT(A1:B1,C1:D1)", "=RAND()"],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused(written):
    with pytest.raises(UnreadableFormulaError):
        parse_formula(written, cell_reference, home=(7, 9))


def test_names_that_refer_to_themselves_are_refused():
    with pytest.raises(UnreadableFormulaError):
        parse_formula("=x", cell_reference, defined_names={"x": "=y+1", "y": "=x+1"})
