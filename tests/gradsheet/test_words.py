"""Lists and plurals."""

from __future__ import annotations

import pytest

from gradsheet.words import count, join, one_of, plural


@pytest.mark.parametrize(
    ("words", "joined", "choice"),
    [
        ([], "", ""),
        (["a"], "a", "a"),
        (["a", "b"], "a and b", "a or b"),
        (["a", "b", "c"], "a, b and c", "a, b or c"),
    ],
)
def test_words_are_joined(words: list[str], joined: str, choice: str):
    assert (join(words), one_of(words)) == (joined, choice)
    assert join(iter(words)) == joined


def test_a_noun_follows_its_number():
    assert [count(n, "row") for n in (0, 1, 2, 1200)] == ["0 rows", "1 row", "2 rows", "1,200 rows"]
    assert count(2, "copy", "copies") == "2 copies" and plural(1, "copy", "copies") == "copy"
