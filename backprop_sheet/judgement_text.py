"""A judgement as lines for the terminal."""

from __future__ import annotations

import textwrap
from typing import Any

from backprop_sheet.audit import Judgement

WIDTH = 80


def as_text(judgement: Judgement, width: int = WIDTH) -> str:
    """A line for the table, then what is wrong with it, column by column."""
    rate = "?" if judgement.lr is None else f"{judgement.lr:g}"
    lines = [
        f"{judgement.verdict.upper():<10}  {judgement.file}  [{judgement.sheet}]  "
        f"{judgement.rows} rows, η = {rate}"
    ]
    for fault in judgement.faults:
        cells = "1 cell" if fault.count == 1 else f"{fault.count} cells"
        lines.append(f"  {fault.column}: {cells} wrong, the first is {fault.first_cell}")
        lines += _row("found", _number(fault.found), width)
        lines += _row("expected", _number(fault.expected), width)
        if fault.formula is not None:
            lines += _row("formula", fault.formula, width)
        lines += _row("right is", fault.expected_formula, width)
        lines += _row("cause", fault.cause, width)
    for warning in judgement.warnings:
        lines += textwrap.wrap(
            f"note: {warning}", width, initial_indent="  ", subsequent_indent=" " * 8
        )
    return "\n".join(_printable(line) for line in lines)


def _printable(line: str) -> str:
    """Names and texts come from others: nothing in them may steer the terminal."""
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
