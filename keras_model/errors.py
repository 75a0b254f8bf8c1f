"""The errors of training."""

from __future__ import annotations

from gradsheet.errors import GradsheetError


class TrainingError(GradsheetError):
    """A run cannot start or continue, or has failed."""
