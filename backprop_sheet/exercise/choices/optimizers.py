"""The optimizers with their hyperparameters, each defined once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from backprop_sheet.exercise.choices.named_choice import named_choice
from backprop_sheet.exercise.model import Training
from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    Call,
    Expression,
    Name,
    Operation,
)
from backprop_sheet.symbolic.prose import Sentence, sentence

# What the velocity is: the sum μ*v + g, as in PyTorch and TensorFlow, or the moving average
# μ*v + (1 - μ)*g, as in Andrew Ng's Deep Learning Specialization (2017).
MOMENTUM_FORMS = ("sum", "average")


@dataclass(frozen=True)
class Hyperparameter:
    """A number that an optimizer needs in addition to the learning rate.

    Attributes:
        key: its name in the file.
        symbol: its name in formulas.
        low: the smallest allowed value.
        high: the upper limit, which is not itself allowed.
        is_divisor: whether a smaller value gives larger numbers in the table.
    """

    key: str
    symbol: str
    default: float
    low: float
    high: float
    is_divisor: bool = False


# The defaults are from the papers: Kingma and Ba (2015) for Adam, Hinton's lecture 6e (2012) for
# RMSprop, Loshchilov and Hutter (2019) for AdamW.
_SHARE = (0.0, 1.0)
MOMENTUM = Hyperparameter("momentum", "μ", 0.0, *_SHARE)
RHO = Hyperparameter("rho", "ρ", 0.9, *_SHARE)
BETA_1 = Hyperparameter("beta_1", "β1", 0.9, *_SHARE)
BETA_2 = Hyperparameter("beta_2", "β2", 0.999, *_SHARE)
EPSILON = Hyperparameter("epsilon", "ε", 1e-8, 1e-12, 1.0, is_divisor=True)
WEIGHT_DECAY = Hyperparameter("weight_decay", "λ", 0.01, *_SHARE)

_MU, _RHO, _BETA_1, _BETA_2, _EPSILON, _LAMBDA = (
    Name(each.symbol) for each in (MOMENTUM, RHO, BETA_1, BETA_2, EPSILON, WEIGHT_DECAY)
)

Values = Mapping[str, float]  # of hyperparameters, by symbol


@dataclass(frozen=True)
class State:
    """A state that an update rule keeps for every trained parameter.

    Attributes:
        letter: the state of the parameter w1 is named ``<letter>_w1``.
        update: returns its new value from its previous value and the gradient.
        sentence: explains it; gets the words for the gradient.
    """

    letter: str
    update: Callable[[Name, Expression], Expression]
    sentence: Callable[[str], Sentence]

    def name(self, parameter: str) -> str:
        """Return the name of the state of a parameter."""
        return f"{self.letter}_{parameter}"


@dataclass(frozen=True)
class UpdateRule:
    """How one update changes a parameter: by η times a step, which is subtracted.

    Attributes:
        words: its name within a sentence.
        step: returns the step from the parameter's name, the gradient, and n, the number of the
            update.
        sentences: explains it; gets the words for the gradient and for η.
        largest_step: bounds the step from the hyperparameters, the number of iterations and the
            largest gradient.
        largest_state: bounds the states likewise.
        decays: whether the parameter is first multiplied by 1 - η·λ.
        torch, keras: PyTorch's and Keras' own optimizer that is defined alike, as a call; {} stands
            for the list of parameters. Without it, programs write the update out.
    """

    words: str
    step: Callable[[str, Expression, Name], Expression]
    sentences: Callable[[str, Name], tuple[Sentence, ...]]
    largest_step: Callable[[Values, int, float], float]
    largest_state: Callable[[Values, int, float], float]
    states: tuple[State, ...] = ()
    decays: bool = False
    torch: str = ""
    keras: str = ""


def _average(beta: Name) -> Callable[[Name, Expression], Expression]:
    """Return an exponential moving average: ``β*before + (1 - β)*g``."""

    def update(before: Name, g: Expression) -> Expression:
        share = Operation("-", ONE, beta)
        return Operation("+", Operation("*", beta, before), Operation("*", share, g))

    return update


def _average_of_squares(beta: Name) -> Callable[[Name, Expression], Expression]:
    average = _average(beta)
    return lambda before, g: average(before, Operation("^", g, TWO))


def _average_sentence(of: str, beta: Name, words: str) -> Callable[[str], Sentence]:
    """Explain an exponential moving average; ``words`` come before those for the gradient."""
    share = Operation("-", ONE, beta)
    return lambda gradient: sentence(
        f"A moving average of the {of}: ",
        beta,
        " times the previous average, plus ",
        share,
        f" times {words}{gradient}.",
    )


_VELOCITY = State(
    "v",
    lambda before, g: Operation("+", Operation("*", _MU, before), g),
    lambda gradient: sentence(
        "The velocity: ", _MU, f" times the previous velocity, plus {gradient}."
    ),
)
_AVERAGE_VELOCITY = State("v", _average(_MU), _average_sentence("gradient", _MU, ""))
_AVERAGE = State(
    "m",
    _average(_BETA_1),
    _average_sentence("gradient", _BETA_1, ""),
)
_SQUARES, _RHO_SQUARES = (
    State(
        letter,
        _average_of_squares(beta),
        _average_sentence("squared gradient", beta, "the square of "),
    )
    for letter, beta in (("v", _BETA_2), ("s", _RHO))
)


def _corrected(state: Name, beta: Name, n: Name) -> Expression:
    """Apply Adam's bias correction: ``state/(1 - βⁿ)``."""
    return Operation("/", state, Operation("-", ONE, Operation("^", beta, n)))


