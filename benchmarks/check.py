"""What a workbook costs `check`, beside openpyxl loading it twice; and a class on all cores.

    python benchmarks/check.py [--files 200]

The two take turns in one run, on a workbook of one learning rate and 100 iterations.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

from measuring import measure

from backprop_sheet.exercise.given_values import with_values

TURNS = 7


def seconds(call) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def one_workbook(path: Path) -> None:
    """Print the seconds of both, and their ratio turn by turn."""
    from openpyxl import load_workbook

    from backprop_sheet.audit.workbook_audit import audit_workbook

    def twice() -> None:
        load_workbook(path)
        load_workbook(path, data_only=True)

    twice()
    audit_workbook(path)
    pairs = [(seconds(lambda: audit_workbook(path)), seconds(twice)) for _ in range(TURNS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"| a workbook of {path.stat().st_size // 1000} KB | seconds |")
    print("|---|---|")
    print(f"| openpyxl, loaded for formulas and for values | {theirs:.3f} |")
    print(f"| check | {ours:.3f} |")
    print(f"| ratio (at most 2 wanted) | {ratio:.2f} |")


def batch(path: Path, sizes: list[int]) -> None:
    """Print seconds and the largest process for several numbers of files."""
    print("\n| files | jobs | seconds | workbooks a second | largest process |")
    print("|---|---|---|---|---|")
    for size in sizes:
        for jobs in (1, None):
            with tempfile.TemporaryDirectory() as folder:
                for number in range(size):
                    shutil.copy(path, Path(folder) / f"{number:04}.xlsx")
                command = [sys.executable, "cli.py", "check", folder, "--json"]
                took, peak = measure([*command, *(["--jobs", "1"] if jobs else [])])
            print(
                f"| {size} | {jobs or 'all cores'} | {took:.1f} | {size / took:.1f} "
                f"| {peak:.0f} MB |"
            )


def main() -> None:
    """Make the workbook, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.workbook import write_workbook

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.xlsx"
        write_workbook(with_values(load_exercise(), learning_rates=[0.5]), path)
        one_workbook(path)
        batch(path, [arguments.files // 4, arguments.files])


if __name__ == "__main__":
    main()
