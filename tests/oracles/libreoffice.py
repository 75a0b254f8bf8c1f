"""LibreOffice without a window: workbooks recalculated, or turned into another format."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import openpyxl
import pytest

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
needs_libreoffice = pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed")

# A copy: a start without one reads the C library's environment while another thread changes it
# (pytest names the current test in it), and then fails now and then with EFAULT ("Bad address").
_ENVIRONMENT = dict(os.environ)

# Whatever a workbook was saved by, LibreOffice computes its formulas anew on loading it; by
# itself it would trust the stored values of workbooks that it did not write.
_ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""

# Tabs between the cells; numbers in full instead of as shown; quotes around texts, and only there.
# The last token is the number of the only sheet that is saved.
# https://help.libreoffice.org/latest/en-US/text/shared/guide/csv_params.html
_SHEET_AS_TEXT = "csv:Text - txt - csv (StarCalc):9,34,76,1,,0,true,true,false,false,false,{number}"


# As above, but cells as they are shown, and every sheet in a file of its own.
_SHEETS_AS_SHOWN = "csv:Text - txt - csv (StarCalc):9,34,76,1,,0,false,false,true,false,false,-1"


def convert(
    paths: Iterable[Path], folder: Path, extension: str = "xlsx", timeout: float = 300
) -> list[Path]:
    """Load each file, recalculate it, and save it in ``folder``; one start for all of them.

    Returns:
        The new files, in the order of ``paths``, whose names (without extension) must differ.

    Raises:
        RuntimeError: LibreOffice did not make one of them; what it printed is the message.
    """
    paths = [Path(path) for path in paths]
    made = [folder / f"{path.stem}.{extension}" for path in paths]
    _save_as(extension, paths, made, timeout)
    return made


def calculated_rows(
    paths: Iterable[Path], folder: Path, sheet: str, timeout: float = 300
) -> list[list[list[str | float | None]]]:
    """Load and recalculate workbooks with the same sheets; read the rows of one sheet of each.

    It is much faster than :func:`convert`, which saves all sheets of a workbook.

    Raises:
        RuntimeError: as in :func:`convert`.
        ValueError: a cell has an error value, or a text with a tab or a line break.
    """
    paths = [Path(path) for path in paths]
    workbook = openpyxl.load_workbook(paths[0], read_only=True)
    number = workbook.sheetnames.index(sheet) + 1
    workbook.close()
    made = [folder / f"{path.stem}-{sheet}.csv" for path in paths]
    _save_as(_SHEET_AS_TEXT.format(number=number), paths, made, timeout)
    return [
        [[_cell_value(cell) for cell in line.split("\t")] for line in text.splitlines()]
        for text in (path.read_text(encoding="utf-8") for path in made)
    ]


def displayed_cells(
    paths: Iterable[Path], folder: Path, timeout: float = 300
) -> list[dict[str, list[list[str]]]]:
    """Load workbooks; read the text that each cell of each sheet shows for its stored value.

    Raises:
        RuntimeError: as in :func:`convert`.
    """
    paths = [Path(path) for path in paths]
    names = []
    for path in paths:
        workbook = openpyxl.load_workbook(path, read_only=True)
        names.append(workbook.sheetnames)
        workbook.close()
    made = [
        {sheet: folder / f"{path.stem}-{sheet}.csv" for sheet in sheets}
        for path, sheets in zip(paths, names, strict=True)
    ]
    files = [file for by_sheet in made for file in by_sheet.values()]
    _save_as(_SHEETS_AS_SHOWN, paths, files, timeout, recalculate=False)
    return [{sheet: _shown_rows(file) for sheet, file in by_sheet.items()} for by_sheet in made]


def _shown_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t"))


def _cell_value(cell: str) -> str | float | None:
    """Return the text, the number or nothing that a cell in :data:`_SHEET_AS_TEXT` has."""
    if cell.startswith('"'):
        return cell[1:-1].replace('""', '"')
    if cell.endswith("%"):
        return float(cell[:-1]) / 100
    return float(cell) if cell else None


def _save_as(
    form: str, paths: list[Path], made: list[Path], timeout: float, *, recalculate: bool = True
) -> None:
    """Have LibreOffice load, recalculate and save ``paths`` in a form, which makes ``made``."""
    if SOFFICE is None:
        pytest.skip("LibreOffice is not installed")
    assert len(set(made)) == len(made), "two files would have one name"
    folder = made[0].parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        settings = Path(profile) / "user" / "registrymodifications.xcu"
        settings.parent.mkdir()
        if recalculate:
            settings.write_text(_ALWAYS_RECALCULATE, encoding="utf-8")
        done = subprocess.run(
            [
                SOFFICE,
                f"-env:UserInstallation={Path(profile).as_uri()}",
                "--headless",
                "--norestore",
                "--convert-to",
                form,
                "--outdir",
                str(folder),
                *map(str, paths),
            ],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=_ENVIRONMENT,
        )
    missing = [path.name for path in made if not path.is_file()]
    if missing:
        raise RuntimeError(f"LibreOffice did not make {missing}: {done.stdout}{done.stderr}")
