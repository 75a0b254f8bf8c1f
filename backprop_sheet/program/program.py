"""A program that does an exercise by hand and in a framework, and compares the two."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from backprop_sheet.equations.equation import Step
from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.program.by_hand import (
    exercise_lines,
    given_lines,
    loop_lines,
    start_lines,
    step_lines,
)
from backprop_sheet.program.code import WIDTH, formatted
from backprop_sheet.program.frameworks import FRAMEWORKS, Framework, framework_lines
from gradsheet.errors import InvalidInputError

PROVENANCE = "Written by gradsheet"


@dataclass(frozen=True)
class Program:
    """The parts of a program as code, which is laid out when it is written.

    Attributes:
        exercise: the imports, the samples and the functions.
        start: the initial values of the parameters and of the optimizer's state.
        given: inputs and targets of an iteration.
        steps: the equations of each part of an iteration.
        training: all iterations by hand.
        framework: the same in a framework.
        comparison: the assertion that both agree.
    """

    imports: str
    exercise: str
    start: str
    given: str
    steps: dict[Step, str]
    training: str
    framework_name: str
    framework_packages: str
    framework_note: str
    framework_imports: tuple[str, ...]
    framework_setup: str
    framework: str
    comparison: str


def program_of(exercise: Exercise, framework: str) -> Program:
    """Return the program of an exercise, at its first learning rate.

    Args:
        framework: a key of :data:`FRAMEWORKS`.

    Raises:
        InvalidInputError: the framework cannot compute the exercise.
    """
    system = system_of(exercise)
    chosen = FRAMEWORKS[framework]
    rate = exercise.training.learning_rates[0]
    try:
        steps = {step: "\n".join(step_lines(system, step)) for step in Step}
    except ValueError as error:
        raise InvalidInputError(f"NumPy: {error}") from error
    return Program(
        imports="import numpy as np",
        exercise="\n".join(exercise_lines(exercise, system, rate)),
        start="\n".join(start_lines(exercise, system)),
        given="\n".join(given_lines(system)),
        steps=steps,
        training="\n".join(loop_lines(system)),
        framework_name=chosen.name,
        framework_packages=chosen.packages,
        framework_note=chosen.note,
        framework_imports=chosen.imports,
        framework_setup=chosen.setup,
        framework="\n".join(framework_lines(exercise, system, chosen)),
        comparison="\n".join(_comparison(chosen)),
    )


def as_script(exercise: Exercise, program: Program) -> str:
    """Return the program as one file."""
    about = [exercise.title, *([f"Source: {exercise.source}"] if exercise.source else [])]
    about.append(
        f"By hand in NumPy, and the same in {program.framework_name}: both agree. "
        "Run it with Python, as: python step.py. "
        f"What it needs: pip install numpy {program.framework_packages}. {program.framework_note}"
    )
    plain = [line.replace("\\", "/").replace('"', "'") for line in about]
    wrapped = ["\n".join(textwrap.wrap(line, WIDTH - 4)) for line in plain]
    imports = sorted(
        [program.imports, *program.framework_imports], key=lambda line: (line[:4] == "from", line)
    )
    parts = [
        f'# {PROVENANCE}\n"""' + "\n\n".join(wrapped) + '\n"""',
        "\n".join(imports) + f"\n\n{program.framework_setup}",
        _titled("The exercise", program.exercise),
        _titled("By hand, in NumPy", f"{program.start}\n\n{program.training}"),
        _titled(f"The same in {program.framework_name}", program.framework),
        _titled("Both agree", program.comparison),
    ]
    return formatted("\n\n".join(parts).splitlines()) + "\n"


def _titled(title: str, code: str) -> str:
    return f"# --- {title} {'-' * (90 - len(title))}\n\n{code}"


def _comparison(framework: Framework) -> Iterator[str]:
    tolerance = "rtol=1e-9, atol=1e-12"
    yield "# Nine digits, at first; a training can be so unstable that rounding grows later."
    yield f"np.testing.assert_allclose(framework_history[:21], history[:21], {tolerance})"
    yield f"same = np.isclose(framework_history, history, {tolerance}).all(axis=1)"
    words = f"NumPy and {framework.name} agree in {{same.sum()}} of {{len(same)}} iterations."
    yield f'print(f"{words}")'
    yield f'print("iteration  by hand       {framework.name}")'
    yield "for n in range(0, iterations + 1, max(1, iterations // 10)):"
    yield '    print(f"{n:9}  {history[n][0]:<12.6g}  {framework_history[n][0]:.6g}")'
