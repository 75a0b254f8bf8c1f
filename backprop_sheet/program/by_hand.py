"""The exercise by hand in NumPy: every quantity is a variable, every equation a line."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_sheet.equations.equation import Step
from backprop_sheet.equations.names import LEARNING_RATE, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.model import Exercise, Sample
from backprop_sheet.program.code import (
    assignment,
    assignments,
    identifier,
    indented,
    number,
    sequence,
    variable,
)
from backprop_sheet.symbolic.expressions import Call, Expression, Name, walk
from backprop_sheet.symbolic.functions import FUNCTIONS, Function
from backprop_sheet.symbolic.python import to_python

_STEP_FUNCTION = ["def step(x):", "    return np.where(x > 0, 1.0, 0.0)"]


def exercise_lines(exercise: Exercise, system: EquationSystem, rate: float) -> Iterator[str]:
    """Yield the samples, the learning rate, the hyperparameters and the functions."""
    yield "samples = [  # inputs, targets"
    for sample in exercise.samples:
        yield f"    {_sample(sample)},"
    yield "]"
    yield from assignment(LEARNING_RATE, f"{number(rate)}  # the learning rate")
    for symbol, value in system.hyperparameters.items():
        yield f"{identifier(symbol)} = {number(value)}"
    yield f"iterations = {exercise.training.iterations}"
    for lines in _functions(system):
        yield from ("", "", *lines)


def start_lines(exercise: Exercise, system: EquationSystem) -> Iterator[str]:
    """Yield the assignments of the initial parameters and of the optimizer's state."""
    values = dict(zip(system.parameters, (*exercise.weights, *exercise.biases), strict=True))
    for names in (*system.layer_weights, *system.layer_biases):
        if names:
            yield from assignments(names, [values[name] for name in names])
    if system.states:
        yield from assignments(system.states, [0.0] * len(system.states))


def given_lines(system: EquationSystem) -> Iterator[str]:
    """Yield the assignments of inputs and targets."""
    for names, which in ((system.inputs, 0), (system.targets, 1)):
        left = ", ".join(map(identifier, names))
        left = f"[{left}]" if len(names) == 1 else left
        if system.is_batch:  # an array over the samples
            yield f"{left} = np.array([sample[{which}] for sample in samples]).T"
        elif system.sample_count > 1:
            yield f"{left} = samples[n % len(samples)][{which}]"
        else:
            yield f"{left} = samples[0][{which}]"


def step_lines(system: EquationSystem, step: Step) -> Iterator[str]:
    """Yield the equations of one part of an iteration."""
    defined = {function.name: function.name for function in _defined(system)}
    for equation in system.equations:
        if equation.step is step:
            right = to_python(equation.rhs, variable, defined=defined)
            yield from assignment(identifier(equation.name), right)


def loop_lines(system: EquationSystem) -> Iterator[str]:
    """Yield the training: the error and the parameters of each iteration are its history."""
    yield "history = []"
    yield "for n in range(iterations + 1):"
    yield from indented(list(given_lines(system)))
    for step in Step:
        if step is Step.UPDATE:
            values = [f"np.mean({TOTAL_ERROR})", *map(identifier, system.parameters)]
            yield from indented(["", *sequence("history.append([", values, "])")])
        yield from indented(["", f"# {step.value}", *step_lines(system, step)])


def _sample(sample: Sample) -> str:
    inputs, targets = ([float(each) for each in part] for part in (sample.inputs, sample.targets))
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
        yield [f"def {function.name}(x):", f"    return {to_python(definition, variable)}"]
