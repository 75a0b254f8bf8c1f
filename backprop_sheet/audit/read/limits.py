"""Limits on untrusted workbooks, and the error for a workbook or sheet that cannot be read."""

from __future__ import annotations

import re

from gradsheet.errors import GradsheetError

# For comparison: this project's workbook of six learning rates and 20,000 iterations has 30 MB,
# unpacked 340 MB, and 620,000 cells per sheet.
MAX_FILE_BYTES = 100 * 2**20
MAX_UNPACKED_BYTES = 800 * 2**20
MAX_PART_BYTES = 150 * 2**20
MAX_SMALL_PART_BYTES = 20 * 2**20  # the list of sheets, and relationships
MAX_PARTS = 20_000
MAX_TAGS = 9_000_000  # of a part; a cell with a formula has six
MAX_CELLS = 1_200_000  # per sheet
MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_SHEETS = 500
MAX_STRINGS = 3_000_000
MAX_DEFINED_NAMES = 50_000
MAX_TEXT = 32_767  # characters in a cell, as in Excel

REPAIR = "open and save it once in Excel or LibreOffice"


class UnreadableWorkbookError(GradsheetError):
    """The workbook, or one of its sheets, cannot be audited.

    The message says why, without the name of the file.
    """


def brief(error: BaseException) -> str:
    """Return what an exception says in at most 60 characters of one line."""
    words = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return words if len(words) <= 60 else words[:59] + "…"
