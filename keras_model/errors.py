"""The errors of training and of saved models."""

from __future__ import annotations

from gradsheet.errors import GradsheetError


class TrainingError(GradsheetError):
    """A run cannot start or continue, or a model cannot be loaded."""
