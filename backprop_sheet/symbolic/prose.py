"""Sentences with names and formulas in them, which each kind of document formats in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from backprop_sheet.symbolic.expressions import Expression
from backprop_sheet.symbolic.rendering import to_text


@dataclass(frozen=True)
class Equality:
    """``left = right`` within a sentence."""

    left: Expression
    right: Expression


Formula = Expression | Equality
Part = str | Formula


@dataclass(frozen=True)
class Sentence:
    """One sentence or several: words and formulas, in reading order. ``str`` gives plain text."""

    parts: tuple[Part, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __str__(self) -> str:
        return self.written(formula_text)

    def written(self, formula: Callable[[Formula], str], words: Callable[[str], str] = str) -> str:
        """Return the sentence as text.

        Args:
            formula: writes a name or a formula.
            words: writes the words between them.
        """
        return "".join(
            words(part) if isinstance(part, str) else formula(part) for part in self.parts
        )


NOTHING = Sentence()


def sentence(*parts: Part | Sentence) -> Sentence:
    """Put words, formulas and parts of sentences together."""
    pieces: list[Part] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Sentence) else (part,):
            if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
                pieces[-1] += piece
            elif piece != "":
                pieces.append(piece)
    return Sentence(tuple(pieces))


def joined(sentences: Iterable[Part | Sentence], between: str = " ") -> Sentence:
    """Join sentences or parts of one with ``between`` between two of them."""
    parts = [part for each in sentences for part in (between, each)]
    return sentence(*parts[1:])


def formula_text(formula: Formula) -> str:
    """Write a formula of a sentence as plain text."""
    if isinstance(formula, Equality):
        return f"{to_text(formula.left)} = {to_text(formula.right)}"
    return to_text(formula)
