"""One equation of a system, with the chain rule of a derivative."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backprop_sheet.equations.names import Quantity
from backprop_sheet.symbolic.expressions import Expression


class Step(StrEnum):
    """The part of an iteration that an equation belongs to."""

    FORWARD = "Forward pass"
    ERROR = "Error"
    BACKWARD = "Backward pass"
    UPDATE = "Update"


@dataclass(frozen=True)
class Factor:
    """One factor of a chain rule, ``∂of/∂by``.

    ``derivative`` is None if the factor is the left-hand side of an earlier equation.
    """

    of: str
    by: str
    derivative: Expression | None

    @property
    def label(self) -> str:
        """The factor as text: ``∂a_h1/∂h1``."""
        return f"∂{self.of}/∂{self.by}"


Path = tuple[Factor, ...]


@dataclass(frozen=True)
class Equation:
    """``name = rhs``; a derivative also has the paths whose products the chain rule adds.

    The right-hand side may contain derivatives that have an equation but no column.
    """

    step: Step
    quantity: Quantity
    rhs: Expression
    paths: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """The name of the quantity on the left-hand side."""
        return self.quantity.name
