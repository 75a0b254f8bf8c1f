"""A formula that is filled down is parsed once; what its copies refer to is looked up in each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backprop_sheet.audit.compare.filled_formulas import FilledFormulas
from backprop_sheet.audit.read.formula_parser import Resolve, parse_formula
from backprop_sheet.audit.read.references import reference_text
from backprop_sheet.audit.read.workbook import Address
from backprop_sheet.symbolic.expressions import CellReference, Expression, Name
from backprop_sheet.symbolic.rendering import to_text
from gradsheet.excel.column_letters import letters_of_column

QUANTITIES = {1: "w1", 2: "h1", 3: "o1"}  # by the column
TABLE = range(2, 40)  # its rows


class Reader:
    """Reads the formulas of column D, as those of a table are read; counts what is parsed."""

    def __init__(self, resolve: Callable[[int], Resolve] | None = None) -> None:
        self.filled, self.parsed = FilledFormulas(), 0
        self.resolve = resolve or self.by_record

    @staticmethod
    def by_record(home: int) -> Resolve:
        def resolve(sheet: str | None, row: int, column: int) -> Expression:
            title = "" if sheet == "S" else sheet or ""  # of the formula's own sheet
            if not title and row in TABLE and column in QUANTITIES:
                return Name(QUANTITIES[column], row - home)
            return CellReference(title, row, column)

        return resolve

    def once(self, formula: str, row: int, resolve: Resolve) -> Expression:
        self.parsed += 1
        return parse_formula(
            formula, resolve, home=(row, 4), defined_names={"eta": "$F$1", "all": "$A$2:$A$39"}
        )

    def read(self, formula: str, row: int) -> str:
        """Return the formula of D in this row, as text; it must be as if it were parsed alone."""
        home = Address("S", row, 4)
        found = self.filled.parse(
            formula, home, self.resolve(row), lambda resolve: self.once(formula, row, resolve)
        )
        parsed, self.parsed = self.parsed, 0
        assert found == self.once(formula, row, self.resolve(row))
        self.parsed = parsed
        return to_text(found, cell=reference_text)


@pytest.mark.parametrize(
    ("formula", "parsed"),
    [
        ("=A{0}*B{0}+1", 1),
        ("=A{before}-$F$1*C{before}", 1),
        ("=A{0}*$C{0}", 1),
        ("=SUM(A{0}:B{0})", 1),
        ("=B{0}*C$3", 30),  # a fixed row of the table is another iteration in each row
        ("=A{0}*eta", 30),  # a name may mean another cell
        ("=A{0}*all", 30),
        ("=SUM(A{0}:C{0})", 30),  # B is between the ends
        ("=INDEX(A:A,{0})*B{0}", 30),
        ("=B{0}*ROW()", 30),
        ("=Other!A{0}*B{0}", 30),  # of no quantity: another cell in each row
    ],
)
def test_a_copy_means_what_it_would_mean_alone(formula: str, parsed: int) -> None:
    reader = Reader()
    for row in range(5, 35):
        reader.read(formula.format(row, before=row - 1), row)
    assert reader.parsed == parsed


def test_other_columns_that_are_filled_right_have_their_own_quantities() -> None:
    reader = Reader()
    texts = [
        to_text(
            reader.filled.parse(
                f"={letters_of_column(column)}5*2",
                Address("S", 5, column + 4),
                reader.by_record(5),
                lambda resolve, column=column: parse_formula(
                    f"={letters_of_column(column)}5*2", resolve
                ),
            )
        )
        for column in QUANTITIES
    ]
    assert texts == ["w1*2", "h1*2", "o1*2"]


def test_a_helper_cell_that_differs_in_one_row_is_seen() -> None:
    def resolve(home: int) -> Resolve:
        def of_helper(_: str | None, row: int, column: int) -> Expression:
            return Name("h1" if row == 9 else "o1") if column == 5 else Name(QUANTITIES[column])

        return of_helper

    reader = Reader(resolve)
    texts = [reader.read(f"=E{row}*A{row}", row) for row in range(5, 15)]
    assert texts == ["o1*w1"] * 4 + ["h1*w1"] + ["o1*w1"] * 5


def test_a_reference_is_resolved_once_for_each_cell() -> None:
    seen: list[tuple[int, int]] = []

    def resolve(home: int) -> Resolve:
        def noted(_: str | None, row: int, column: int) -> Expression:
            seen.append((row, column))
            return Name("w1", row if column == 1 and row == 7 else 0)

        return noted

    filled = FilledFormulas()
    for row in range(5, 10):
        formula = f"=A{row}*B{row}"
        filled.parse(
            formula,
            Address("S", row, 4),
            resolve(row),
            lambda resolve, formula=formula: parse_formula(formula, resolve),
        )
    assert seen == [(row, column) for row in range(5, 10) for column in (1, 2)]
