"""The activations, losses and optimizers of an exercise, each defined once.

Everything that is true of one activation, loss or optimizer stands in its definition here: its
expression, its bound, its words, its spellings in headers, and the mistakes that are its own. The
functions that the expressions call are in :mod:`backprop_sheet.symbolic.functions`, each with its
derivative, its Excel formula and its LaTeX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeVar

from backprop_sheet.exercise.model import Training
from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    ZERO,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
)
from backprop_sheet.symbolic.functions import CLIP
from backprop_sheet.symbolic.prose import NOTHING, Equality, Sentence, sentence
from backprop_sheet.symbolic.rendering import to_text
from gradsheet.errors import InvalidInputError

# What the velocity is: the sum μ*v + g, as in PyTorch and TensorFlow, or the moving average
# μ*v + (1 - μ)*g, as in Andrew Ng's Deep Learning Specialization (2017).
MOMENTUM_FORMS = ("sum", "average")

Mistakes = Iterator[tuple[Expression, str]]

Choice = TypeVar("Choice")


# --- activations ----------------------------------------------------------------------------------


def _no_mistakes(call: Call) -> Mistakes:
    return iter(())


@dataclass(frozen=True)
class Activation:
    """An activation.

    Attributes:
        name: its name in exercise files.
        function: the function of expressions that computes it.
        words: its name within a sentence.
        sentence: what it does.
        definition: what its function and the derivative are, if the name does not tell.
        clips: the lowest and the highest value that cells show, if cells clip it.
        bound: the largest magnitude of its values, if cells do not clip it.
        largest_slope: the largest magnitude of its derivative.
        cell_note: what a reader of the workbook's formulas needs to know.
        spellings: the words that stand for it in headers.
        takes_layer: whether it is computed from all sums of its layer, which must be the last.
        is_identity: whether it is equal to its sum, so that a table needs only one of the two.
        mistakes: the wrong versions of a call that only this activation has, with their causes.
        inverse: returns a sum that has this value, if the derivative is written with the value, as
            a*(1 - a); of softmax, up to a term that all sums of the layer share.
    """

    name: str
    function: str
    words: str
    sentence: Sentence
    definition: Sentence = NOTHING
    clips: tuple[float, float] | None = None
    bound: float = 1.0
    largest_slope: float = 1.0
    cell_note: str = ""
    spellings: tuple[str, ...] = ()
    takes_layer: bool = False
    is_identity: bool = False
    mistakes: Callable[[Call], Mistakes] = _no_mistakes
    inverse: Callable[[Expression], Expression] | None = None

    @property
    def largest(self) -> float:
        """The largest magnitude of its values in cells."""
        return max(map(abs, self.clips)) if self.clips else self.bound

    def call(self, x: Name, sums: tuple[Name, ...]) -> Call:
        """Return the activation of the sum ``x``; ``sums`` are all sums of its layer."""
        return Call(self.function, (x, *sums) if self.takes_layer else (x,))


def _sigmoid_mistakes(call: Call) -> Mistakes:
    [argument] = call.arguments
    inner = to_text(argument)
    positive = Operation("+", ONE, Call("exp", (argument,)))
    yield (
        Operation("/", ONE, positive),
        f"a wrong sign in the sigmoid: exp({inner}) instead of exp(-{inner})",
    )
    yield (
        Operation("*", call, Operation("-", ONE, call)),
        "the sigmoid's derivative instead of the sigmoid",
    )


def _softmax_mistakes(call: Call) -> Mistakes:
    x, *sums = call.arguments
    own = Call("exp", (x,))
    yield own, "the division by the sum of all exponentials is missing"
    yield Call("σ", (x,)), "the sigmoid instead of softmax"
    exponentials = [Call("exp", (each,)) for each in sums]
    for gone in exponentials:
        rest: list[Expression] = [each for each in exponentials if each != gone]
        if rest:
            total = reduce(lambda left, right: Operation("+", left, right), rest)
            words = f"{to_text(gone)} is missing in the sum of all exponentials"
            yield Operation("/", own, total), words


_X = Name("x")
_SIGMOID = Operation("/", ONE, Operation("+", ONE, Call("exp", (Negative(_X),))))

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation(
            "sigmoid",
            function="σ",
            words="the sigmoid",
            sentence=sentence(
                "The sigmoid ",
                Equality(Call("σ", (_X,)), _SIGMOID),
                " maps any sum to a value between 0 and 1.",
            ),
            cell_note="σ(x) = 1/(1 + exp(-x)) is the sigmoid. Cells compute it as "
            "1/(1+EXP(MIN(-x,700))), because Excel's EXP gives the error #NUM! above about 709. "
            "The MIN changes the result only if x is below -700, where σ(x) is smaller than "
            "1E-303.",
            spellings=("σ", "sigmoid", "sig", "sigma"),
            mistakes=_sigmoid_mistakes,
            inverse=lambda a: Call("log", (Operation("/", a, Operation("-", ONE, a)),)),
        ),
        Activation(
            "tanh",
            function="tanh",
            words="tanh",
            sentence=sentence("The hyperbolic tangent maps any sum to a value between -1 and 1."),
            spellings=("tanh",),
            inverse=lambda a: Operation(
                "*",
                Number(0.5),
                Call("log", (Operation("/", Operation("+", ONE, a), Operation("-", ONE, a)),)),
            ),
        ),
        Activation(
            "relu",
            function="relu",
            words="ReLU",
            sentence=sentence("ReLU keeps a positive sum and replaces a negative sum by 0."),
            definition=sentence(
                "relu(x) is ",
                Call("max", (ZERO, _X)),
                ". Its derivative, written step(x), is 1 "
                "if x is positive and 0 if x is negative. At 0, where there is no derivative, 0 is "
                "used, as in TensorFlow.",
            ),
            clips=(0.0, CLIP),
            spellings=("relu",),
        ),
        Activation(
            "linear",
            function="linear",
            words="the identity",
            sentence=sentence("The activation is linear: it is equal to the sum."),
            is_identity=True,
            clips=(-CLIP, CLIP),
        ),
        Activation(
            "softmax",
            function="softmax",
            words="softmax",
            sentence=sentence(
                "Softmax turns the sums of the output layer into positive numbers that add up to 1."
            ),
            cell_note="Cells subtract the largest sum from each exponent of the softmax. This "
            "does not change the result, and it prevents an overflow.",
            spellings=("softmax",),
            takes_layer=True,
            mistakes=_softmax_mistakes,
            inverse=lambda a: Call("log", (a,)),
        ),
    )
}


def activation_named(name: str) -> Activation:
    """Return an activation.

    Raises:
        InvalidInputError: there is no such activation.
    """
    return _named(ACTIVATIONS, name, "activation")


# --- losses ---------------------------------------------------------------------------------------


def _no_sign(derivative: Name, t: Name, a: Name) -> Sentence:
    return NOTHING


def _largest_error(distance: float) -> float:
    return 700 * distance * distance  # |ln| is at most 691 in cells


def _largest_error_slope(distance: float) -> float:
    return 4.0 * distance


@dataclass(frozen=True)
class Loss:
    """A loss. The total error of a sample is the sum of the errors of its outputs.

    Attributes:
        name: its name in exercise files.
        error: returns the error of one output from the target, the output and their number.
        words: its name within a sentence.
        sentences: explains the error of one output, for a number of outputs.
        sign: explains the sign of the error's derivative by the output; gets the names of the
            derivative, the target and the output. Without it, the documents do not explain it.
        outputs: the activations of the last layer that it allows; empty for all.
        largest: bounds the error by the largest distance of an output from its target.
        largest_slope: bounds the derivative of the error by an output's sum likewise, for an
            activation whose slope is at most 1.
        takes_logarithm: whether the error has the logarithm of an output.
        is_of_class: whether the targets of a sample are a class: they add up to 1.
        is_of_two_classes: whether the target of a single output is a class, 0 or 1.
    """

    name: str
    error: Callable[[Name, Name, int], Expression]
    words: str
    sentences: Callable[[int], tuple[Sentence, ...]]
    outputs: tuple[str, ...] = ()
    largest: Callable[[float], float] = _largest_error
    largest_slope: Callable[[float], float] = _largest_error_slope
    sign: Callable[[Name, Name, Name], Sentence] = _no_sign
    takes_logarithm: bool = False
    is_of_class: bool = False
    is_of_two_classes: bool = False

    @property
    def title(self) -> str:
        """Its name without an article: ``half squared error``."""
        return self.name.replace("_", " ").replace("cross entropy", "cross-entropy")


def _squared(t: Name, a: Name) -> Expression:
    return Operation("^", Operation("-", t, a), TWO)


def _half_squared_error(t: Name, a: Name, outputs: int) -> Expression:
    return Operation("*", Number(0.5, "½"), _squared(t, a))


def _squared_error(t: Name, a: Name, outputs: int) -> Expression:
    return _squared(t, a)


def _mean_squared_error(t: Name, a: Name, outputs: int) -> Expression:
    squared = _squared(t, a)
    return Operation("/", squared, Number(float(outputs))) if outputs > 1 else squared


def _cross_entropy(t: Name, a: Name, outputs: int) -> Expression:
    return Operation("*", Negative(t), Call("ln", (a,)))


def _binary_cross_entropy(t: Name, a: Name, outputs: int) -> Expression:
    not_t, not_a = Operation("-", ONE, t), Operation("-", ONE, a)
    return Operation(
        "-", _cross_entropy(t, a, outputs), Operation("*", not_t, Call("ln", (not_a,)))
    )


def _sign_of_square(derivative: Name, t: Name, a: Name) -> Sentence:
    right, wrong = Operation("-", a, t), Operation("-", t, a)
    return sentence(
        derivative, " has ", right, " and not ", wrong, ": by the chain rule, the derivative of "
        "the square is multiplied by that of ", wrong, ", which is ", Negative(ONE), ". So it is "
        "positive if the output is too large, and the update, which subtracts the gradient, makes "
        "the output smaller.",
    )  # fmt: skip


def _sign_of_logarithm(derivative: Name, t: Name, a: Name) -> Sentence:
    return sentence(
        "The minus sign in the error makes ", derivative, " negative where ", t, " is 1: the error "
        "falls as this output grows, and the update, which subtracts the gradient, lets it grow.",
    )  # fmt: skip


_SQUARED_DIFFERENCE = sentence("The squared difference between target and output.")


def _mean_squared_error_sentences(outputs: int) -> tuple[Sentence, ...]:
    if outputs == 1:
        return (_SQUARED_DIFFERENCE,)  # the mean over one output has no divisor
    text = (
        f"The squared difference between target and output, divided by {outputs}, the number of "
        f"outputs. The sum of these {outputs} errors is the mean squared error."
    )
    return (sentence(text),)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "half_squared_error",
            _half_squared_error,
            "half the squared error",
            lambda outputs: (
                sentence(
                    "Half the squared difference between target and output. The factor ½ cancels "
                    "the factor 2 in the derivative of the square."
                ),
            ),
            sign=_sign_of_square,
        ),
        Loss(
            "squared_error",
            _squared_error,
            "the squared error",
            lambda outputs: (_SQUARED_DIFFERENCE,),
            sign=_sign_of_square,
        ),
        Loss(
            "mean_squared_error",
            _mean_squared_error,
            "the mean squared error",
            _mean_squared_error_sentences,
            sign=_sign_of_square,
        ),
        Loss(
            "binary_cross_entropy",
            _binary_cross_entropy,
            "the binary cross-entropy",
            lambda outputs: (
                sentence(
                    "The binary cross-entropy of target and output. It is smallest if the two are "
                    "equal, and very large if the target is 0 and the output close to 1, or the "
                    "reverse."
                ),
            ),
            outputs=("sigmoid",),
            sign=_sign_of_logarithm,
            takes_logarithm=True,
            is_of_two_classes=True,
        ),
        Loss(
            "cross_entropy",
            _cross_entropy,
            "the cross-entropy",
            lambda outputs: (
                sentence(
                    "The term of one output in the cross-entropy. If its target is 1, it grows as "
                    "the output falls below 1. If its target is 0, it is 0."
                ),
            ),
            outputs=("softmax", "sigmoid"),
            sign=_sign_of_logarithm,
            takes_logarithm=True,
            is_of_class=True,
        ),
    )
}


def loss_named(name: str) -> Loss:
    """Return a loss.

    Raises:
        InvalidInputError: there is no such loss.
    """
    return _named(LOSSES, name, "loss")


# --- optimizers -----------------------------------------------------------------------------------


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
    return _named(OPTIMIZERS, name, "optimizer")


def update_rule(training: Training) -> UpdateRule:
    """Return the update rule of a training."""
    return optimizer_named(training.optimizer).rule(training)


def hyperparameter_key(training: Training, symbol: str) -> str:
    """Return the key of a hyperparameter in exercise files: ``momentum`` for μ."""
    hyperparameters = optimizer_named(training.optimizer).hyperparameters
    return next(one.key for one in hyperparameters if one.symbol == symbol)


def _named(choices: Mapping[str, Choice], name: str, kind: str) -> Choice:
    if name not in choices:
        raise InvalidInputError(f"unknown {kind} {name!r}: it must be one of {', '.join(choices)}")
    return choices[name]
