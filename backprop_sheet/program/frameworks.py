"""The exercise in PyTorch or Keras, whose automatic differentiation computes the gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import activation_named, loss_named, update_rule
from backprop_sheet.exercise.model import Exercise, Training
from backprop_sheet.program.code import identifier, indented, number
from backprop_sheet.symbolic.expressions import Call, Expression, Name, Operation
from backprop_sheet.symbolic.python import to_python
from gradsheet.errors import InvalidInputError


@dataclass(frozen=True)
class Framework:
    """How a framework writes what an exercise needs.

    Attributes:
        name: as its documents write it.
        packages: what has to be installed for it.
        imports: the lines that import it; all numbers are doubles.
        constant, parameter: a tensor, and one that is trained, with {} for its numbers.
        functions: its names of the functions of expressions.
        layer_functions: a call for a whole layer, with {} for the sums of its neurons.
        transposed: the transpose of a matrix, with {} for it.
        total, over_samples: the sum over the outputs; sums and means of a vector.
        gradients: the lines that compute the error of ``x`` and ``t`` and its gradients.
        own_update: the lines that compute the gradients and update by an own optimizer.
        optimizers: the framework's own optimizers whose definition is the exercise's.
        assign: the line that gives the parameter ``p`` a new value.
        update_context: the line that begins a block without differentiation, if it needs one.
        value: the number of a tensor {} with one number.
        tolerance: the arguments of the comparison with the numbers by hand.
        recorded: the list of the numbers of a parameter {}.
    """

    name: str
    packages: str
    imports: tuple[str, ...]
    constant: str
    parameter: str
    functions: Mapping[str, str]
    layer_functions: Mapping[str, str]
    transposed: str
    total: str
    over_samples: str
    gradients: tuple[str, ...]
    own_update: tuple[str, ...]
    optimizers: Mapping[str, str]
    assign: str
    update_context: str
    value: str
    recorded: str
    tolerance: str


def _functions(module: str) -> dict[str, str]:
    """Return the functions of expressions in a module that calls them as both frameworks do."""
    names = {name: name for name in ("exp", "log", "sqrt", "abs", "sign", "tanh", "relu")}
    names |= {"σ": "sigmoid", "ln": "log"}
    return {function: f"{module}.{name}" for function, name in names.items()}


_TORCH = Framework(
    name="PyTorch",
    packages="torch",
    imports=("import torch", "", "torch.set_default_dtype(torch.float64)"),
    constant="torch.tensor({})",
    parameter="torch.tensor({}, requires_grad=True)",
    functions=_functions("torch"),
    layer_functions={"softmax": "torch.softmax({}, dim=1)"},
    transposed="{}.T",
    total="({}).sum(dim=1)",
    over_samples="{}.{}()",
    gradients=("gradients = torch.autograd.grad(error_of(x, t), trained)",),
    own_update=("optimizer.zero_grad()", "error_of(x, t).backward()", "optimizer.step()"),
    optimizers={
        "sgd": "torch.optim.SGD(trained, lr=η)",
        "momentum": "torch.optim.SGD(trained, lr=η, momentum=μ)",
        "nesterov": "torch.optim.SGD(trained, lr=η, momentum=μ, nesterov=True)",
        "rmsprop": "torch.optim.RMSprop(trained, lr=η, alpha=ρ, eps=ε)",
        "adam": "torch.optim.Adam(trained, lr=η, betas=(β1, β2), eps=ε)",
        "adamw": "torch.optim.AdamW(trained, lr=η, betas=(β1, β2), eps=ε, weight_decay=λ)",
    },
    assign="p.copy_({})",
    update_context="with torch.no_grad():",
    value="{}.item()",
    recorded="{}.detach().flatten().tolist()",
    tolerance="rtol=1e-7, atol=1e-10",
)
_TAPE = (
    "with tf.GradientTape() as tape:",
    "    error = error_of(x, t)",
    "gradients = tape.gradient(error, [p.value for p in trained])",
)
_KERAS = Framework(
    name="Keras",
    packages="keras tensorflow",
    imports=(
        "import tensorflow as tf  # Keras' backend, whose tape computes the gradients",
        "import keras",
        "from keras import ops",
        "",
        'keras.config.set_floatx("float64")',
    ),
    constant='ops.convert_to_tensor({}, dtype="float64")',
    parameter='keras.Variable({}, dtype="float64")',
    functions=_functions("ops"),
    layer_functions={"softmax": "ops.softmax({}, axis=1)"},
    transposed="ops.transpose({})",
    total="ops.sum({}, axis=1)",
    over_samples="ops.{1}({0})",
    gradients=_TAPE,
    own_update=(*_TAPE, "optimizer.apply(gradients, trained)"),
    optimizers={
        "sgd": "keras.optimizers.SGD(learning_rate=η)",
        "momentum": "keras.optimizers.SGD(learning_rate=η, momentum=μ)",
        "nesterov": "keras.optimizers.SGD(learning_rate=η, momentum=μ, nesterov=True)",
    },
    assign="p.assign({})",
    update_context="",
    value="float({})",
    recorded="ops.convert_to_numpy({}).flatten().tolist()",
    # Its optimizers keep the learning rate in single precision.
    tolerance="rtol=1e-4, atol=1e-5",
)
FRAMEWORKS = {"torch": _TORCH, "keras": _KERAS}


def framework_lines(
    exercise: Exercise, system: EquationSystem, framework: Framework
) -> Iterator[str]:
    """Yield the same training in a framework, as ``framework_history``."""
    yield from _tensors(exercise, system, framework)
    yield from ("", "", *_network(system, framework))
    yield from ("", "", *_error(system, framework), "", "")
    optimizer = framework.optimizers.get(_optimizer(exercise.training))
    if optimizer:
        yield f"optimizer = {optimizer}"
    else:
        yield from _states(system, framework)
    yield "framework_history = []"
    yield "for n in range(iterations + 1):"
    if system.sample_count > 1 and not system.is_batch:
        rows = "[n % len(samples), None]"
        yield f"    x, t = inputs{rows}, targets{rows}"
    else:
        yield "    x, t = inputs, targets"
    mean = framework.over_samples.format("errors_of(x, t)", "mean")
    record = [
        f"row = [{framework.value.format(mean)}]",
        "for p in parameters:",
        f"    row += {framework.recorded.format('p')}",
        "framework_history.append(row)",
    ]
    yield from indented(record)
    if optimizer:
        yield from indented(framework.own_update)
    else:
        yield from indented([*framework.gradients, *_update(system, framework)])


def _optimizer(training: Training) -> str:
    """Return the key of an update rule in ``Framework.optimizers``."""
    if training.optimizer != "sgd":
        return training.optimizer
    if not training.hyperparameters:
        return "sgd"
    if training.momentum_form != "sum":
        return "average"
    return "nesterov" if training.nesterov else "momentum"


def _tensors(exercise: Exercise, system: EquationSystem, framework: Framework) -> Iterator[str]:
    yield f"inputs = {framework.constant.format('[sample[0] for sample in samples]')}"
    yield f"targets = {framework.constant.format('[sample[1] for sample in samples]')}"
    values = dict(zip(system.parameters, (*exercise.weights, *exercise.biases), strict=True))
    names: dict[bool, list[str]] = {True: [], False: []}
    sizes = system.network.neurons
    for kind, layers in (("W", system.layer_weights), ("B", system.layer_biases)):
        for layer, group in enumerate(layers, 1):
            if not group:
                continue
            flat = [values[name] for name in group]
            rows = _matrix(flat, sizes[layer - 1]) if kind == "W" else _vector(flat)
            trained = group[0] in system.trained
            tensor = framework.parameter if trained else framework.constant
            yield f"{kind}{layer} = {tensor.format(rows)}"
            names[trained].append(f"{kind}{layer}")
    yield f"trained = [{', '.join(names[True])}]"
    yield f"parameters = [{', '.join([*names[True], *names[False]])}]"


def _matrix(values: Sequence[float], width: int) -> str:
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    written = [_vector(row) for row in rows]
    line = f"[{', '.join(written)}]"
    if len(line) <= 70:
        return line
    return "[\n" + "".join(f"    {row},\n" for row in written) + "]"


def _vector(values: Sequence[float]) -> str:
    return f"[{', '.join(map(number, values))}]"


def _network(system: EquationSystem, framework: Framework) -> Iterator[str]:
    yield "def network(a):"
    for layer, kind in enumerate(system.network.activations, 1):
        matrix = framework.transposed.format(f"W{layer}")
        bias = f" + B{layer}" if system.layer_biases[layer - 1] else ""
        yield f"    z = a @ {matrix}{bias}"
        activation = activation_named(kind)
        if activation.takes_layer:
            if activation.function not in framework.layer_functions:
                raise InvalidInputError(f"{framework.name} has no {kind}")
            written = framework.layer_functions[activation.function].format("z")
        else:
            written = _written(Call(activation.function, (Name("z"),)), framework)
        yield f"    a = {written}"
    yield "    return a"


def _error(system: EquationSystem, framework: Framework) -> Iterator[str]:
    loss = loss_named(system.training.loss)
    outputs = len(system.outputs)
    error = _written(loss.error(Name("t"), Name("a"), outputs), framework)
    yield "def errors_of(x, t):  # E_total of each sample"
    yield "    a = network(x)"
    yield f"    return {framework.total.format(error)}"
    yield ""
    yield ""
    yield "def error_of(x, t):"
    reduction = system.training.reduction if system.is_batch else "sum"
    yield f"    return {framework.over_samples.format('errors_of(x, t)', reduction)}"


def _states(system: EquationSystem, framework: Framework) -> Iterator[str]:
    yield f"# The update is written out: the optimizer of {framework.name} is defined otherwise."
    for state in update_rule(system.training).states:
        yield f"{state.letter} = [0.0 for _ in trained]"


def _update(system: EquationSystem, framework: Framework) -> Iterator[str]:
    rule = update_rule(system.training)
    lines = ["for index, (p, g) in enumerate(zip(trained, gradients)):"]
    for state in rule.states:
        new = _written(state.update(Name(f"{state.letter}[index]"), Name("g")), framework)
        lines.append(f"    {state.letter}[index] = {new}")
    step: Expression = Operation("*", Name("η"), rule.step("[index]", Name("g"), Name("(n + 1)")))
    kept: Expression = Name("p")
    if rule.decays:
        share = Operation("*", Name("η"), Name("λ"))
        kept = Operation("-", kept, Operation("*", share, kept))
    new = _written(Operation("-", kept, step), framework).replace("_[index]", "[index]")
    lines.append(f"    {framework.assign.format(new)}")
    if framework.update_context:
        yield framework.update_context
        yield from indented(lines)
    else:
        yield from lines


def _written(expression: Expression, framework: Framework) -> str:
    try:
        return to_python(expression, lambda name: identifier(name.name), framework.functions)
    except ValueError as error:
        raise InvalidInputError(f"{framework.name}: {error}") from error
