"""What headers with a word before the name, or a remark after it, propose."""

from __future__ import annotations

import pytest

from backprop_sheet.audit.read.spellings import meaning_of


@pytest.mark.parametrize("header", ["weight u11", "Gewicht u11", "peso v12"])
def test_a_word_before_a_weight_of_a_matrix_says_it_twice(header: str) -> None:
    meaning = meaning_of(header)
    assert meaning is not None
    assert meaning.name == f"w_{header.split()[1]}"


@pytest.mark.parametrize(
    "header",
    [
        "peso 1 (i1→h1)+",
        "peso 1 (i1→h1) nuovo",
        "peso 1. nuevo",
        "nuovo peso 1 (i1→h1)",
        "Gewicht 1 (i1→h1) neu",
    ],
)
def test_an_updated_weight_keeps_its_plus_beside_a_remark(header: str) -> None:
    meaning = meaning_of(header)
    assert meaning is not None
    assert (meaning.name, meaning.is_next) == ("w1", True)


@pytest.mark.parametrize("header", ["w1 alt", "old w1", "Gewicht 1 (alt)", "eski ağırlık 1"])
def test_an_old_weight_is_the_weight(header: str) -> None:
    meaning = meaning_of(header)
    assert meaning is not None
    assert (meaning.name, meaning.is_next, meaning.is_weak) == ("w1", False, True)


@pytest.mark.parametrize(
    ("header", "name"),
    [("poids n°1", "w1"), ("attendu 2", "t2"), ("权3", "w3"), ("特征1", "i1"), ("标签2", "t2"),
     ("भार 3", "w3"), ("इनपुट 1", "i1"), ("लक्ष्य 2", "t2"), ("त्रुटि 1", "E1")],
)  # fmt: skip
def test_words_and_number_signs_of_other_languages(header: str, name: str) -> None:
    meaning = meaning_of(header)
    assert meaning is not None
    assert meaning.name == name
