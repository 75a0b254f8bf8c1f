"""How long `check FOLDER --report` takes for a folder of workbooks of all kinds.

    python benchmarks/check_folder.py [--count 169] [--jobs 2] [--more FOLDER]

The folder has the workbooks that `sheet` writes for the packaged exercises, those in --more, and
generated workbooks of students (tests/fixtures/generated_workbooks.py), which are right or wrong,
under any headers.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fixtures.generated_workbooks import generate
from measuring import ROOT

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook import write_workbook


def fill(folder: Path, count: int, more: Path | None) -> None:
    """Write the workbooks."""
    for name in packaged_exercises():
        exercise = load_exercise(name)
        rate = exercise.training.learning_rates[-1]
        write_workbook(with_values(exercise, learning_rates=[rate]), folder / f"own_{name}.xlsx")
    for path in sorted(more.glob("*.xlsx")) if more is not None else []:
        shutil.copy(path, folder / f"more_{path.name}")
    for seed in range(count - len(list(folder.iterdir()))):
        generate(seed).write(folder / f"student_{seed}.xlsx")


def main() -> None:
    """Make the folder, check it, and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=169)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--more", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, report = Path(name) / "class", Path(name) / "report.xlsx"
        folder.mkdir()
        fill(folder, arguments.count, arguments.more)
        command = [sys.executable, str(ROOT / "cli.py"), "check", str(folder)]
        command += ["--report", str(report), "--jobs", str(arguments.jobs)]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert report.exists()
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        files = len(list(folder.iterdir()))
    print(f"{files} workbooks: {processor:.1f} s of processor time, {wall:.1f} s")


if __name__ == "__main__":
    main()
