"""The errors that the command line prints in one line. Any other exception is a bug."""

from __future__ import annotations


class GradsheetError(Exception):
    """A job failed. The message says what went wrong, where, and what to do.

    ``exit_code`` is the exit code of the command.
    """

    exit_code = 1


class InvalidInputError(GradsheetError, ValueError):
    """The user gave something that cannot be used: an option, an exercise, a number."""

    exit_code = 2
