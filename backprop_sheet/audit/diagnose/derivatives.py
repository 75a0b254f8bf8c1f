"""Derivatives that are computed with another derivative than the right one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from backprop_sheet.audit.compare.derivative_rules import rule_with
from backprop_sheet.audit.diagnose.mistake import Mistake
from backprop_sheet.audit.diagnose.name_mistakes import wrong_names
from backprop_sheet.equations.system import EquationSystem


def wrong_derivatives(
    system: EquationSystem, column: str, derivatives: Collection[str]
) -> Iterator[Mistake]:
    """Yield the chain rule of a column with another one of some derivatives in it."""
    rule = rule_with(system, column, derivatives)
    if rule is not None:
        yield from wrong_names(system, rule, derivatives)
