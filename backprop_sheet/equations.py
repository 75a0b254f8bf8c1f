"""The one table of the exercise's equations. Values, formulas, the equations page and the audit
all come from here: a change of the network is a change of this table and of nothing else.

Source: the 2-2-2 example of Matt Mazur, "A Step by Step Backpropagation Example" (2015), without
its biases, in the notation that the course gave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backprop_sheet.expression import Expression, parse, substitute


class Role(StrEnum):
    """What a column of the table is for; it decides the column's colour."""

    GIVEN = "given"
    WEIGHT = "weights"
    HIDDEN = "hidden"
    OUTPUT = "output"
    ERROR = "error"
    GRADIENT = "gradient"


class Step(StrEnum):
    """The part of an iteration that an equation belongs to."""

    FORWARD = "Forward pass"
    ERROR = "Error"
    BACKWARD = "Backward pass"
    UPDATE = "Update"


@dataclass(frozen=True)
class Equation:
    """``name = right``, what it is for, and for a gradient the chain rule's way to it."""

    step: Step
    name: str
    written: str
    why: str
    chain: str = ""

    @property
    def right(self) -> Expression:
        """The right-hand side as it stands in a cell: intermediate quantities written out."""
        return _RIGHT[self.name]


LEARNING_RATE = "η"
INPUTS = ("i1", "i2")
TARGETS = ("t1", "t2")
WEIGHTS = ("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8")

# The table's columns, left to right, as everyone who does the exercise lays them out.
COLUMNS: dict[str, Role] = {
    **dict.fromkeys((*TARGETS, *INPUTS), Role.GIVEN),
    **dict.fromkeys(WEIGHTS[:4], Role.WEIGHT),
    **dict.fromkeys(("h1", "a_h1", "h2", "a_h2"), Role.HIDDEN),
    **dict.fromkeys(WEIGHTS[4:], Role.WEIGHT),
    **dict.fromkeys(("o1", "a_o1", "o2", "a_o2"), Role.OUTPUT),
    **dict.fromkeys(("E1", "E2", "E_total"), Role.ERROR),
    **dict.fromkeys((f"∂E/∂{weight}" for weight in WEIGHTS), Role.GRADIENT),
}

_F, _E, _B, _U = Step.FORWARD, Step.ERROR, Step.BACKWARD, Step.UPDATE

