"""A program as a notebook, with the derivation between its cells."""

from __future__ import annotations

import json
from collections.abc import Iterator

from backprop_sheet.equations.equation import Step
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.explanation.derivation import derive
from backprop_sheet.explanation.documents import JUPYTER, markdown_opening, markdown_section
from backprop_sheet.program.code import formatted, identifier
from backprop_sheet.program.program import Program

# Ten digits, as `gradsheet equations` prints them.
_SHOW = """
def show(*names):
    ten_digits = {"float_kind": "{:.10g}".format}
    for name in names:
        print(name, "=", np.array2string(np.asarray(globals()[name]), formatter=ten_digits))
"""
GENERATOR = {"generator": "gradsheet"}  # in the metadata, which come first in the file


def as_notebook(exercise: Exercise, program: Program) -> str:
    """Return the program as a notebook: first one iteration by hand, then all of them."""
    cells = [
        _cell(kind, text, number) for number, (kind, text) in enumerate(_cells(exercise, program))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "metadata": {**GENERATOR, "kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
        "cells": cells,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _cells(exercise: Exercise, program: Program) -> Iterator[tuple[str, str]]:
    system = system_of(exercise)
    derivation = derive(exercise, system)
    notation, *sections = derivation.sections
    yield "markdown", markdown_opening(derivation, JUPYTER)
    yield "markdown", markdown_section(notation, JUPYTER)
    yield "code", f"{program.imports}\n\n{program.exercise}\n\n{_SHOW}"
    yield "markdown", "## One iteration by hand\n\nThe initial values, and the first inputs."
    yield "code", f"n = 0\n{program.start}\n{program.given}"
    for step, section in zip(Step, sections, strict=True):
        yield "markdown", markdown_section(section, JUPYTER)
        yield "code", f"{program.steps[step]}\n\n{_shown(system, step)}"
    yield (
        "markdown",
        "## All iterations\n\nThe same equations in a loop, from the initial values on.",
    )
    yield "code", f"{program.start}\n\n{program.training}"
    words = "Its automatic differentiation computes the gradients."
    yield "markdown", f"## The same in {program.framework_name}\n\n{words}"
    start = [*program.framework_imports, "", program.framework_setup, "", program.framework]
    yield "code", "\n".join(start)
    yield "markdown", "## Both agree"
    yield "code", program.comparison


def _shown(system: EquationSystem, step: Step) -> str:
    """Return the call that prints what a part of an iteration computes, but no optimizer state."""
    names = [each.name for each in system.equations if each.step is step]
    written = [f'"{identifier(name)}"' for name in names if name not in system.states]
    return f"show({', '.join(written)})"


def _cell(kind: str, text: str, number: int) -> dict[str, object]:
    cell: dict[str, object] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
    if kind == "code":
        text = formatted([text])
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": text.splitlines(keepends=True)}
