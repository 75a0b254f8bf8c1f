"""The exercise in PyTorch or Keras, whose automatic differentiation computes the gradients.

What a framework calls an activation, a function or an optimizer stands with their definitions, in
:mod:`~backprop_sheet.symbolic.functions` and :mod:`~backprop_sheet.exercise.choices`; here is only
how programs are written in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import UpdateRule, activation_named, loss_named, update_rule
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.program.code import identifier, indented, number
from backprop_sheet.symbolic.expressions import Call, Expression, Name, Operation
from backprop_sheet.symbolic.functions import function_named
from backprop_sheet.symbolic.python import to_python
from gradsheet.errors import InvalidInputError


@dataclass(frozen=True)
class Framework:
    """How a framework writes what an exercise needs.

    Attributes:
        name: as its documents write it.
        packages: what has to be installed for it.
        imports: the lines that import it, sorted.
        setup: the line that makes all numbers doubles.
        note: what its users need to know.
        module: the module of its functions.
        axis: the name of the argument for an axis.
        transposed: the transpose of a matrix, with {} for it.
        lines: yields the training of an exercise, as ``framework_history``.
    """

    name: str
    packages: str
    imports: tuple[str, ...]
    setup: str
    note: str
    module: str
    axis: str
    transposed: str
    lines: Callable[[Exercise, EquationSystem], Iterator[str]]


def framework_lines(
    exercise: Exercise, system: EquationSystem, framework: Framework
) -> Iterator[str]:
    """Yield the training in a framework, as ``framework_history``.

    Raises:
        InvalidInputError: the framework cannot compute the exercise.
    """
    try:
        yield from framework.lines(exercise, system)
    except ValueError as error:
        raise InvalidInputError(f"{framework.name}: {error}") from error


# --- what both write alike ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tensor:
    """A tensor of parameters: W1, the weights of a layer, or B1, its biases."""

    name: str
    numbers: str
    is_trained: bool


def _tensors(exercise: Exercise, system: EquationSystem) -> list[_Tensor]:
    """Return the parameters in the order of their names: all weights, then all biases."""
    values = dict(zip(system.parameters, (*exercise.weights, *exercise.biases), strict=True))
    tensors = []
    for kind, layers in (("W", system.layer_weights), ("B", system.layer_biases)):
        for layer, group in enumerate(layers, 1):
            if group:
                width = system.network.neurons[layer - 1]
                flat = [values[name] for name in group]
                numbers = _matrix(flat, width) if kind == "W" else _vector(flat)
                tensors.append(_Tensor(f"{kind}{layer}", numbers, group[0] in system.trained))
    return tensors


def _matrix(values: Sequence[float], width: int) -> str:
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    return f"[{', '.join(map(_vector, rows))}]"


def _vector(values: Sequence[float]) -> str:
    return f"[{', '.join(map(number, values))}]"


def _forward(system: EquationSystem, framework: Framework, owner: str = "") -> Iterator[str]:
    """Yield the forward pass from the inputs ``x`` to the outputs ``a``."""
    for layer, kind in enumerate(system.network.activations, 1):
        source = "x" if layer == 1 else "a"
        bias = f" + {owner}B{layer}" if system.layer_biases[layer - 1] else ""
        z = f"{source} @ {framework.transposed.format(f'{owner}W{layer}')}{bias}"
        activation = activation_named(kind)
        name = function_named(activation.function).tensors
        if name:
            axis = f", {framework.axis}=1" if activation.takes_layer else ""
            yield f"a = {framework.module}.{name}({z}{axis})"
        elif activation.takes_layer:
            raise ValueError(f"it has no {kind}")
        else:
            yield f"z = {z}"
            yield f"a = {_written(Call(activation.function, (_Z,)), framework)}"


_Z = Name("z")


def _error(system: EquationSystem, framework: Framework) -> Iterator[str]:
    """Yield the error that is minimized, from the targets ``t`` and the outputs ``a``."""
    loss = loss_named(system.training.loss)
    error = _written(loss.error(Name("t"), Name("a"), len(system.outputs)), framework)
    total = f"{framework.module}.sum({error}"
    if not system.is_batch:
        yield f"return {total})"
        return
    yield f"errors = {total}, {framework.axis}=1)"
    # Keras' mean is one in single precision with some backends.
    mean = " / len(samples)" if system.training.reduction == "mean" else ""
    yield f"return {framework.module}.sum(errors){mean}"


def _update(rule: UpdateRule, framework: Framework) -> Iterator[tuple[str, str]]:
    """Yield the new values of the states of a parameter ``p`` with the gradient ``g``, and of p."""
    for state in rule.states:
        yield state.letter, _written(state.update(Name(state.letter), Name("g")), framework)
    step: Expression = Operation("*", Name("η"), rule.step("", Name("g"), Name("(n + 1)")))
    kept: Expression = Name("p")
    if rule.decays:
        share = Operation("*", Name("η"), Name("λ"))
        kept = Operation("-", kept, Operation("*", share, kept))
    yield "p", _written(Operation("-", kept, step), framework)


def _written(expression: Expression, framework: Framework) -> str:
    def name(each: Name) -> str:
        return identifier(each.name).removesuffix("_")  # the state of no parameter: m_

    return to_python(
        expression,
        name,
        lambda function: f"{framework.module}.{function.tensors}" if function.tensors else "",
    )


def _arrays(make: str, dtype: str = "") -> Iterator[str]:
    yield f"inputs = {make}([sample[0] for sample in samples]{dtype})"
    yield f"targets = {make}([sample[1] for sample in samples]{dtype})"


def _given(system: EquationSystem) -> tuple[str, list[str]]:
    """Return what is trained with in an iteration, and the lines that choose it."""
    if system.sample_count == 1 or system.is_batch:
        return "inputs, targets", []
    turn = "[n % len(samples), None]"
    return "x, t", [f"x, t = inputs{turn}, targets{turn}"]


# The error and all parameters of an iteration.
_TORCH_RECORD = (
    "row = [each.detach().flatten() for each in (error, *parameters)]",
    "framework_history.append(torch.cat(row).numpy())",
)
_KERAS_RECORD = (
    "row = [ops.convert_to_numpy(each).flatten() for each in (error, *parameters)]",
    "framework_history.append(np.concatenate(row))",
)


# --- PyTorch --------------------------------------------------------------------------------------


def _torch_lines(exercise: Exercise, system: EquationSystem) -> Iterator[str]:
    tensors = _tensors(exercise, system)
    yield from _arrays("torch.tensor")
    for tensor in tensors:
        gradient = ", requires_grad=True" if tensor.is_trained else ""
        yield f"{tensor.name} = torch.tensor({tensor.numbers}{gradient})"
    yield f"parameters = [{', '.join(tensor.name for tensor in tensors)}]"
    trained = "parameters"
    if not all(tensor.is_trained for tensor in tensors):
        trained = "trained"
        yield f"trained = [{', '.join(tensor.name for tensor in tensors if tensor.is_trained)}]"
    yield from ("", "", "def error_of(x, t):")
    yield from indented([*_forward(system, _TORCH), *_error(system, _TORCH)])
    yield from ("", "")
    rule = update_rule(system.training)
    given, choice = _given(system)
    body = [*choice, f"error = error_of({given})", *_TORCH_RECORD]
    if rule.torch:
        yield f"optimizer = torch.optim.{rule.torch.format(trained)}"
        body += ["optimizer.zero_grad()", "error.backward()", "optimizer.step()"]
    else:
        yield "# The update is written out: PyTorch has no optimizer that is defined alike."
        for state in rule.states:
            yield f"{state.letter}s = [torch.zeros_like(p) for p in {trained}]"
        body += _torch_update(rule, trained)
    yield "framework_history = []"
    yield "for n in range(iterations + 1):" if _uses_n(body) else "for _ in range(iterations + 1):"
    yield from indented(body)


def _uses_n(lines: Sequence[str]) -> bool:
    return any("n % len" in line or "(n + 1)" in line for line in lines)


def _torch_update(rule: UpdateRule, trained: str) -> Iterator[str]:
    states = [state.letter for state in rule.states]
    yield f"gradients = torch.autograd.grad(error, {trained})"
    yield "with torch.no_grad():"
    names = ", ".join(["p", "g", *states])
    lists = ", ".join([trained, "gradients", *(f"{state}s" for state in states)])
    yield f"    for {names} in zip({lists}, strict=True):"
    for name, value in _update(rule, _TORCH):
        yield from indented(indented([f"{name}.copy_({value})"]))


# --- Keras ----------------------------------------------------------------------------------------


def _keras_lines(exercise: Exercise, system: EquationSystem) -> Iterator[str]:
    tensors = _tensors(exercise, system)
    yield from ("", "class Network(keras.Model):", "    def __init__(self):")
    yield "        super().__init__()"
    for tensor in tensors:
        trained = "" if tensor.is_trained else ", trainable=False"
        value = f'keras.Variable({tensor.numbers}, dtype="float64"{trained})'
        yield from indented(indented([f"self.{tensor.name} = {value}"]))
    yield from ("", "    def call(self, x):")
    yield from indented(indented([*_forward(system, _KERAS, "self."), "return a"]))
    yield from ("", "", "def error_of(t, a):")
    yield from indented(list(_error(system, _KERAS)))
    yield from ("", "")
    rule = update_rule(system.training)
    optimizer = f"keras.optimizers.{rule.keras}"
    if not rule.keras:
        optimizer = "Update(learning_rate=η)"
        yield from (*_keras_update(rule), "", "")
    yield from _arrays("ops.convert_to_tensor", ', dtype="float64"')
    yield "network = Network()"
    if "np.float64" in optimizer:
        yield "# Keras rounds a plain float to single precision here."
    yield f"optimizer = {optimizer}"
    yield "network.compile(optimizer=optimizer, loss=error_of)"
    names = ", ".join(f"network.{tensor.name}" for tensor in tensors)
    yield f"parameters = [{names}]"
    yield "framework_history = []"
    given, choice = _given(system)
    yield "for n in range(iterations + 1):" if choice else "for _ in range(iterations + 1):"
    x, t = given.split(", ")
    error = f"error = error_of({t}, network({x}))"
    train = f"network.train_on_batch({given})"
    yield from indented([*choice, error, *_KERAS_RECORD, train])


def _keras_update(rule: UpdateRule) -> Iterator[str]:
    yield "class Update(keras.optimizers.Optimizer):"
    yield '    """Written out: Keras has no optimizer that is defined alike."""'
    if rule.states:
        yield from ("", "    def build(self, variables):", "        super().build(variables)")
    for state in rule.states:
        made = f'self.add_optimizer_variables(variables, "{state.letter}")'
        yield f"        self.{state.letter} = {made}"
    yield from ("", "    def update_step(self, g, p, learning_rate):")
    lines = []
    if rule.states:
        lines.append("index = self._get_variable_index(p)")
    lines += [f"{state.letter} = self.{state.letter}[index]" for state in rule.states]
    updates = list(_update(rule, _KERAS))
    if _uses_n([value for _, value in updates]):
        lines.append("n = ops.cast(self.iterations, p.dtype)")
    for name, value in updates:
        lines.append(f"self.assign({name}, {value})")
    yield from indented(indented(lines))


_TORCH = Framework(
    name="PyTorch",
    packages="torch",
    imports=("import torch",),
    setup="torch.set_default_dtype(torch.float64)",
    note="",
    module="torch",
    axis="dim",
    transposed="{}.T",
    lines=_torch_lines,
)
_KERAS = Framework(
    name="Keras",
    packages="keras tensorflow",
    imports=("import keras", "from keras import ops"),
    setup='keras.config.set_floatx("float64")',
    note="With KERAS_BACKEND=torch, PyTorch takes the place of TensorFlow.",
    module="ops",
    axis="axis",
    transposed="ops.transpose({})",
    lines=_keras_lines,
)
FRAMEWORKS = {"torch": _TORCH, "keras": _KERAS}
