"""The equations of an exercise: forward pass, error, gradients and updates.

The values, the Excel formulas, the explanations and the audit are all generated from these
equations. The gradients are derived by reverse-mode differentiation of the forward equations
(Rumelhart, Hinton and Williams, 1986): starting from the error, the derivative of each quantity q
is the sum of ∂E/∂u · ∂u/∂q over all quantities u that are computed directly from q.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, reduce

from backprop_sheet.exercise.exercise_file import OPTIMIZERS, Exercise, Network, Training
from backprop_sheet.symbolic.differentiation import derivative
from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    names,
    size,
    substitute,
    transform,
)
from backprop_sheet.symbolic.simplification import product, total

LEARNING_RATE = "η"
ITERATION = "iteration"
SAMPLE = "sample"
TOTAL_ERROR = "E_total"
MEAN_ERROR = "E_mean"

# The formulas that use an intermediate derivative contain its expression, as in textbooks. If such
# a formula had more leaves than this, the derivative gets its own column.
MAX_INLINED_SIZE = 24


class Role(StrEnum):
    """The group of a column of the table; the value is the group's title."""

    GIVEN = "given"
    WEIGHT = "weights"
    BIAS = "biases"
    HIDDEN = "hidden"
    OUTPUT = "output"
    ERROR = "error"
    GRADIENT = "gradient"
    STATE = "optimizer state"
    MEAN = "mean"


class Kind(StrEnum):
    """The kind of a quantity."""

    INPUT = "input"
    TARGET = "target"
    WEIGHT = "weight"
    BIAS = "bias"
    SUM = "weighted sum"
    ACTIVATION = "activation"
    ERROR = "error"
    TOTAL = "total error"
    ADJOINT = "derivative"
    GRADIENT = "gradient"
    STATE = "optimizer state"
    MEAN = "mean error"


class Step(StrEnum):
    """The part of an iteration that an equation belongs to."""

    FORWARD = "Forward pass"
    ERROR = "Error"
    BACKWARD = "Backward pass"
    UPDATE = "Update"


@dataclass(frozen=True)
class Quantity:
    """A named quantity of the network.

    Attributes:
        layer: the layer of its neuron, 1 for the first layer after the inputs; 0 for inputs.
        index: its number within the layer, from 1; for parameters the number in the network.
        of: for a derivative or an optimizer state, the name of the quantity it belongs to.
    """

    name: str
    kind: Kind
    layer: int = 0
    index: int = 0
    of: str = ""


@dataclass(frozen=True)
class Connection:
    """A weight: it leads from the quantity ``source`` to the weighted sum ``target``."""

    weight: str
    source: str
    target: str


@dataclass(frozen=True)
class Factor:
    """One factor of a chain rule, ``∂of/∂by``.

    ``derivative`` is None if the factor is the left-hand side of an earlier equation.
    """

    of: str
    by: str
    derivative: Expression | None

    @property
    def label(self) -> str:
        """The factor as text: ``∂a_h1/∂h1``."""
        return f"∂{self.of}/∂{self.by}"


Path = tuple[Factor, ...]


@dataclass(frozen=True)
class Equation:
    """``name = rhs``; a derivative also has the paths whose products the chain rule adds.

    The right-hand side may contain derivatives that have an equation but no column.
    """

    step: Step
    name: str
    rhs: Expression
    paths: tuple[Path, ...] = ()


