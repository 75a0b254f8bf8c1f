"""A typical wrong version of an equation, described in words."""

from __future__ import annotations

from dataclasses import dataclass

from backprop_sheet.symbolic.expressions import Expression


@dataclass(frozen=True)
class Mistake:
    """A wrong right-hand side, and its description in words."""

    expression: Expression
    cause: str
