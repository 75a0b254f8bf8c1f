"""The letters of columns are those of openpyxl."""

from __future__ import annotations

import pytest
from openpyxl.utils import column_index_from_string, get_column_letter

from gradsheet.excel.column_letters import MAX_NUMBER, letters_of_column, number_of_column


def test_letters_and_numbers_are_those_of_openpyxl():
    for number in range(1, MAX_NUMBER + 1):
        letters = get_column_letter(number)
        assert letters_of_column(number) == letters
        assert number_of_column(letters) == column_index_from_string(letters) == number
    assert number_of_column("aB") == 28


@pytest.mark.parametrize("letters", ["", "A1", "AAAA", "Ä", "$A", " "])
def test_other_texts_are_no_columns(letters):
    with pytest.raises(ValueError):
        number_of_column(letters)


@pytest.mark.parametrize("number", [0, -1, MAX_NUMBER + 1])
def test_other_numbers_have_no_letters(number):
    with pytest.raises(ValueError):
        letters_of_column(number)
