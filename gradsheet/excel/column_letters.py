"""The letters of columns in references to cells.

openpyxl and XlsxWriter have the same, but importing either takes longer than reading a workbook.
"""

from __future__ import annotations

from functools import lru_cache

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_NUMBER = 18_278  # ZZZ


@lru_cache(maxsize=MAX_NUMBER)
def letters_of_column(number: int) -> str:
    """Return the letters of a column: A for 1, AA for 27.

    Raises:
        ValueError: the number is not 1 to 18,278.
    """
    if not 1 <= number <= MAX_NUMBER:
        raise ValueError(f"no column has the number {number}")
    letters = ""
    while number:
        number, place = divmod(number - 1, len(LETTERS))
        letters = LETTERS[place] + letters
    return letters


@lru_cache(maxsize=MAX_NUMBER)
def number_of_column(letters: str) -> int:
    """Return the number of a column from its letters, in capitals or not: 27 for AA.

    Raises:
        ValueError: these are not one to three letters from A to Z.
    """
    number = 0
    for letter in letters.upper():
        number = number * len(LETTERS) + LETTERS.index(letter) + 1
    if not 1 <= number <= MAX_NUMBER:
        raise ValueError(f"no column has the letters {letters!r}")
    return number
