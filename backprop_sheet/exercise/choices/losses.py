"""The losses, each defined once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backprop_sheet.exercise.choices.named_choice import named_choice
from backprop_sheet.symbolic.expressions import (
    ONE,
    TWO,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
)
from backprop_sheet.symbolic.prose import NOTHING, Sentence, sentence


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
    return named_choice(LOSSES, name, "loss")
