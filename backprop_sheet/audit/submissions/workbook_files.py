"""Find workbooks in folders, and leave out those that this project wrote about others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gradsheet.excel.provenance import OUTPUTS, kind_of_workbook
from gradsheet.input_files import is_folder, problem_with_file

# Formats that cannot be read are included, so that each has a result that says why.
SUFFIXES = {".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".xlsb", ".ods"}


def find_workbooks(paths: Iterable[Path]) -> list[Path]:
    """Return the given files, and the workbooks in the given folders and their subfolders.

    Office's lock files (``~$…``) and hidden files are left out.
    """
    found: list[Path] = []
    for path in paths:
        if is_folder(path):
            found += sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in SUFFIXES
                and not file.name.startswith(("~$", "."))
                and file.is_file()
            )
        else:
            found.append(path)
    return found


def without_outputs(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Leave out the workbooks that this project wrote and that are not exercises, as reports.

    Returns:
        The other paths, and a line about each that was left out.
    """
    kept: list[Path] = []
    lines: list[str] = []
    for path in paths:
        kind = kind_of_workbook(path) if problem_with_file(path) is None else None
        if kind in OUTPUTS:
            lines.append(f"{path} is {OUTPUTS[kind]} written by gradsheet")
        else:
            kept.append(path)
    return kept, lines
