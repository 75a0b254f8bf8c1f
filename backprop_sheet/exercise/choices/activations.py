"""The activations, each defined once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backprop_sheet.exercise.choices.named_choice import named_choice
from backprop_sheet.symbolic.expressions import (
    ONE,
    ZERO,
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    add_up,
)
from backprop_sheet.symbolic.functions import CLIP
from backprop_sheet.symbolic.prose import NOTHING, Equality, Sentence, sentence
from backprop_sheet.symbolic.rendering import to_text

Mistakes = Iterator[tuple[Expression, str]]


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
    power = Call("exp", (Negative(argument),))
    yield (
        Operation("/", ONE, Operation("-", ONE, power)),
        f"a wrong sign in the sigmoid: 1 - exp(-{inner}) instead of 1 + exp(-{inner})",
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
            words = f"{to_text(gone)} is missing in the sum of all exponentials"
            yield Operation("/", own, add_up(rest)), words


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
    return named_choice(ACTIVATIONS, name, "activation")
