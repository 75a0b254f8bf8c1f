"""The exercise by hand in NumPy: every quantity is a variable, every equation a line."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.equations.equation import Step
from backprop_sheet.equations.names import LEARNING_RATE, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import update_rule
from backprop_sheet.exercise.model import Exercise, Sample
from backprop_sheet.program.code import (
    INDENT,
    WIDTH,
    assignments,
    identifier,
    indented,
    number,
    variable,
)
from backprop_sheet.symbolic.expressions import Call, Expression, Name, walk
from backprop_sheet.symbolic.functions import FUNCTIONS, Function
from backprop_sheet.symbolic.python import to_python

_STEP_FUNCTION = ["def step(x):", "    return np.where(x > 0, 1.0, 0.0)"]


def exercise_lines(exercise: Exercise, system: EquationSystem, rate: float) -> Iterator[str]:
    """Yield the samples, the learning rate, the hyperparameters and the functions."""
    yield from _samples(exercise)
    yield f"{LEARNING_RATE} = {number(rate)}  # the learning rate"
    for symbol, value in system.hyperparameters.items():
        yield f"{identifier(symbol)} = {number(value)}"
    yield f"iterations = {exercise.training.iterations}"
    for lines in _functions(system):
        yield from lines


def _samples(exercise: Exercise) -> Iterator[str]:
    written = [_sample(sample) for sample in exercise.samples]
    line = f"samples = [{', '.join(written)}]  # inputs, targets"
    if len(written) == 1 and len(line) <= WIDTH:
        yield line
    else:  # a comma after the last one: one on each line
        yield "samples = [  # inputs, targets"
        yield from indented([f"{each}," for each in written])
        yield "]"


def start_lines(exercise: Exercise, system: EquationSystem) -> Iterator[str]:
    """Yield the assignments of the initial parameters and of the optimizer's state."""
    values = dict(zip(system.parameters, (*exercise.weights, *exercise.biases), strict=True))
    for names in (*system.layer_weights, *system.layer_biases):
        if names:
            yield from assignments(names, [values[name] for name in names])
    for state in update_rule(system.training).states:
        names_of_state = [state.name(parameter) for parameter in system.trained]
        yield from assignments(names_of_state, [0.0] * len(names_of_state))


def given_lines(system: EquationSystem) -> Iterator[str]:
    """Yield the assignments of inputs and targets."""
    names = [f"[{', '.join(map(identifier, each))}]" for each in (system.inputs, system.targets)]
    if system.is_batch:  # arrays over the samples
        rights = [f"np.array([sample[{index}] for sample in samples]).T" for index in (0, 1)]
    else:
        # NumPy's numbers become infinite where Python's raise an error.
        sample = f"samples[{'n % len(samples)' if system.sample_count > 1 else '0'}]"
        line = f"{', '.join(names)} = map(np.array, {sample})"
        if len(line) < WIDTH - len(INDENT):
            yield line
            return
        rights = [f"np.array({sample}[{index}])" for index in (0, 1)]
    for left, right in zip(names, rights, strict=True):
        yield f"{left} = {right}"


def step_lines(system: EquationSystem, step: Step) -> Iterator[str]:
    """Yield the equations of one part of an iteration."""
    defined = _defined(system)

    def called(function: Function) -> str:
        return function.numpy or (function.name if function in defined else "")

    for equation in system.equations:
        if equation.step is step:
            right = to_python(equation.rhs, variable, called)
            yield f"{identifier(equation.name)} = {right}"


def loop_lines(system: EquationSystem) -> Iterator[str]:
    """Yield the training: the error and the parameters of each iteration are its history."""
    takes_turns = system.sample_count > 1 and not system.is_batch
    if not takes_turns:
        yield from given_lines(system)
    yield "history = []"
    yield "for n in range(iterations + 1):"
    if takes_turns:
        yield from indented([*given_lines(system), ""])
    for step in Step:
        if step is Step.UPDATE:
            reduced = f"np.{system.training.reduction}({TOTAL_ERROR})"
            error = reduced if system.is_batch else TOTAL_ERROR
            values = ", ".join([error, *map(identifier, system.parameters)])
            yield from indented(["", f"history.append([{values}])", ""])
        elif step is not Step.FORWARD:
            yield ""
        yield from indented([f"# {step.value}", *step_lines(system, step)])


def _sample(sample: Sample) -> str:
    inputs, targets = (list(map(float, part)) for part in (sample.inputs, sample.targets))
    return f"({inputs}, {targets})"


def _used(system: EquationSystem) -> set[str]:
    return {
        node.function
        for equation in system.equations
        for node in walk(equation.rhs)
        if isinstance(node, Call)
    }


def _defined(system: EquationSystem) -> list[Function]:
    """Return the functions of the equations that NumPy does not have."""
    used = _used(system)
    return [
        function
        for function in FUNCTIONS.values()
        if function.name in used and function.definition is not None and function.written is None
    ]


def _functions(system: EquationSystem) -> Iterator[list[str]]:
    if "step" in _used(system):
        yield _STEP_FUNCTION
    for function in _defined(system):
        definition: Expression = function.definition or Name("x")
        right = to_python(definition, variable, lambda each: each.numpy)
        yield [f"def {function.name}(x):", f"{INDENT}return {right}"]
