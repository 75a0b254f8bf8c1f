"""What a report and annotated copies cost beside judging alone, over a class of workbooks.

    python benchmarks/annotate.py [--files 200] [--turns 3]

Each workbook has one learning rate and 100 iterations (about 100 KB), half of them with a wrong
gradient. The two take turns in one run.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import openpyxl
from measuring import measure

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.workbook import write_workbook


def make_class(folder: Path, files: int) -> int:
    """Write the submissions; the size of one in bytes."""
    right, wrong = folder / "right.xlsx", folder / "wrong.xlsx"
    write_workbook(with_values(load_exercise(), learning_rates=[0.5]), right)
    # The commonest mistake, in values and formulas: openpyxl keeps only one of both, so the column
    # is typed.
    book = openpyxl.load_workbook(right, data_only=True)
    sheet = book["LR 0.5"]
    for row in range(7, 108):
        sheet.cell(row, 27).value = sheet.cell(row, 27).value * 1.01
    book.save(wrong)
    submissions = folder / "submissions"
    for number in range(files):
        student = submissions / f"student-{number:03}"
        student.mkdir(parents=True)
        shutil.copy(wrong if number % 2 else right, student / "backprop.xlsx")
    return right.stat().st_size


def seconds(*arguments: str) -> float:
    """Return how long a check takes that finds mistakes."""
    return measure([sys.executable, "cli.py", "check", *arguments], expected=(1,))[0]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = make_class(folder, arguments.files)
        submissions = str(folder / "submissions")
        pairs = []
        for turn in range(arguments.turns):
            judged = seconds(submissions)
            marked = seconds(
                submissions, "--report", str(folder / f"{turn}.xlsx"),
                "--annotate", str(folder / f"marked-{turn}"),
            )  # fmt: skip
            pairs.append((judged, marked))
        judge, mark = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
    print(f"| {arguments.files} workbooks of {size // 1000} KB | seconds |")
    print("|---|---|")
    print(f"| check | {judge:.1f} |")
    print(f"| check --report --annotate | {mark:.1f} |")
    print(f"| ratio, the median of {arguments.turns} turns (at most 2 wanted) | {ratio:.2f} |")


if __name__ == "__main__":
    main()