def _adam_step(parameter: str, g: Expression, n: Name) -> Expression:
    m_hat = _corrected(Name(_AVERAGE.name(parameter)), _BETA_1, n)
    v_hat = _corrected(Name(_SQUARES.name(parameter)), _BETA_2, n)
    return Operation("/", m_hat, Operation("+", Call("sqrt", (v_hat,)), _EPSILON))


def _rmsprop_step(parameter: str, g: Expression, n: Name) -> Expression:
    root = Call("sqrt", (Name(_RHO_SQUARES.name(parameter)),))
    return Operation("/", g, Operation("+", root, _EPSILON))


def _nesterov_step(parameter: str, g: Expression, n: Name) -> Expression:
    return Operation("+", g, Operation("*", _MU, Name(_VELOCITY.name(parameter))))


def _largest_velocity(values: Values, iterations: int, gradient: float) -> float:
    return gradient * min(iterations, 1 / (1 - values.get(MOMENTUM.symbol, 0.0)))


def _largest_momentum_step(values: Values, iterations: int, gradient: float) -> float:
    return 2 * _largest_velocity(values, iterations, gradient)  # with Nesterov's, g + μ·v


def _largest_average(values: Values, iterations: int, gradient: float) -> float:
    return max(gradient, gradient * gradient)


def _largest_rmsprop_step(values: Values, iterations: int, gradient: float) -> float:
    """Bound RMSprop's step, which is bounded for any gradients."""
    return min(gradient / values[EPSILON.symbol], 1 / math.sqrt(1 - values[RHO.symbol]))


def _largest_adam_step(values: Values, iterations: int, gradient: float) -> float:
    """Bound Adam's step: for any gradients if β1² < β2, by the Cauchy-Schwarz inequality."""
    beta_1, beta_2 = values[BETA_1.symbol], values[BETA_2.symbol]
    largest = gradient / values[EPSILON.symbol]
    if beta_1 * beta_1 < beta_2:
        ratio = 1 - beta_1 * beta_1 / beta_2
        largest = min(largest, 1 / math.sqrt((1 - beta_2) * ratio))
    return largest


_NO_DIVISION_BY_0 = sentence(_EPSILON, " prevents a division by 0.")


def _adam_sentences(gradient: str, eta: Name) -> tuple[Sentence, ...]:
    n = Name("n")
    first, second = (Operation("-", ONE, Operation("^", beta, n)) for beta in (_BETA_1, _BETA_2))
    return (
        sentence(
            "Adam: the step is ",
            eta,
            " times the average of the gradient, divided by the square "
            "root of the average of the squared gradient.",
        ),
        sentence(
            "Both averages start at 0; dividing by ",
            first,
            " and ",
            second,
            ", where ",
            n,
            " is the number of the update, corrects for this (bias correction).",
        ),
        _NO_DIVISION_BY_0,
    )


