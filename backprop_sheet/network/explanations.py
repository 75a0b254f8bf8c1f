"""What each equation does and why, in words, generated from the equations themselves.

Inside this module and in :mod:`~backprop_sheet.network.derivation`, names and formulas in a
sentence stand between backticks, so that each kind of document can show them in its own way;
:func:`plain_text` removes the marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backprop_sheet.network.equations import (
    LEARNING_RATE,
    MEAN_ERROR,
    TOTAL_ERROR,
    Equation,
    EquationSystem,
    Factor,
    Kind,
    Path,
)
from backprop_sheet.symbolic.functions import CLIP
from backprop_sheet.symbolic.rendering import to_text

_ACTIVATIONS = {
    "sigmoid": "The sigmoid `σ(x) = 1/(1 + exp(-x))` maps any sum to a value between 0 and 1.",
    "tanh": "The hyperbolic tangent maps any sum to a value between -1 and 1.",
    "relu": "ReLU keeps a positive sum and replaces a negative one by 0.",
    "linear": "The activation is linear: the value is the sum itself.",
    "softmax": "Softmax turns the sums of the output layer into positive numbers that add up to 1.",
}
_ERRORS = {
    "half_squared_error": "Half the squared difference between target and output. The ½ cancels "
    "the 2 that appears when the square is differentiated.",
    "squared_error": "The squared difference between target and output.",
    "binary_cross_entropy": "The binary cross-entropy of target and output: smallest if the two "
    "are equal, and very large if the target is 0 and the output close to 1, or the other way "
    "round.",
    "cross_entropy": "The cross-entropy of one output: the further the output is below 1, the "
    "larger it is. An output whose target is 0 adds nothing to the error.",
}


@dataclass(frozen=True)
class ChainRule:
    """The chain rule of a derivative.

    Attributes:
        sum_of_paths: the factors along each path from the error to the quantity.
        new_factors: the local derivatives that no earlier equation has given.
    """

    sum_of_paths: tuple[Path, ...]
    new_factors: tuple[Factor, ...]

    def text(self, name: str) -> str:
        """Write it in one line: ``∂E/∂w5 = ∂E1/∂a_o1 * … with ∂E1/∂a_o1 = a_o1 - t1, …``."""
        ways = " + ".join(" * ".join(factor.label for factor in path) for path in self.sum_of_paths)
        line = f"{name} = {ways}"
        if self.new_factors:
            line += " with " + ", ".join(
                f"{factor.label} = {to_text(factor.derivative)}"
                for factor in self.new_factors
                if factor.derivative is not None
            )
        return line


def chain_rules(system: EquationSystem) -> dict[str, ChainRule]:
    """Return the chain rule of every derivative, in the order of the derivation."""
    given: set[str] = set()
    rules = {}
    for equation in system.equations:
        if not equation.paths:
            continue
        new: dict[str, Factor] = {}
        for factor in (factor for path in equation.paths for factor in path):
            if factor.derivative is not None and factor.label not in given:
                new[factor.label] = factor
        given |= set(new)
        rules[equation.name] = ChainRule(equation.paths, tuple(new.values()))
    return rules


def explain(system: EquationSystem, equation: Equation) -> str:
    """Explain an equation in one or a few sentences."""
    return plain_text(" ".join(sentences(system, equation)))


def plain_text(marked: str) -> str:
    """Remove the backticks around names and formulas."""
    return marked.replace("`", "")


def sentences(system: EquationSystem, equation: Equation) -> tuple[str, ...]:
    """Explain an equation, sentence by sentence, with names and formulas between backticks."""
    quantity = system.quantities[equation.name]
    match quantity.kind:
        case Kind.SUM:
            return (_explain_sum(system, equation.name),)
        case Kind.ACTIVATION:
            activation = system.network.activations[quantity.layer - 1]
            where = _neuron(system, quantity.layer, quantity.index)
            return (f"The activation of {where}.", _ACTIVATIONS[activation])
        case Kind.ERROR:
            return _explain_error(system)
        case Kind.TOTAL:
            return _explain_total(system)
        case Kind.ADJOINT | Kind.GRADIENT:
            return _explain_derivative(system, equation)
        case Kind.STATE:
            return (_explain_state(system, equation.name),)
    return _explain_update(system)


def explain_mean_error(system: EquationSystem) -> str:
    """Explain the column E_mean."""
    return plain_text(mean_error_sentence(system))


def mean_error_sentence(system: EquationSystem) -> str:
    """Explain the column E_mean, with names between backticks."""
    if system.is_batch:
        return f"`{MEAN_ERROR}` is the mean of `{TOTAL_ERROR}` over the samples of an iteration."
    return (
        f"`{MEAN_ERROR}` is the mean of `{TOTAL_ERROR}` over the last {system.sample_count} "
        "iterations, one for each sample."
    )


def connection_text(system: EquationSystem, parameter: str) -> str:
    """Say what a parameter connects: ``i1 → h1`` for a weight, ``bias of h1, h2`` for a bias."""
    if parameter in system.connections:
        connection = system.connections[parameter]
        return f"{connection.source.removeprefix('a_')} → {connection.target}"
    targets = system.bias_targets[parameter]
    listed = targets if len(targets) <= 3 else [targets[0], "…", targets[-1]]
    return f"bias of {', '.join(listed)}"


def list_names(names: Sequence[str], most: int = 4) -> str:
    """List names between backticks: ``a, b and c``, or the first and the last of many."""
    marked = [f"`{name}`" for name in names]
    if len(marked) > most:
        return f"{marked[0]}, …, {marked[-1]}"
    return " and ".join(part for part in (", ".join(marked[:-1]), marked[-1]) if part)


def _neuron(system: EquationSystem, layer: int, index: int) -> str:
    alone = len(system.layers[layer - 1]) == 1
    if layer == len(system.layers):
        return "the output neuron" if alone else f"output neuron {index}"
    if len(system.hidden) > 1:
        return f"{'the neuron' if alone else f'neuron {index}'} of hidden layer {layer}"
    return "the hidden neuron" if alone else f"hidden neuron {index}"


def _explain_sum(system: EquationSystem, name: str) -> str:
    quantity = system.quantities[name]
    where = _neuron(system, quantity.layer, quantity.index)
    if quantity.layer == 1:
        kind = "input"
        alone, not_this = len(system.inputs) == 1, ""
    else:
        before = system.layers[quantity.layer - 2]
        kind = "hidden activation"
        if len(system.hidden) > 1:
            kind = f"activation of hidden layer {quantity.layer - 1}"
        alone = len(before) == 1
        sum_name, activation = before[0]
        not_this = f" (`{activation}`, not the sum `{sum_name}`)"
    sources = f"{'the' if alone else 'each'} {kind}{not_this} times the weight of its connection"
    bias = next((b for b, of in system.bias_targets.items() if name in of), "")
    return f"The weighted sum of {where}: {sources}{f', plus the bias `{bias}`' if bias else ''}."


def _explain_error(system: EquationSystem) -> tuple[str, ...]:
    loss, count = system.training.loss, len(system.errors)
    if loss == "mean_squared_error":
        if count == 1:
            # The mean over one output has no divisor.
            return ("The squared difference between target and output.",)
        return (
            f"The squared difference between target and output, divided by {count}, the number of "
            f"outputs: the {count} terms add up to the mean.",
        )
    return (_ERRORS[loss],)


def _explain_total(system: EquationSystem) -> tuple[str, ...]:
    what = "The sum of the outputs' errors" if len(system.errors) > 1 else "The error of the output"
    if not system.has_sample_column:
        return (f"{what}: this is what gradient descent makes smaller.",)
    if system.is_batch:
        kind = "mean" if system.training.update == "batch_mean" else "sum"
        return (
            f"{what} for one sample.",
            f"Gradient descent makes its {kind} over the samples smaller.",
        )
    return (
        f"{what} for one sample.",
        "Each update uses the gradient of one sample; the samples take turns.",
    )


def _explain_derivative(system: EquationSystem, equation: Equation) -> tuple[str, ...]:
    of = system.quantities[equation.name].of
    if len(equation.paths) > 1:
        # What tells the paths apart is the quantity that each leads through first.
        through = list_names([path[-1].of for path in equation.paths])
        return (
            f"`{of}` affects the error along {len(equation.paths)} paths, through {through}: "
            "multiply the derivatives along each path and add the products.",
        )
    path = equation.paths[0]
    known = path[0].derivative is None
    quantities = [factor.of for factor in (path[1:] if known else path)]
    through = ", then ".join(f"`{name}`" for name in reversed(quantities))
    if not known:
        return (
            f"`{of}` affects the error only through {through}: multiply the derivatives along "
            "this path.",
        )
    by = f"`{path[-1].label}`" if len(path) == 2 else "the derivatives along this path"
    return (
        f"`{of}` affects the error only through {through}.",
        f"`{path[0].label}` is known from above: multiply it by {by}.",
    )


def _gradient_words(system: EquationSystem) -> str:
    if not system.is_batch:
        return "the gradient"
    kind = "mean" if system.training.update == "batch_mean" else "sum"
    return f"the {kind} of the gradients of all samples"


def _explain_state(system: EquationSystem, name: str) -> str:
    gradient = _gradient_words(system)
    match system.training.optimizer, name[0]:
        case "sgd", _:
            return f"The velocity: the share `μ` of the velocity before, plus {gradient}."
        case _, "m":
            return (
                f"A moving average of the gradient: {gradient} enters with the share `1 - β1`, "
                "the average before with the share `β1`."
            )
    share = "ρ" if system.training.optimizer == "rmsprop" else "β2"
    return (
        f"A moving average of the squared gradient: the square of {gradient} enters with the "
        f"share `1 - {share}`, the average before with the share `{share}`."
    )


def _explain_update(system: EquationSystem) -> tuple[str, ...]:
    gradient = _gradient_words(system)
    optimizer = system.training.optimizer
    eta = f"`{LEARNING_RATE}`"
    if optimizer == "sgd" and not system.hyperparameters:
        steps = [f"Move against the gradient: the step is {eta} times {gradient}."]
    elif optimizer == "sgd" and system.training.nesterov:
        steps = [
            f"Nesterov momentum: to {gradient}, add the share `μ` of the new velocity; the step is "
            f"{eta} times this sum."
        ]
    elif optimizer == "sgd":
        steps = [f"Momentum: the step is {eta} times the new velocity."]
    elif optimizer == "rmsprop":
        steps = [
            f"RMSprop: the step is {eta} times {gradient}, divided by the root of the average of "
            "the squared gradient.",
            "`ε` prevents a division by 0.",
        ]
    else:
        steps = [
            f"Adam: the step is {eta} times the average of the gradient, divided by the root of "
            "the average of the squared gradient.",
            "Both averages start at 0; the divisors `1 - β1^n` and `1 - β2^n` correct for this, "
            "where `n` counts the updates from 1.",
            "`ε` prevents a division by 0.",
        ]
        if optimizer == "adamw":
            steps.insert(
                0, f"Weight decay: the parameter shrinks by the share `{LEARNING_RATE}*λ`."
            )
    if len(system.trained) > 1:
        steps.append("All parameters are updated at once: every gradient uses the old values.")
    return tuple(steps)


def notes(system: EquationSystem) -> Iterator[str]:
    """Yield what a reader of the workbook must know, one to three sentences at a time."""
    activations = set(system.network.activations)
    if "sigmoid" in activations:
        yield (
            "σ(x) = 1/(1 + exp(-x)) is the sigmoid. Cells compute it as 1/(1+EXP(MIN(-x,700))): "
            "Excel's EXP overflows to #NUM! beyond about 709. Up to 700 the MIN changes nothing, "
            "and beyond it σ is smaller than 1E-304 either way."
        )
    if "relu" in activations:
        yield plain_text(relu_sentence())
    if activations & {"relu", "linear"}:
        kinds = " and ".join(kind for kind in ("relu", "linear") if kind in activations)
        yield (
            f"Cells clip {kinds} activations at ±{CLIP:,.0f}, so that a run that diverges shows "
            "large numbers instead of errors."
        )
    if "softmax" in activations:
        yield (
            "Cells subtract the largest sum from each exponent of the softmax. This changes no "
            "result, and no exponential can overflow."
        )
    if one_hot := one_hot_sentence(system):
        yield plain_text(one_hot)
    if system.training.loss in ("cross_entropy", "binary_cross_entropy"):
        yield "ln is the natural logarithm. Cells take it of at least 1E-300, never of 0."
    yield (
        f"{LEARNING_RATE} is the learning rate, and [n-1] marks a value of the iteration before. "
        "Everything else is of the same iteration."
    )
    yield plain_text(total_error_sentence())
    inlined = [
        equation.name
        for equation in system.equations
        if equation.paths and equation.name not in system.columns
    ]
    if inlined:
        have = "has no column" if len(inlined) == 1 else "have no column"
        yield plain_text(
            f"{list_names(inlined, most=6)} {have}: each formula that needs such a derivative "
            "contains its expression instead."
        )
    if system.has_sample_column:
        yield explain_mean_error(system)


def relu_sentence() -> str:
    """Define relu and its derivative."""
    return "relu(x) is `max(0, x)`, and its derivative step(x) is 1 if x > 0, else 0."


def total_error_sentence() -> str:
    """Explain the short form of derivatives of the error."""
    return (
        f"`∂E/∂w` is short for `∂{TOTAL_ERROR}/∂w`: how fast `{TOTAL_ERROR}` changes when only `w` "
        "changes."
    )


def one_hot_sentence(system: EquationSystem) -> str:
    """Say what the gradient of softmax and cross-entropy is with one-hot targets; else empty."""
    if system.network.activations[-1] != "softmax" or system.training.loss != "cross_entropy":
        return ""
    sum_name, activation = system.outputs[0]
    gradient = next(e for e in system.equations if e.name == system.gradient(sum_name))
    return (
        "If one target of a sample is 1 and the others are 0, they add up to 1, and "
        f"`{gradient.name}` is `{activation} - {system.targets[0]}`."
    )
