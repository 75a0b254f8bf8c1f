"""Headers that end in the same number belong together."""

from __future__ import annotations

import pytest

from backprop_sheet.audit.read.header_numbers import common_end, split_at_number


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("slope of w5", ("slope of w", "5", "")),
        ("∂E/∂w12", ("∂E/∂w", "12", "")),
        ("h2 out", ("h", "2", " out")),
        ("w₁₃", ("w", "13", "")),
        ("E_total", ("E_total", "", "")),
        ("h" + "7" * 5000, ("h" + "7" * 5000, "", "")),  # more digits than Python reads
    ],
)
def test_the_last_number_of_a_header(header, parts):
    assert split_at_number(header) == parts


@pytest.mark.parametrize(
    ("header", "other", "length"),
    [
        ("gradient w13", "Gewicht 13", 2),
        ("∂E/∂u11", "u11", 3),
        ("gradient w₃", "w3", 2),
        ("gradient w13", "w3", 0),
        ("gradient w3", "w13", 0),
        ("h1 out", "h1 in", 0),
        ("total", "E_total", 0),
    ],
)
def test_headers_have_their_whole_number_in_common(header, other, length):
    assert common_end(header, other) == length
