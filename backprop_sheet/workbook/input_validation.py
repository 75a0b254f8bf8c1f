"""Data validation of the cells that the user types into."""

from __future__ import annotations

from typing import Any


def number_validation(
    title: str, minimum: float, maximum: float, *, prompt: str, error: str
) -> dict[str, Any]:
    """Return XlsxWriter's options for a cell that takes a number within limits.

    Args:
        title: the title of both messages.
        prompt: the message while the cell is selected.
        error: the message when another value was typed.
    """
    return {
        "validate": "decimal",
        "criteria": "between",
        "minimum": minimum,
        "maximum": maximum,
        "ignore_blank": False,
        "input_title": title,
        "input_message": prompt,
        "error_title": title,
        "error_message": error,
    }


def value_validation(title: str, largest: float) -> dict[str, Any]:
    """Return the options for a given value: a number within ±``largest``."""
    limit = excel_number(largest)
    return number_validation(
        title,
        -largest,
        largest,
        prompt="Type a number. All tables and charts are recalculated.",
        error=f"This must be a number from -{limit} to {limit}. With a larger number, a cell could "
        "overflow.",
    )


def excel_number(value: float) -> str:
    """Write a limit as Excel shows it: ``1E+40``, ``0.5``."""
    return f"{value:g}".upper() if value < 1e5 else f"1E+{len(str(int(value))) - 1}"
