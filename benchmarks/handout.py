"""What handing out to a class and taking back from it cost: seconds, processor time and memory.

    python benchmarks/handout.py [--students 300] [--turns 3]

Processor time is that of a command and of all its processes. Each figure is also a ratio to that of
one workbook in the same turn, times the number of workbooks. Memory is the peak of the main
process, with a tenth of the class beside it. At the end, a folder of 169 workbooks of all kinds is
checked: right and wrong ones of the tests' generator, ones of up to 1,000 iterations, damaged ones.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from machine import StolenTime, describe_processor
from measuring import ROOT

BLANK = ("--blank", "gradients,updates")
MIXED, GENERATED, LARGE = 169, 142, 20  # workbooks; the rest are damaged
ITERATIONS = (100, 200, 300, 500, 1000)
_POLL = 0.02  # seconds


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        processor: seconds of processor time, of all processes.
        memory: the peak of the main process in MB; 0 where the system does not tell.
    """

    seconds: float
    processor: float
    memory: float


def cost(*arguments: object, expected: tuple[int, ...] = (0,)) -> Cost:
    """Run a command of gradsheet."""
    command = [sys.executable, "cli.py", *map(str, arguments)]
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    memory = 0.0
    while True:
        memory = max(memory, _peak(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(_POLL)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expected:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, memory)


def _peak(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line.split() for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0][1]) * 1024 / 1e6 if lines else 0.0


def write_roster(path: Path, students: int) -> Path:
    """Write a list of ids and names."""
    lines = [f"{10_000 + number},Ada Lovelace{number}" for number in range(students)]
    path.write_text("\n".join(["id,name", *lines]) + "\n", encoding="utf-8")
    return path


def options_of(folder: Path, name: str) -> tuple[object, ...]:
    """Return the options of a handout to the class of a name."""
    return ("--roster", folder / f"{name}.csv", *BLANK, "--seed", 1, "-o", folder / name, "--force")


def prepare(folder: Path, students: int) -> None:
    """Make the classes, and the solutions that are handed in."""
    for name, number in (("few", students // 10), ("all", students)):
        write_roster(folder / f"{name}.csv", number)
        cost("handout", *options_of(folder, name), "--solutions", folder / f"{name}-solved")


def hand_out_and_check(folder: Path) -> dict[str, Cost]:
    """Measure one turn: a workbook, a tenth of the class, and the class."""
    rate = ("--lrs", 0.5, "--iterations", 3)
    found = {"sheet": cost("sheet", *rate, *BLANK, "-o", folder / "one.xlsx", "--force")}
    for name in ("few", "all"):
        found[f"handout {name}"] = cost("handout", *options_of(folder, name))
        solved = folder / f"{name}-solved"
        assignment = ("--assignment", folder / name / "assignment.toml")
        found["check one"] = cost("check", min(solved.glob("*.xlsx")), *assignment)
        report = ("--report", folder / "report.xlsx", "--force")
        found[f"check {name}"] = cost("check", solved, *assignment, *report)
    return found


def write_mixed(folder: Path) -> None:
    """Write the workbooks of all kinds."""
    from fixtures.generated_workbooks import generate

    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.exercise.given_values import with_values
    from backprop_sheet.workbook import write_workbook

    folder.mkdir()
    chance = random.Random(1)
    for seed in range(GENERATED):
        generate(seed).write(folder / f"s{seed:03}.xlsx")
    for number in range(LARGE):
        rate, iterations = round(chance.uniform(0.1, 1), 2), ITERATIONS[number % len(ITERATIONS)]
        exercise = with_values(load_exercise(), learning_rates=[rate], iterations=iterations)
        write_workbook(exercise, folder / f"s{GENERATED + number:03}.xlsx")
    for number in range(GENERATED + LARGE, MIXED):
        content = bytearray((folder / f"s{number - LARGE - GENERATED:03}.xlsx").read_bytes())
        start = chance.randrange(len(content) // 4, len(content) // 2)
        content[start : start + 200] = bytes(200)
        (folder / f"s{number:03}.xlsx").write_bytes(content)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    stolen = StolenTime()
    print(describe_processor())
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name), arguments.students)
        turns = [hand_out_and_check(Path(name)) for _ in range(arguments.turns)]
        _print_class(turns, arguments.students)
        write_mixed(Path(name) / "mixed")
        mixed = [
            cost("check", Path(name) / "mixed", "--json", expected=(2,))
            for _ in range(arguments.turns)
        ]
    processor = _listed(mixed, lambda one: one.processor)
    print(f"\ncheck of {MIXED} workbooks of all kinds: {processor} s "
          f"of processor time, in {_listed(mixed, lambda one: one.seconds)} s")  # fmt: skip
    print(f"stolen time: {stolen.share()}")


def _print_class(turns: list[dict[str, Cost]], students: int) -> None:
    few = students // 10
    print(f"| {students} students | seconds | processor time | beside as many single commands "
          f"| main process, {few} and {students} |")  # fmt: skip
    print("|---|---|---|---|---|")
    for what, single in (("handout {}", "sheet"), ("check {}", "check one")):
        costs = [turn[what.format("all")] for turn in turns]
        ratio = statistics.median(
            turn[what.format("all")].processor / turn[single].processor / students for turn in turns
        )
        memory = [max(turn[what.format(size)].memory for turn in turns) for size in ("few", "all")]
        print(f"| {what.format(students)} | {_listed(costs, lambda one: one.seconds)} "
              f"| {_listed(costs, lambda one: one.processor)} | {ratio:.3f} "
              f"| {memory[0]:.0f} MB, {memory[1]:.0f} MB |")  # fmt: skip


def _listed(costs: list[Cost], value: Callable[[Cost], float]) -> str:
    return ", ".join(f"{value(one):.1f}" for one in costs)


if __name__ == "__main__":
    main()
