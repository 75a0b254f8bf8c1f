"""How long `check` takes beside another version of this project, in turn.

    python benchmarks/check_beside.py OTHER_TREE [--turns 5] [--large]

OTHER_TREE is a checkout of the other version. Measured are the typical workbook (one learning rate,
100 iterations), the tests' class of submissions, and with --large a workbook of six learning rates
and 20,000 iterations.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from fixtures.class_of_submissions import build_small_class
from measuring import ROOT

from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.workbook import write_workbook


def processor_seconds(tree: Path, path: Path) -> float:
    """Return how long a check takes, in seconds of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(tree / "cli.py"), "check", str(path), "--json", "--jobs", "1"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Make the workbooks, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        typical, large = folder / "typical.xlsx", folder / "large.xlsx"
        write_workbook(with_values(load_exercise(), learning_rates=[0.5]), typical)
        jobs = {"a workbook of 100 KB": typical, "the tests' class": folder / "class"}
        (folder / "class").mkdir()
        build_small_class(folder / "class")
        if arguments.large:
            write_workbook(with_values(load_exercise(), iterations=20_000), large)
            jobs["6 × 20,000 iterations"] = large
        print("| | this version | the other | ratio (median of turns) |\n|---|---|---|---|")
        for what, path in jobs.items():
            pairs = [
                (processor_seconds(ROOT, path), processor_seconds(arguments.other, path))
                for _ in range(arguments.turns)
            ]
            ours, others = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f"| {what} | {ours:.2f} s | {others:.2f} s | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
