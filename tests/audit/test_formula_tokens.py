"""Formulas are split into tokens as openpyxl splits them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token as OtherToken
from openpyxl.formula.tokenizer import TokenizerError

from backprop_sheet.audit.read.formula_tokens import (
    FormulaSyntaxError,
    TokenType,
    split_formula,
)

TYPES = {
    OtherToken.WSPACE: TokenType.SPACE,
    OtherToken.ARRAY: TokenType.ARRAY,
    OtherToken.FUNC: TokenType.FUNCTION,
    OtherToken.PAREN: TokenType.OPEN,
    OtherToken.SEP: TokenType.SEPARATOR,
    OtherToken.OP_PRE: TokenType.PREFIX,
    OtherToken.OP_IN: TokenType.INFIX,
    OtherToken.OP_POST: TokenType.POSTFIX,
    OtherToken.TEXT: TokenType.TEXT,
    OtherToken.NUMBER: TokenType.NUMBER,
    OtherToken.LOGICAL: TokenType.TRUTH,
    OtherToken.ERROR: TokenType.ERROR,
    OtherToken.RANGE: TokenType.NAME,
}
OPERANDS = [
    "A1", "$B$2", "'S 1'!A1", "'It''s'!$B3", "Sheet2!B3", "[1]Sheet!A1", "1.5", "2E-3", "1e5", ".5",
    "TRUE", "#REF!", "#N/A", "Sheet1!#REF!", "T[[#This Row],[w1]]", "[@w1]", "A1:B2", "$A:A", "3:4",
    "η", "w_1", "@w1", '"a""b"', '"(1+2"', '""', "x.y", "A1:'S 1'!B2",
]  # fmt: skip
BETWEEN = ["+", "-", "*", " / ", "^", "&", "=", "<>", "<=", " >", ",", ";", "%-", "*-", " "]


def by_openpyxl(formula: str) -> list[tuple[TokenType, str]]:
    found = []
    for token in Tokenizer(formula).items:
        kind = token.subtype if token.type == OtherToken.OPERAND else token.type
        is_end = token.subtype == OtherToken.CLOSE
        found.append((TokenType.CLOSE if is_end else TYPES[kind], token.value))
    return found


@st.composite
def formulas(draw: st.DrawFn, depth: int = 0) -> str:
    """Formulas as people write them, and some that Excel refuses."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        inner = st.sampled_from(OPERANDS)
        if depth < 3:
            opening = st.sampled_from(["(", "SUM(", "_xlfn.LET(", "(-", "+(", "IF( "])
            closing = st.sampled_from([")", " )", ")%"])
            inner |= st.tuples(opening, formulas(depth + 1), closing).map("".join)
        parts += [draw(inner), draw(st.sampled_from(BETWEEN))]
    return "".join(parts[:-1])


@given(formulas(), st.sampled_from(["", "-", "+", " ", "}", "(", "{"]))
@settings(max_examples=50, deadline=None)
def test_tokens_are_those_of_openpyxl(text, start):
    formula = f"={start}{text}"
    try:
        expected = by_openpyxl(formula)
    except (TokenizerError, IndexError):
        assume(False)
    found = split_formula(formula)
    spaces = TokenType.SPACE
    assert [(one.type, one.text[:1] if one.type is spaces else one.text) for one in found] == (
        expected
    )


@pytest.mark.parametrize("formula", ['="a', "='Sheet!A1", "=T[w1", "=A1)", "={1)", "=(1}", '="a""'])
def test_what_does_not_end_or_begin_is_an_error(formula):
    with pytest.raises(FormulaSyntaxError):
        split_formula(formula)


@pytest.mark.parametrize("space", ["\n", "\r\n", "\t", "\u00a0"])
def test_any_space_may_stand_between(space):
    tokens = split_formula(f"=A1{space}*{space}B2")
    assert [one.text for one in tokens if one.type is not TokenType.SPACE] == ["A1", "*", "B2"]


def test_a_number_may_have_digits_before_its_exponent():
    assert [one.type for one in split_formula("=12.5E-10")] == [TokenType.NUMBER]


def test_long_formulas_take_no_longer_than_their_length():
    for text in ("'" * 8_191, "[" * 8_191, '"' * 8_191, "A1," * 2_000 + "'", "#" * 8_191):
        with pytest.raises(FormulaSyntaxError):
            split_formula(f"={text}")
