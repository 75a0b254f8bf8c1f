"""How long `sheet` takes and how much memory, beside openpyxl writing as many formulas.

    python benchmarks/sheet.py [--repeat 3]

Each figure is a process of its own, Python's start included, the smallest of some runs that take
turns. openpyxl is in its fastest mode (write_only), is handed finished text, and writes formulas
without values, formats, charts or pages, of which it could not write the first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measuring import measure

OPENPYXL = """
import sys
from openpyxl import Workbook
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.workbook.layout import WorkbookLayout
from backprop_sheet.workbook.table_formulas import TableFormulas
layout = WorkbookLayout(system_of(load_exercise()), 6)
table = TableFormulas(layout)
below = "\\n".join("=" + table.formula(name, 1) for name in layout.header)
workbook = Workbook(write_only=True)
for rate in range(6):
    sheet = workbook.create_sheet()
    sheet.append(layout.header)
    for row in range(2, int(sys.argv[1]) + 3):
        sheet.append(below.format(row=row, above=row - 1, same=row - 1).split("\\n"))
workbook.save(sys.argv[2])
"""

SAMPLES = 10
LARGER = """
title = "4-8-3 with biases, 10 samples"
[network]
neurons = [4, 8, 3]
activations = ["sigmoid", "sigmoid"]
bias = "neuron"
[parameters]
seed = 7
[training]
iterations = 100
"""


def larger_exercise(folder: Path) -> Path:
    """Write the file of a larger exercise."""
    text = LARGER
    for n in range(SAMPLES):
        inputs = [round(((3 * n + 5 * i) % 7) / 7, 3) for i in range(4)]
        text += f"[[samples]]\ninputs = {inputs}\ntargets = {[int(n % 3 == o) for o in range(3)]}\n"
    path = folder / "larger.toml"
    path.write_text(text, encoding="utf-8")
    return path


def cases(folder: Path) -> list[tuple[str, list[str], int]]:
    """What is measured: a name, a command, and how many times at most."""
    python, out = sys.executable, str(folder / "out.xlsx")
    sheet = [python, "cli.py", "sheet", "-o", out]
    found: list[tuple[str, list[str], int]] = [
        ("Python's start alone", [python, "-c", "pass"], 9),
        ("`--help`", [python, "cli.py", "--help"], 9),
        ("default (6 × 100)", sheet, 9),
    ]
    larger = [*sheet, "--exercise", str(larger_exercise(folder))]
    found.append(("4-8-3, 10 samples (1 × 100)", [*larger, "--lrs", "0.5"], 9))
    found.append(("4-8-3, 10 samples (6 × 100)", larger, 9))
    for iterations, most in ((1_000, 9), (20_000, 1)):
        name = f"6 × {iterations:,}"
        found.append((name, [*sheet, "--iterations", str(iterations)], most))
        found.append((f"{name}, openpyxl", [python, "-c", OPENPYXL, str(iterations), out], most))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs of each (20,000: one)")
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as folder:
        todo = cases(Path(folder))
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in todo}
        for turn in range(repeat):
            for name, command, most in todo:
                if turn < most:
                    figures[name].append(measure(command))
                    (Path(folder) / "out.xlsx").unlink(missing_ok=True)
    print("| case | runs | seconds | peak memory, MB |")
    print("|---|---:|---:|---:|")
    for name, runs in figures.items():
        seconds, memory = min(run[0] for run in runs), max(run[1] for run in runs)
        print(f"| {name} | {len(runs)} | {seconds:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
