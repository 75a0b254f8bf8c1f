"""The groups in which the columns of an exercise are left blank and marked."""

from __future__ import annotations

from enum import StrEnum


class ColumnGroup(StrEnum):
    """A group of computed columns; the value is its word in options and exercise files."""

    FORWARD = "forward"  # weighted sums and activations
    ERROR = "error"
    GRADIENTS = "gradients"  # intermediate derivatives, too
    UPDATES = "updates"  # parameters after the first row, and the optimizer's state