# In the order of computation. ∂E/∂a_h1 and ∂E/∂a_h2 have no column of their own: the formulas of
# w1 to w4 contain them.
EQUATIONS: tuple[Equation, ...] = (
    Equation(
        _F,
        "h1",
        "w1*i1 + w2*i2",
        "The first hidden neuron adds up its two inputs, each times the weight of its connection.",
    ),
    Equation(
        _F,
        "a_h1",
        "σ(h1)",
        "Its activation: σ(x) = 1/(1 + exp(-x)) squeezes any sum into the range 0 to 1.",
    ),
    Equation(
        _F, "h2", "w3*i1 + w4*i2", "The second hidden neuron: the same inputs, its own weights."
    ),
    Equation(_F, "a_h2", "σ(h2)", "The second hidden neuron's activation."),
    Equation(
        _F,
        "o1",
        "w5*a_h1 + w6*a_h2",
        "The first output neuron adds up the hidden activations (not the sums h1 and h2).",
    ),
    Equation(_F, "a_o1", "σ(o1)", "What the network answers at its first output."),
    Equation(_F, "o2", "w7*a_h1 + w8*a_h2", "The second output neuron, with its own weights."),
    Equation(_F, "a_o2", "σ(o2)", "What the network answers at its second output."),
    Equation(
        _E,
        "E1",
        "½*(t1 - a_o1)²",
        "Half the squared distance from the target; the ½ goes when it is differentiated.",
    ),
    Equation(_E, "E2", "½*(t2 - a_o2)²", "The same for the second output."),
    Equation(_E, "E_total", "E1 + E2", "The one number that gradient descent makes smaller."),
    Equation(
        _B,
        "∂E/∂w5",
        "(a_o1 - t1)*a_o1*(1 - a_o1)*a_h1",
        "Only E1 depends on w5, and it does so through a_o1 and o1: three derivatives multiplied.",
        "∂E/∂w5 = ∂E1/∂a_o1 * ∂a_o1/∂o1 * ∂o1/∂w5 with ∂E1/∂a_o1 = a_o1 - t1, "
        "∂a_o1/∂o1 = a_o1*(1 - a_o1), ∂o1/∂w5 = a_h1",
    ),
    Equation(
        _B,
        "∂E/∂w6",
        "(a_o1 - t1)*a_o1*(1 - a_o1)*a_h2",
        "As for w5, but w6 comes from the second hidden neuron: its activation a_h2 stands last.",
        "∂E/∂w6 = ∂E1/∂a_o1 * ∂a_o1/∂o1 * ∂o1/∂w6 with ∂o1/∂w6 = a_h2",
    ),
    Equation(
        _B,
        "∂E/∂w7",
        "(a_o2 - t2)*a_o2*(1 - a_o2)*a_h1",
        "w7 leads to the second output, so everything with o1 becomes the same with o2.",
        "∂E/∂w7 = ∂E2/∂a_o2 * ∂a_o2/∂o2 * ∂o2/∂w7 with ∂o2/∂w7 = a_h1",
    ),
    Equation(
        _B,
        "∂E/∂w8",
        "(a_o2 - t2)*a_o2*(1 - a_o2)*a_h2",
        "From the second hidden neuron to the second output.",
        "∂E/∂w8 = ∂E2/∂a_o2 * ∂a_o2/∂o2 * ∂o2/∂w8 with ∂o2/∂w8 = a_h2",
    ),
    Equation(
        _B,
        "∂E/∂a_h1",
        "(a_o1 - t1)*a_o1*(1 - a_o1)*w5 + (a_o2 - t2)*a_o2*(1 - a_o2)*w7",
        "The first hidden neuron feeds both outputs: the blame comes back on both ways and is "
        "added up.",
        "∂E/∂a_h1 = ∂E1/∂a_o1 * ∂a_o1/∂o1 * ∂o1/∂a_h1 + ∂E2/∂a_o2 * ∂a_o2/∂o2 * ∂o2/∂a_h1 "
        "with ∂o1/∂a_h1 = w5, ∂o2/∂a_h1 = w7",
    ),
    Equation(
        _B,
        "∂E/∂a_h2",
        "(a_o1 - t1)*a_o1*(1 - a_o1)*w6 + (a_o2 - t2)*a_o2*(1 - a_o2)*w8",
        "The same for the second hidden neuron, which reaches the outputs through w6 and w8.",
        "∂E/∂a_h2 = ∂E1/∂a_o1 * ∂a_o1/∂o1 * ∂o1/∂a_h2 + ∂E2/∂a_o2 * ∂a_o2/∂o2 * ∂o2/∂a_h2 "
        "with ∂o1/∂a_h2 = w6, ∂o2/∂a_h2 = w8",
    ),
    Equation(
        _B,
        "∂E/∂w1",
        "∂E/∂a_h1*a_h1*(1 - a_h1)*i1",
        "From the activation back through its sigmoid to the weight; the input i1 stands last.",
        "∂E/∂w1 = ∂E/∂a_h1 * ∂a_h1/∂h1 * ∂h1/∂w1 with ∂a_h1/∂h1 = a_h1*(1 - a_h1), ∂h1/∂w1 = i1",
    ),
    Equation(
        _B,
        "∂E/∂w2",
        "∂E/∂a_h1*a_h1*(1 - a_h1)*i2",
        "As for w1, with the input that w2 carries.",
        "∂E/∂w2 = ∂E/∂a_h1 * ∂a_h1/∂h1 * ∂h1/∂w2 with ∂h1/∂w2 = i2",
    ),
    Equation(
        _B,
        "∂E/∂w3",
        "∂E/∂a_h2*a_h2*(1 - a_h2)*i1",
        "The second hidden neuron's own blame and its own sigmoid: a_h2, not a_h1.",
        "∂E/∂w3 = ∂E/∂a_h2 * ∂a_h2/∂h2 * ∂h2/∂w3 with ∂a_h2/∂h2 = a_h2*(1 - a_h2), ∂h2/∂w3 = i1",
    ),
    Equation(
        _B,
        "∂E/∂w4",
        "∂E/∂a_h2*a_h2*(1 - a_h2)*i2",
        "As for w3, with the second input.",
        "∂E/∂w4 = ∂E/∂a_h2 * ∂a_h2/∂h2 * ∂h2/∂w4 with ∂h2/∂w4 = i2",
    ),
    *(
        Equation(
            _U,
            weight,
            f"{weight}[n-1] - η*∂E/∂{weight}[n-1]",
            "A step downhill: against the gradient, η long. All eight weights move at once, from "
            "the values of the row above.",
        )
        for weight in WEIGHTS
    ),
)

_PARTS = {
    equation.name: parse(equation.written) for equation in EQUATIONS if equation.name not in COLUMNS
}
_RIGHT = {equation.name: substitute(parse(equation.written), _PARTS) for equation in EQUATIONS}

# How a row is filled: the weights from the row above, then everything else from the row itself.
UPDATES: dict[str, Expression] = {e.name: e.right for e in EQUATIONS if e.step is Step.UPDATE}
WITHIN_ROW: dict[str, Expression] = {
    e.name: e.right for e in EQUATIONS if e.step is not Step.UPDATE and e.name in COLUMNS
}
