"""Words with a typing error."""

from __future__ import annotations

import re
from itertools import takewhile

MIN_LETTERS = 4  # of a word that may be mistyped
IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")  # a sign is as much as two letters


def is_mistyped(text: str, word: str) -> bool:
    """Whether a text is a word, maybe with one letter too many, too few, or two exchanged.

    Another letter instead is none: "gradient b" is not "gradient w".
    """
    if len(IDEOGRAPH.sub("  ", word)) < MIN_LETTERS:
        return text == word
    start = _common(text, word)
    end = _common(text[start:][::-1], word[start:][::-1])
    left, right = text[start : len(text) - end], word[start : len(word) - end]
    return len(left) + len(right) < 2 or (len(left) == 2 and left == right[::-1])


def _common(text: str, other: str) -> int:
    """Return how many letters at their start two texts have in common."""
    pairs = zip(text, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
