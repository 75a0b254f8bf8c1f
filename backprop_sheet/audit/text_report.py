"""The result of a table as lines for the terminal."""

from __future__ import annotations

import textwrap
from typing import Any

from backprop_sheet.audit.results import TableResult

WIDTH = 80


def as_text(result: TableResult, width: int = WIDTH) -> str:
    """Return a line for the table, then what is wrong with it, column by column."""
    rate = "?" if result.lr is None else f"{result.lr:g}"
    lines = [
        f"{result.verdict.upper():<10}  {result.file}  [{result.sheet}]  {result.exercise}, "
        f"{result.rows} row{'s' * (result.rows != 1)}, η = {rate}"
    ]
    for finding in result.findings:
        cells = "1 cell" if finding.count == 1 else f"{finding.count} cells"
        lines.append(f"  {finding.column}: {cells} wrong, the first is {finding.first_cell}")
        lines += _row("found", _number(finding.found), width)
        lines += _row("expected", _number(finding.expected), width)
        if finding.formula is not None:
            lines += _row("formula", finding.formula, width)
        lines += _row("right is", finding.expected_formula, width)
        lines += _row("cause", finding.cause, width)
    for warning in result.warnings:
        lines += textwrap.wrap(
            f"note: {warning}", width, initial_indent="  ", subsequent_indent=" " * 8
        )
    return "\n".join(printable(line) for line in lines)


def printable(line: str) -> str:
    """Escape control characters: names and texts come from others."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in line)


def _row(label: str, value: str, width: int) -> list[str]:
    return textwrap.wrap(
        value,
        width,
        initial_indent=f"    {label:<9} ",
        subsequent_indent=" " * 14,
        break_long_words=False,
    )


def _number(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
