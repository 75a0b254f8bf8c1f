"""Processor time of `check` per workbook beside another version of this project, in turn.

    python benchmarks/generated_beside.py OTHER_TREE [--count 40] [--first 860000] [--turns 3]
        [--more FOLDER]

OTHER_TREE is a checkout of the other version. The workbooks are generated ones of students
(tests/fixtures/generated_workbooks.py), and those in --more. In each turn, each version checks all
of them in one process, after the first of them once more, so that imports do not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fixtures.generated_workbooks import generate
from machine import describe_processor
from measuring import ROOT

SLOWEST = 5  # workbooks that are printed
MEASURED = """
import json, sys, time, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from backprop_sheet.audit.workbook_audit import audit_workbook
warnings.simplefilter("ignore")
paths = [Path(path) for path in sys.argv[2:]]
audit_workbook(paths[0])
seconds = []
for path in paths:
    start = time.process_time()
    audit_workbook(path)
    seconds.append(time.process_time() - start)
print(json.dumps(seconds))
"""


def processor_seconds(tree: Path, paths: Sequence[Path]) -> list[float]:
    """Return how long a version checks each workbook, in seconds of the processor."""
    command = [sys.executable, "-c", MEASURED, str(tree), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tree)
    seconds: list[float] = json.loads(done.stdout)
    return seconds


def main() -> None:
    """Make the workbooks, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--first", type=int, default=860_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--more", type=Path)
    arguments = parser.parse_args()
    print(describe_processor())
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(arguments.first, arguments.first + arguments.count)
        paths = [generate(seed).write(Path(folder) / f"{seed}.xlsx") for seed in seeds]
        paths += sorted(arguments.more.glob("*.xlsx")) if arguments.more is not None else []
        turns = []
        for _ in range(arguments.turns):
            ours = processor_seconds(ROOT, paths)
            others = processor_seconds(arguments.other.resolve(), paths)
            turns.append((ours, others))
            both = f"{sum(ours):.2f} s; {sum(others):.2f} s"
            print(f"{both}, ratio {sum(ours) / sum(others):.2f}", flush=True)
    rows = [
        tuple(statistics.median(turn[which][index] for turn in turns) for which in (0, 1))
        for index in range(len(paths))
    ]
    ratio = statistics.median(own / other for own, other in rows)
    middle = [statistics.median(row[which] for row in rows) for which in (0, 1)]
    print(f"median workbook: {middle[0]:.3f} s; {middle[1]:.3f} s, ratio of pairs {ratio:.2f}")
    by_other = sorted(zip(rows, paths, strict=True), key=lambda one: -one[0][1])
    for (own, other), path in by_other[:SLOWEST]:
        print(f"{path.name}: {own:.2f} s; {other:.2f} s, ratio {own / other:.2f}")


if __name__ == "__main__":
    main()