_GRADIENT_DESCENT = UpdateRule(
    "gradient descent",
    step=lambda parameter, g, n: g,
    sentences=lambda gradient, eta: (
        sentence("Move against the gradient; the step is ", eta, f" times {gradient}."),
    ),
    largest_step=_largest_momentum_step,
    largest_state=_largest_velocity,
    torch="SGD({}, lr=η)",
    keras="SGD(learning_rate=η)",
)
_MOMENTUM_RULE = UpdateRule(
    "gradient descent with momentum",
    step=lambda parameter, g, n: Name(_VELOCITY.name(parameter)),
    sentences=lambda gradient, eta: (
        sentence("Momentum: the step is ", eta, " times the new velocity."),
    ),
    largest_step=_largest_momentum_step,
    largest_state=_largest_velocity,
    states=(_VELOCITY,),
    torch="SGD({}, lr=η, momentum=μ)",
    keras="SGD(learning_rate=η, momentum=np.float64(μ))",
)
_NESTEROV_RULE = replace(
    _MOMENTUM_RULE,
    words="gradient descent with Nesterov momentum",
    step=_nesterov_step,
    sentences=lambda gradient, eta: (
        sentence(
            "Nesterov momentum: add ",
            _MU,
            f" times the new velocity to {gradient}; the step is ",
            eta,
            " times this sum.",
        ),
    ),
    torch="SGD({}, lr=η, momentum=μ, nesterov=True)",
    keras="SGD(learning_rate=η, momentum=np.float64(μ), nesterov=True)",
)
_AVERAGE_MOMENTUM_RULE = replace(
    _MOMENTUM_RULE,
    words="gradient descent with momentum as a moving average",
    sentences=lambda gradient, eta: (
        sentence("Momentum: the step is ", eta, " times the moving average of the gradient."),
    ),
    largest_step=lambda values, iterations, gradient: gradient,
    largest_state=lambda values, iterations, gradient: gradient,
    states=(_AVERAGE_VELOCITY,),
    torch="",
    keras="",
)
_RMSPROP_RULE = UpdateRule(
    "RMSprop",
    step=_rmsprop_step,
    sentences=lambda gradient, eta: (
        sentence(
            "RMSprop: the step is ",
            eta,
            f" times {gradient}, divided by the square root of the "
            "average of the squared gradient.",
        ),
        _NO_DIVISION_BY_0,
    ),
    largest_step=_largest_rmsprop_step,
    largest_state=_largest_average,
    states=(_RHO_SQUARES,),
    torch="RMSprop({}, lr=η, alpha=ρ, eps=ε)",
)
_ADAM_RULE = UpdateRule(
    "Adam",
    step=_adam_step,
    sentences=_adam_sentences,
    largest_step=_largest_adam_step,
    largest_state=_largest_average,
    states=(_AVERAGE, _SQUARES),
    torch="Adam({}, lr=η, betas=(β1, β2), eps=ε)",
)
_ADAMW_RULE = replace(
    _ADAM_RULE,
    words="AdamW",
    sentences=lambda gradient, eta: (
        sentence(
            "Weight decay: first subtract ",
            Operation("*", eta, _LAMBDA),
            " times the parameter itself.",
        ),
        *_adam_sentences(gradient, eta),
    ),
    decays=True,
    torch="AdamW({}, lr=η, betas=(β1, β2), eps=ε, weight_decay=λ)",
)


@dataclass(frozen=True)
class Optimizer:
    """An optimizer. The papers are named where its hyperparameters are defined.

    Attributes:
        name: its name in exercise files.
        left_out: the words for what is left out if the update is plain gradient descent.
        rule: its update rule, which can depend on other values of the training.
        variants: the trainings that students confuse with one of this optimizer, with the words
            for the mistake.
    """

    name: str
    left_out: str
    hyperparameters: tuple[Hyperparameter, ...]
    rule: Callable[[Training], UpdateRule]
    variants: Callable[[Training], Iterator[tuple[Training, str]]] = lambda training: iter(())


def _sgd_rule(training: Training) -> UpdateRule:
    if not training.hyperparameters:
        return _GRADIENT_DESCENT
    if training.momentum_form == "average":
        return _AVERAGE_MOMENTUM_RULE
    return _NESTEROV_RULE if training.nesterov else _MOMENTUM_RULE


def _sgd_variants(training: Training) -> Iterator[tuple[Training, str]]:
    if not training.hyperparameters:
        return
    is_average = training.momentum_form == "average"
    forms = ("the sum μ*v + g", "the moving average μ*v + (1 - μ)*g")
    found, right = forms if is_average else forms[::-1]
    other = replace(training, momentum_form="sum" if is_average else "average", nesterov=False)
    yield other, f"{found} as velocity instead of {right}"
    if not is_average:
        words = ("momentum", "Nesterov momentum")
        found, right = words if training.nesterov else words[::-1]
        yield replace(training, nesterov=not training.nesterov), f"{found} instead of {right}"


def _adamw_variants(training: Training) -> Iterator[tuple[Training, str]]:
    yield replace(training, optimizer="adam"), "the weight decay is left out"


OPTIMIZERS: dict[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        # Momentum: v ← μ*v + g or v ← μ*v + (1 - μ)*g, and the step is η*v.
        Optimizer("sgd", "momentum", (MOMENTUM,), _sgd_rule, _sgd_variants),
        Optimizer("rmsprop", "RMSprop", (RHO, EPSILON), lambda training: _RMSPROP_RULE),
        Optimizer("adam", "Adam", (BETA_1, BETA_2, EPSILON), lambda training: _ADAM_RULE),
        Optimizer(
            "adamw",
            "Adam",
            (BETA_1, BETA_2, EPSILON, WEIGHT_DECAY),
            lambda training: _ADAMW_RULE,
            _adamw_variants,
        ),
    )
}


def optimizer_named(name: str) -> Optimizer:
    """Return an optimizer.

    Raises:
        InvalidInputError: there is no such optimizer.
    """
    return named_choice(OPTIMIZERS, name, "optimizer")


def update_rule(training: Training) -> UpdateRule:
    """Return the update rule of a training."""
    return optimizer_named(training.optimizer).rule(training)


def hyperparameter_key(training: Training, symbol: str) -> str:
    """Return the key of a hyperparameter in exercise files: ``momentum`` for μ."""
    hyperparameters = optimizer_named(training.optimizer).hyperparameters
    return next(one.key for one in hyperparameters if one.symbol == symbol)
