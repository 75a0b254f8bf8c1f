"""Write a long workbook of a network of one's own, 2-1, with a mistake in a column of its own.

    python benchmarks/long_table.py FOLDER [--rows 1500]

`generated_beside.py OTHER_TREE --count 1 --more FOLDER` times `check` of it.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from xlsxwriter import Workbook

HEADERS = (
    "i1", "i2", "t1", "w1", "w2", "b1", "o1", "a_o1", "E1", "dE/do1",
    "dE/dw1", "dE/dw2", "dE/db1", "step w1", "step w2", "step b1",
)  # fmt: skip
INPUTS, TARGET, RATE = (0.05, 0.1), 0.3, 0.5
STEP_FACTORS = (2, 1, 1)  # the mistake: step w1 is twice what it should be


def write(path: Path, rows: int) -> None:
    """Write the formulas, and the values that a spreadsheet computes from them."""
    with Workbook(path) as book:
        sheet = book.add_worksheet("Training")
        sheet.write_row("A1", [*HEADERS, "", "η", RATE])
        parameters, steps = [0.15, 0.2, 0.35], [0.0, 0.0, 0.0]
        for row in range(2, rows + 2):
            sheet.write_row(f"A{row}", [*INPUTS, TARGET])
            parameters = [value - step for value, step in zip(parameters, steps, strict=True)]
            output = sum(w * x for w, x in zip(parameters, (*INPUTS, 1), strict=True))
            activation = 1 / (1 + math.exp(-output))
            delta = (activation - TARGET) * activation * (1 - activation)
            gradients = [delta * factor for factor in (*INPUTS, 1)]
            steps = [
                factor * RATE * gradient
                for factor, gradient in zip(STEP_FACTORS, gradients, strict=True)
            ]
            computed: list[tuple[str, float]] = [
                (f"=D{row}*A{row}+E{row}*B{row}+F{row}", output),
                (f"=1/(1+EXP(-G{row}))", activation),
                (f"=0.5*(C{row}-H{row})^2", 0.5 * (TARGET - activation) ** 2),
                (f"=(H{row}-C{row})*H{row}*(1-H{row})", delta),
                (f"=J{row}*A{row}", gradients[0]),
                (f"=J{row}*B{row}", gradients[1]),
                (f"=J{row}", gradients[2]),
                (f"=2*$S$1*K{row}", steps[0]),
                (f"=$S$1*L{row}", steps[1]),
                (f"=$S$1*M{row}", steps[2]),
            ]
            for column, (formula, value) in enumerate(computed, 6):
                sheet.write_formula(row - 1, column, formula, None, value)
            for column, value in enumerate(parameters, 3):
                if row == 2:
                    sheet.write_number(row - 1, column, value)
                else:
                    own, step = "DEF"[column - 3], "NOP"[column - 3]
                    formula = f"={own}{row - 1}-{step}{row - 1}"
                    sheet.write_formula(row - 1, column, formula, None, value)


def main() -> None:
    """Write one workbook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_500)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    write(arguments.folder / f"long_{arguments.rows}.xlsx", arguments.rows)


if __name__ == "__main__":
    main()
