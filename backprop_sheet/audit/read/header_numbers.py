"""The number at the end of a header, by which a column belongs to others."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import takewhile

from backprop_sheet.audit.read.header_text import visible

_NUMBERS = re.compile("[0-9]+")
_LAST_NUMBER = re.compile(r"(?<!\d)\d{1,9}(?=\D*$)")  # longer ones number nothing


@lru_cache(maxsize=4096)
def split_at_number(text: str) -> tuple[str, str, str]:
    """Return the last number of a text, between what is before and after it; "" without one.

    Its digits may be subscripts: ``w₁``.
    """
    text = unicodedata.normalize("NFKC", visible(text))
    match = _LAST_NUMBER.search(text)
    if match is None:
        return text, "", ""
    return text[: match.start()], match[0], text[match.end() :]


def numbers_in(name: str) -> tuple[int, ...]:
    """Return all numbers in the name of a quantity: h2_1 has those of its layer and its neuron."""
    return tuple(map(int, _NUMBERS.findall(name)))


@lru_cache(maxsize=4096)
def common_end(text: str, other: str) -> int:
    """Return how many letters and digits at their ends two headers have in common.

    They must include a whole number: ``gradient w13`` and ``Gewicht 13`` have two in common, but
    ``w13`` and ``w3`` have none.
    """
    if split_at_number(text)[1] != split_at_number(other)[1]:
        return 0
    whole = ("".join(split_at_number(one)).casefold() for one in (text, other))
    ends = [[sign for sign in one if sign.isalnum()] for one in whole]
    pairs = zip(*(reversed(one) for one in ends), strict=False)
    common = [sign for sign, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return len(common) if any(sign.isdigit() for sign in common) else 0