class EquationSystem:
    """All equations of an exercise, in the order of computation, and the columns of its table.

    Attributes:
        inputs, targets, weights, biases: names, in order.
        hidden: for each hidden layer, the pairs (weighted sum, activation) of its neurons.
        outputs: the pairs of the output layer.
        connections: one :class:`Connection` per weight, by the weight's name.
        bias_targets: for each bias, the weighted sums that it is added to.
        quantities: one :class:`Quantity` per name.
        equations: every :class:`Equation`, in the order of computation.
        columns: the columns of the table, left to right, with their groups. The columns
            ``iteration`` and ``sample`` come before these.
        within_row: the right-hand sides of the columns that are computed from their own row, in
            the order of computation.
        inlined: the right-hand sides of the derivatives without a column. The formulas in
            ``within_row`` contain them.
        updates: the right-hand sides of the columns that are computed from the previous
            iteration: optimizer state, then parameters.
    """

    def __init__(self, network: Network, training: Training, sample_count: int) -> None:
        self.network, self.training, self.sample_count = network, training, sample_count
        self.is_batch = sample_count > 1 and training.update != "online"
        self.rows_per_iteration = sample_count if self.is_batch else 1
        self.has_sample_column = sample_count > 1
        self.quantities: dict[str, Quantity] = {}
        self._name_quantities()
        self._forward = {equation.name: equation for equation in self._forward_equations()}
        self._backward = self._backward_equations()
        self._update = list(self._update_equations())
        self.equations: tuple[Equation, ...] = (
            *self._forward.values(),
            *self._backward,
            *self._update,
        )
        self._intermediate_columns = self._choose_intermediate_columns()
        self.columns = self._lay_out_columns()
        self.within_row, self.inlined = self._in_cells()
        self.updates = {equation.name: equation.rhs for equation in self._update}

    # --- names ---

    @classmethod
    def of(cls, exercise: Exercise) -> EquationSystem:
        """Derive the equations of an exercise."""
        return cls(exercise.network, exercise.training, len(exercise.samples))

    def _add(self, name: str, kind: Kind, layer: int = 0, index: int = 0, of: str = "") -> str:
        self.quantities[name] = Quantity(name, kind, layer, index, of)
        return name

    def _name_quantities(self) -> None:
        sizes = self.network.neurons
        self.inputs = tuple(self._add(f"i{n}", Kind.INPUT, 0, n) for n in _from_1(sizes[0]))
        self.targets = tuple(
            self._add(f"t{n}", Kind.TARGET, len(sizes) - 1, n) for n in _from_1(sizes[-1])
        )
        layers: list[list[tuple[str, str]]] = []
        for layer, count in enumerate(sizes[1:], 1):
            last, several = layer == len(sizes) - 1, len(sizes) > 3
            prefix = "o" if last else f"h{layer}_" if several else "h"
            layers.append(
                [
                    (
                        self._add(f"{prefix}{n}", Kind.SUM, layer, n),
                        self._add(f"a_{prefix}{n}", Kind.ACTIVATION, layer, n),
                    )
                    for n in _from_1(count)
                ]
            )
        self.layers = tuple(map(tuple, layers))
        self.hidden, self.outputs = self.layers[:-1], self.layers[-1]
        self.connections: dict[str, Connection] = {}
        self.layer_weights: list[list[str]] = []
        self.layer_biases: list[list[str]] = []
        self.bias_targets: dict[str, list[str]] = {}
        sources = list(self.inputs)
        for layer, neurons in enumerate(self.layers, 1):
            weights, biases = [], []
            for at, (sum_name, _) in enumerate(neurons):
                for source in sources:
                    number = len(self.connections) + 1
                    weight = self._add(f"w{number}", Kind.WEIGHT, layer, number)
                    weights.append(weight)
                    self.connections[weight] = Connection(weight, source, sum_name)
                if self.network.bias == "neuron" or (self.network.bias == "layer" and at == 0):
                    number = len(self.bias_targets) + 1
                    biases.append(self._add(f"b{number}", Kind.BIAS, layer, number))
                    self.bias_targets[biases[-1]] = []
                if biases:
                    self.bias_targets[biases[-1]].append(sum_name)
            self.layer_weights.append(weights)
            self.layer_biases.append(biases)
            sources = [activation for _, activation in neurons]
        self.weights = tuple(self.connections)
        self.biases = tuple(self.bias_targets)
        self.parameters = (*self.weights, *self.biases)
        self.trained = self.parameters if self.network.train_bias else self.weights
        self.errors = tuple(
            self._add(f"E{n}", Kind.ERROR, len(self.layers), n) for n in _from_1(sizes[-1])
        )
        self._add(TOTAL_ERROR, Kind.TOTAL)
        self.hyperparameters = dict(self.training.hyperparameters)

    # --- forward ---

    def _forward_equations(self) -> Iterator[Equation]:
        for layer, neurons in enumerate(self.layers):
            sums = tuple(Name(sum_name) for sum_name, _ in neurons)
            for sum_name, activation in neurons:
                terms: list[Expression] = [
                    Operation("*", Name(one.weight), Name(one.source))
                    for one in self.connections.values()
                    if one.target == sum_name
                ]
                terms += [Name(bias) for bias, of in self.bias_targets.items() if sum_name in of]
                yield Equation(Step.FORWARD, sum_name, _add_up(terms))
                if self.network.activations[layer] != "softmax":
                    rhs = self._activation(layer, Name(sum_name), sums)
                    yield Equation(Step.FORWARD, activation, rhs)
            if self.network.activations[layer] == "softmax":
                for sum_name, activation in neurons:
                    rhs = self._activation(layer, Name(sum_name), sums)
                    yield Equation(Step.FORWARD, activation, rhs)
        for error, target, (_, output) in zip(self.errors, self.targets, self.outputs, strict=True):
            yield Equation(Step.ERROR, error, self._error(Name(target), Name(output)))
        yield Equation(Step.ERROR, TOTAL_ERROR, _add_up([Name(error) for error in self.errors]))

    def _activation(self, layer: int, x: Name, sums: tuple[Name, ...]) -> Expression:
        kind = self.network.activations[layer]
        if kind == "softmax":
            return Call("softmax", (x, *sums))
        return Call("σ" if kind == "sigmoid" else kind, (x,))

    def _error(self, t: Name, a: Name) -> Expression:
        """Return the error of one output; the total error is the sum over all outputs."""
        squared = Operation("^", Operation("-", t, a), TWO)
        match self.training.loss:
            case "half_squared_error":
                return Operation("*", Number(0.5, "½"), squared)
            case "squared_error":
                return squared
            case "mean_squared_error":
                count = len(self.outputs)
                return Operation("/", squared, Number(float(count))) if count > 1 else squared
            case "cross_entropy":
                return Operation("*", Negative(t), Call("ln", (a,)))
        not_t, not_a = Operation("-", ONE, t), Operation("-", ONE, a)
        return Operation(
            "-",
            Operation("*", Negative(t), Call("ln", (a,))),
            Operation("*", not_t, Call("ln", (not_a,))),
        )

    # --- backward ---

    def _backward_equations(self) -> list[Equation]:
        """Differentiate in reverse, layer by layer from the outputs."""
        users: dict[str, list[str]] = {}  # the quantities that are computed from a quantity
        for equation in self._forward.values():
            for used in dict.fromkeys(names(equation.rhs)):
                users.setdefault(used.name, []).append(equation.name)
        values = {equation.rhs: Name(name) for name, equation in self._forward.items()}
        adjoints: dict[str, Expression] = dict.fromkeys(self.errors, ONE)
        paths: dict[str, list[Path]] = {error: [()] for error in self.errors}
        known: set[str] = set()  # quantities whose derivative has its own equation
        equations: list[Equation] = []

        def backward(name: str) -> None:
            """Differentiate E_total by a quantity: add the terms of all quantities that use it."""
            terms: list[Expression] = []
            paths_to_error: list[Path] = []
            for user in users[name]:
                if user == TOTAL_ERROR:
                    continue
                local = derivative(self._forward[user].rhs, Name(name))
                local = transform(local, lambda node: values.get(node, node))
                factor = Factor(user, name, local)
                if user in known:
                    terms.append(product(Name(f"∂E/∂{user}"), local))
                    paths_to_error.append((Factor("E", user, None), factor))
                else:
                    terms.append(product(adjoints[user], local))
                    paths_to_error += [(*path, factor) for path in paths[user]]
            adjoints[name], paths[name] = total(terms), paths_to_error

        def name_derivative(of: str, kind: Kind) -> None:
            quantity = self.quantities[of]
            name = self._add(f"∂E/∂{of}", kind, quantity.layer, quantity.index, of)
            equations.append(Equation(Step.BACKWARD, name, adjoints[of], tuple(paths[of])))

        for layer in reversed(range(len(self.layers))):
            neurons = self.layers[layer]
            for _, activation in neurons:
                backward(activation)
                if layer < len(self.layers) - 1:
                    name_derivative(activation, Kind.ADJOINT)
                    known.add(activation)
            for sum_name, _ in neurons:
                backward(sum_name)
                if self.network.activations[layer] == "softmax":
                    name_derivative(sum_name, Kind.ADJOINT)
                    known.add(sum_name)
            for parameter in (*self.layer_weights[layer], *self.layer_biases[layer]):
                if parameter in self.trained:
                    backward(parameter)
                    name_derivative(parameter, Kind.GRADIENT)
        return equations

    # --- updates ---

    def _update_equations(self) -> Iterator[Equation]:
        """Yield the optimizer's equations; g is the gradient that the update uses.

        SGD's momentum as in PyTorch, RMSprop as in Hinton's lecture 6e (2012), Adam as in
        algorithm 1 of Kingma and Ba (2015), AdamW with decoupled weight decay as in Loshchilov and
        Hutter (2019).
        """
        optimizer = self.training.optimizer if self.hyperparameters else "plain"
        eta = Name(LEARNING_RATE)
        mu, rho, beta_1, beta_2, epsilon, decay = map(Name, ("μ", "ρ", "β1", "β2", "ε", "λ"))
        states = {"plain": "", "sgd": "v", "rmsprop": "s", "adam": "mv", "adamw": "mv"}[optimizer]
        for letter in states:
            for parameter in self.trained:
                name = self._add(f"{letter}_{parameter}", Kind.STATE, of=parameter)
                g: Expression = self._gradient_used(parameter)
                before = Name(name, -1)
                match optimizer, letter:
                    case "sgd", _:
                        rhs = Operation("+", Operation("*", mu, before), g)
                    case "adam" | "adamw", "m":
                        rhs = _average(beta_1, before, g)
                    case "adam" | "adamw", _:
                        rhs = _average(beta_2, before, Operation("^", g, TWO))
                    case _:
                        rhs = _average(rho, before, Operation("^", g, TWO))
                yield Equation(Step.UPDATE, name, rhs)
        for parameter in self.trained:
            before, g = Name(parameter, -1), self._gradient_used(parameter)
            if optimizer == "adamw":  # the weight decay comes before Adam's step
                shrink = Operation("*", Operation("*", eta, decay), before)
                start: Expression = Operation("-", before, shrink)
            else:
                start = before
            match optimizer:
                case "sgd":
                    v: Expression = Name(f"v_{parameter}")
                    step = (
                        v
                        if not self.training.nesterov
                        else Operation("+", g, Operation("*", mu, v))
                    )
                case "rmsprop":
                    root = Call("sqrt", (Name(f"s_{parameter}"),))
                    step = Operation("/", g, Operation("+", root, epsilon))
                case "adam" | "adamw":
                    n = Name(ITERATION)
                    m_hat = _corrected(Name(f"m_{parameter}"), beta_1, n)
                    v_hat = _corrected(Name(f"v_{parameter}"), beta_2, n)
                    root = Call("sqrt", (v_hat,))
                    step = Operation("/", m_hat, Operation("+", root, epsilon))
                case _:
                    step = g
            rhs = Operation("-", start, _scaled(eta, step))
            yield Equation(Step.UPDATE, parameter, rhs)

    def _gradient_used(self, parameter: str) -> Expression:
        """Return the gradient of the previous iteration, reduced over the samples of a batch."""
        gradient = Name(f"∂E/∂{parameter}", -1)
        if not self.is_batch:
            return gradient
        return Call(self.training.reduction, (gradient,))

    # --- columns ---

    def _choose_intermediate_columns(self) -> list[str]:
        """Choose the derivatives that get a column because a formula would be too long."""
        chosen: list[str] = []
        inlined: dict[str, Expression] = {}
        for equation in self._backward:
            rhs = substitute(equation.rhs, inlined)
            if size(rhs) > MAX_INLINED_SIZE:
                for used in dict.fromkeys(names(equation.rhs)):
                    if used.name in inlined and size(inlined[used.name]) > 1:
                        chosen.append(used.name)
                        del inlined[used.name]
                rhs = substitute(equation.rhs, inlined)
            if self.quantities[equation.name].kind is Kind.ADJOINT:
                inlined[equation.name] = rhs
        return [e.name for e in self._backward if e.name in chosen]

    def _lay_out_columns(self) -> dict[str, Role]:
        columns: dict[str, Role] = dict.fromkeys((*self.targets, *self.inputs), Role.GIVEN)
        for layer, neurons in enumerate(self.layers):
            columns |= dict.fromkeys(self.layer_weights[layer], Role.WEIGHT)
            columns |= dict.fromkeys(self.layer_biases[layer], Role.BIAS)
            role = Role.OUTPUT if neurons is self.outputs else Role.HIDDEN
            columns |= dict.fromkeys((name for pair in neurons for name in pair), role)
        columns |= dict.fromkeys((*self.errors, TOTAL_ERROR), Role.ERROR)
        columns |= dict.fromkeys(self._intermediate_columns, Role.GRADIENT)
        columns |= dict.fromkeys(map(self.gradient, self.trained), Role.GRADIENT)
        states = [e.name for e in self._update if self.quantities[e.name].kind is Kind.STATE]
        columns |= dict.fromkeys(states, Role.STATE)
        if self.has_sample_column:
            columns[self._add(MEAN_ERROR, Kind.MEAN)] = Role.MEAN
        return columns

    def _in_cells(self) -> tuple[dict[str, Expression], dict[str, Expression]]:
        """Return the formulas of the columns, and the derivatives that they contain."""
        within_row: dict[str, Expression] = {}
        inlined: dict[str, Expression] = {}
        for equation in (*self._forward.values(), *self._backward):
            rhs = substitute(equation.rhs, inlined)
            if equation.name in self.columns:
                within_row[equation.name] = rhs
            else:
                inlined[equation.name] = rhs
        return within_row, inlined

    # --- queries ---

    @staticmethod
    def gradient(parameter: str) -> str:
        """Return the name of the derivative of the error by a quantity: ``∂E/∂w1``."""
        return f"∂E/∂{parameter}"

    @cached_property
    def correct(self) -> Mapping[str, Expression]:
        """The right-hand side of every computed column."""
        return {**self.within_row, **self.updates}

    @cached_property
    def definitions(self) -> Mapping[str, Expression]:
        """The right-hand sides within a row, also of the derivatives without a column."""
        return {**self.within_row, **self.inlined}

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The optimizer's state columns."""
        return tuple(name for name, role in self.columns.items() if role is Role.STATE)

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """The names with one value for the whole table: η and the hyperparameters."""
        return (LEARNING_RATE, *self.hyperparameters)


def hyperparameter_key(system: EquationSystem, symbol: str) -> str:
    """Return the key of a hyperparameter in exercise files: ``momentum`` for μ."""
    return next(one.key for one in OPTIMIZERS[system.training.optimizer] if one.symbol == symbol)


def _from_1(count: int) -> range:
    return range(1, count + 1)


def _add_up(terms: list[Expression]) -> Expression:
    return reduce(lambda left, right: Operation("+", left, right), terms)


def _average(beta: Name, before: Name, new: Expression) -> Expression:
    """Return an exponential moving average: ``β*before + (1 - β)*new``."""
    share = Operation("-", ONE, beta)
    return Operation("+", Operation("*", beta, before), Operation("*", share, new))


def _corrected(state: Name, beta: Name, n: Name) -> Expression:
    """Apply Adam's bias correction: ``state/(1 - βⁿ)``."""
    return Operation("/", state, Operation("-", ONE, Operation("^", beta, n)))


def _scaled(eta: Name, step: Expression) -> Expression:
    match step:
        case Operation("/", left, right):
            return Operation("/", Operation("*", eta, left), right)
    return Operation("*", eta, step)
