"""Start-up, seconds and peak memory of every command, each in a process of its own.

    python benchmarks/commands.py --data mnist.npz [--repeat 3]

Start-up is the time of ``--help``. The job of each command is a typical one; `train` and `sweep`
run for one epoch. The smallest seconds and the largest memory of some runs that take turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from machine import StolenTime, describe_processor
from measuring import measure

from gradsheet.commands import main as command_group

JOBS = {
    "sheet": ["-o", "{folder}/sheet.xlsx"],
    "exercises": [],
    "equations": ["--iteration", "0"],
    "check": ["{folder}/course.xlsx"],
    "train": ["--epochs", "1", "--data", "{data}", "--out", "{folder}/run", "--force"],
    "summary": [],
    "evaluate": ["{folder}/model.keras", "--data", "{data}"],
    "digits": ["{folder}/model.keras", "--data", "{data}", "-o", "{folder}/digits.xlsx"],
    "predict": ["{folder}/model.keras", "{folder}/digit.png"],
    "sweep": [
        *("--batch-sizes", "256", "--epochs", "1", "--data", "{data}", "--out", "{folder}/{turn}"),
    ],
}


def prepare(folder: Path, data: str) -> None:
    """Make the files that the jobs read: a workbook, a model and a picture."""
    import numpy as np
    from PIL import Image

    command = [sys.executable, "cli.py"]
    measure([*command, "sheet", "-o", str(folder / "course.xlsx")])
    train = ["train", "--recipe", "sprint", "--data", data, "--out", str(folder / "made")]
    measure([*command, *train])
    (folder / "made" / "model.keras").rename(folder / "model.keras")
    with np.load(data, allow_pickle=False) as digits:
        Image.fromarray(255 - digits["x_test"][0]).resize((400, 400)).save(folder / "digit.png")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=lambda path: str(Path(path).resolve()))
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    assert set(JOBS) == set(command_group.commands), "a command has no job here"
    stolen = StolenTime()
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in JOBS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, arguments.data)
        for turn in range(arguments.repeat):
            for command, job in JOBS.items():
                values = {"folder": name, "data": arguments.data, "turn": turn}
                words = [sys.executable, "cli.py", command]
                start_up, _ = measure([*words, "--help"])
                figures[command].append(
                    (start_up, *measure([*words, *(word.format(**values) for word in job)]))
                )
    print(f"{describe_processor()}; stolen time {stolen.share()}\n")
    print("| command | `--help`, s | a job, s | peak memory, MB |")
    print("|---|---:|---:|---:|")
    for command, runs in figures.items():
        start_up, seconds, memory = zip(*runs, strict=True)
        print(f"| `{command}` | {min(start_up):.2f} | {min(seconds):.1f} | {max(memory):.0f} |")


if __name__ == "__main__":
    main()
