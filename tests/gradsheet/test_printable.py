"""Text of others cannot control a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradsheet.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("línea ∂ 日本 😀", "línea ∂ 日本 😀"),
        ("9.41\u202fAM\xa0", "9.41\u202fAM\xa0"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\rc\x7f\x9b", r"a\x0ab\x0dc\x7f\x9b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_control_characters_become_escapes(text: str, shown: str):
    assert printable(text) == shown


def test_some_may_be_kept():
    assert printable("a\nb\tc\x1b", keep="\n\t") == "a\nb\tc" + r"\x1b"


@given(st.text(st.characters()))
def test_no_control_or_direction_character_is_left(text: str):
    shown = printable(text)
    assert all(unicodedata.category(sign)[0] != "C" for sign in shown)
    assert printable(shown) == shown
