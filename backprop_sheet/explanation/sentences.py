"""Explain every equation in sentences, which are generated from the equations themselves.

In this module and in :mod:`~backprop_sheet.explanation.derivation`, names and formulas in a
sentence are between backticks, so that each kind of document can format them in its own way.
:func:`plain_text` removes the backticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from backprop_sheet.equations.equation import Equation, Factor, Path
from backprop_sheet.equations.names import LEARNING_RATE, MEAN_ERROR, TOTAL_ERROR, Kind
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import ACTIVATIONS, activation_named, loss_named, update_rule
from backprop_sheet.symbolic.expressions import Expression, Name, Operation
from backprop_sheet.symbolic.rendering import to_text


@dataclass(frozen=True)
class ChainRule:
    """The chain rule of a derivative.

    Attributes:
        sum_of_paths: the factors along each path from the error to the quantity.
        new_factors: the local derivatives that have not occurred in an earlier chain rule.
    """

    sum_of_paths: tuple[Path, ...]
    new_factors: tuple[Factor, ...]

    def expression(self, *, substituted: bool = False) -> Expression:
        """Return the sum of the products of the factors, or of their derivatives."""
        products = []
        for path in self.sum_of_paths:
            parts: list[Expression] = []
            for factor in path:
                known = factor.derivative if substituted else None
                parts += _factors(Name(factor.label) if known is None else known)
            products.append(reduce(lambda left, right: Operation("*", left, right), parts))
        return reduce(lambda left, right: Operation("+", left, right), products)

    def is_simplified(self, result: Expression) -> bool:
        """Whether a derivative is more than its local derivatives multiplied and added."""
        return self.expression(substituted=True) != result

    def text(self, name: str) -> str:
        """Write it in one line: ``∂E/∂w5 = ∂E1/∂a_o1 * … with ∂E1/∂a_o1 = a_o1 - t1, …``."""
        paths = [" * ".join(factor.label for factor in path) for path in self.sum_of_paths]
        line = f"{name} = {' + '.join(paths)}"
        if self.new_factors:
            line += " with " + ", ".join(
                f"{factor.label} = {to_text(factor.derivative)}"
                for factor in self.new_factors
                if factor.derivative is not None
            )
        return line


def _factors(expression: Expression) -> list[Expression]:
    """Return the factors of a product, in the order in which they are written."""
    match expression:
        case Operation("*", left, right):
            return [*_factors(left), *_factors(right)]
    return [expression]


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
            return (f"The activation of {where}.", activation_named(activation).sentence)
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
    """Describe a parameter: ``i1 → h1`` for a weight, ``bias of h1, h2`` for a bias."""
    if parameter in system.connections:
        connection = system.connections[parameter]
        return f"{connection.source.removeprefix('a_')} → {connection.target}"
    targets = system.bias_targets[parameter]
    listed = targets if len(targets) <= 3 else [targets[0], "…", targets[-1]]
    return f"bias of {', '.join(listed)}"


def list_names(names: Sequence[str], limit: int = 4) -> str:
    """List names between backticks: ``a, b and c``, or the first and the last if many."""
    marked = [f"`{name}`" for name in names]
    if len(marked) > limit:
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
        single, not_the_sum = len(system.inputs) == 1, ""
    else:
        before = system.layers[quantity.layer - 2]
        kind = "hidden activation"
        if len(system.hidden) > 1:
            kind = f"activation of hidden layer {quantity.layer - 1}"
        single = len(before) == 1
        sum_name, activation = before[0]
        not_the_sum = f" (`{activation}`, not the sum `{sum_name}`)"
    text = f"The weighted sum of {where}: multiply {'the' if single else 'each'} {kind}"
    text += f"{not_the_sum} by the weight of its connection"
    bias = next((b for b, of in system.bias_targets.items() if name in of), "")
    if single:
        return f"{text}{f' and add the bias `{bias}`' if bias else ''}."
    return f"{text}, and add the products{f' and the bias `{bias}`' if bias else ''}."


def _explain_error(system: EquationSystem) -> tuple[str, ...]:
    return loss_named(system.training.loss).sentences(len(system.errors))


def _explain_total(system: EquationSystem) -> tuple[str, ...]:
    several = len(system.errors) > 1
    what = "The sum of the errors of all outputs" if several else "The error of the output"
    if not system.has_sample_column:
        return (f"{what}.", "Training tries to make this value small.")
    if system.is_batch:
        kind = system.training.reduction
        return (
            f"{what} for one sample.",
            f"Training tries to make its {kind} over the samples small.",
        )
    return (
        f"{what} for one sample.",
        "Each update uses the gradient of one sample; the samples take turns.",
    )


def _explain_derivative(system: EquationSystem, equation: Equation) -> tuple[str, ...]:
    of = system.quantities[equation.name].of
    if len(equation.paths) > 1:
        # The paths differ in the first quantity that they lead through.
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
    kind = system.training.reduction
    return f"the {kind} of the gradients of all samples"


def _explain_state(system: EquationSystem, name: str) -> str:
    parameter = system.quantities[name].of
    for state in update_rule(system.training).states:
        if state.name(parameter) == name:
            return state.sentence(_gradient_words(system))
    raise ValueError(f"{name} is not a state of the optimizer")


def _explain_update(system: EquationSystem) -> tuple[str, ...]:
    rule = update_rule(system.training)
    steps = rule.sentences(_gradient_words(system), f"`{LEARNING_RATE}`")
    if len(system.trained) > 1:
        steps += (
            "All parameters are updated at once: every gradient is computed from the old values.",
        )
    return steps


def symbol_sentences(system: EquationSystem) -> Iterator[str]:
    """Say what the symbols of the network stand for."""
    groups = {"input": system.inputs, "target": system.targets, "weight": system.weights}
    if system.biases:
        groups["bias"] = system.biases
    yield (
        ", ".join(_are(group, kind) for kind, group in groups.items())
        + ". A target is the output that the network should learn; a weight belongs to "
        "one connection."
    )
    sum_name, activation = system.layers[0][0]
    if len(system.hidden) > 1:
        where = "neuron 1 of hidden layer 1"
    else:
        where = "hidden neuron 1" if system.hidden else "output neuron 1"
    text = (
        f"`{sum_name}` is the weighted sum of {where} and `{activation}` its activation, the "
        "value that the neuron passes on"
    )
    if system.hidden:
        sum_name, activation = system.outputs[0]
        text += f"; `{sum_name}` and `{activation}` are those of output neuron 1"
    yield f"{text}."


def _are(names: tuple[str, ...], kind: str) -> str:
    """``w1 to w8 are the weights``."""
    if len(names) == 1:
        return f"`{names[0]}` is the {kind}"
    word = "to" if len(names) > 2 else "and"
    return f"`{names[0]}` {word} `{names[-1]}` are the {kind}{'es' if kind.endswith('s') else 's'}"


def sign_sentences(system: EquationSystem) -> str:
    """Explain the sign of the derivative of the error by an output."""
    target, (_, output), error = system.targets[0], system.outputs[0], system.errors[0]
    label = f"`∂{error}/∂{output}`"
    if loss_named(system.training.loss).takes_logarithm:
        return (
            f"The minus sign in the error makes {label} negative where `{target}` is 1: the error "
            "falls as this output grows, and the update, which subtracts the gradient, lets it "
            "grow."
        )
    return (
        f"{label} has `{output} - {target}` and not `{target} - {output}`: by the chain rule, the "
        f"derivative of the square is multiplied by that of `{target} - {output}`, which is `-1`. "
        "So it is positive if the output is too large, and the update, which subtracts the "
        "gradient, makes the output smaller."
    )


def notes(system: EquationSystem) -> Iterator[str]:
    """Yield the notes that a reader of the workbook needs, each of one to three sentences."""
    yield from map(plain_text, symbol_sentences(system))
    yield from map(plain_text, _activation_notes(system))
    if one_hot := one_hot_sentence(system):
        yield plain_text(one_hot)
    if loss_named(system.training.loss).takes_logarithm:
        yield (
            "ln is the natural logarithm. It is not defined for 0: cells replace numbers below "
            "1E-300 by 1E-300."
        )
    yield (
        f"{LEARNING_RATE} is the learning rate, and n is the iteration. [n-1] marks a value from "
        "the previous iteration; all other values are from the same iteration."
    )
    if system.is_batch:
        kind = system.training.reduction
        yield f"{kind}(x) is the {kind} of x over the samples of an iteration."
    yield plain_text(total_error_sentence())
    yield plain_text(sign_sentences(system))
    inlined = [
        equation.name
        for equation in system.equations
        if equation.paths and equation.name not in system.columns
    ]
    if inlined:
        one = "has no column of its own: it is written out in the formulas that use it"
        several = "have no columns of their own: they are written out in the formulas that use them"
        which = list_names(inlined, limit=6)
        yield plain_text(f"{which} {one if len(inlined) == 1 else several}.")
    if system.has_sample_column:
        yield explain_mean_error(system)


def _activation_notes(system: EquationSystem) -> Iterator[str]:
    used = [one for one in ACTIVATIONS.values() if one.name in system.network.activations]
    yield from (one.cell_note for one in used if one.cell_note and not one.takes_layer)
    yield from definitions(system)
    if clipped := [one for one in used if one.clips]:
        kinds = " and ".join(one.name for one in clipped)
        limit = max(one.largest for one in clipped)
        yield (
            f"Cells clip {kinds} activations at ±{limit:,.0f}: if training diverges, they show "
            "large numbers instead of error values. The gradients ignore this limit."
        )
    yield from (one.cell_note for one in used if one.cell_note and one.takes_layer)


def definitions(system: EquationSystem) -> Iterator[str]:
    """Define the activations whose names do not tell it, with names between backticks."""
    for activation in ACTIVATIONS.values():
        if activation.definition and activation.name in system.network.activations:
            yield activation.definition


def total_error_sentence() -> str:
    """Explain the short form of derivatives of the error."""
    return (
        f"`∂E/∂w` is short for `∂{TOTAL_ERROR}/∂w`: how fast `{TOTAL_ERROR}` changes when only `w` "
        "changes."
    )


def one_hot_sentence(system: EquationSystem) -> str:
    """Explain the gradient of softmax with cross-entropy for one-hot targets, or return ``""``."""
    output, loss = (
        activation_named(system.network.activations[-1]),
        loss_named(system.training.loss),
    )
    if not (output.takes_layer and loss.is_of_class):
        return ""
    sum_name, activation = system.outputs[0]
    gradient = next(e for e in system.equations if e.name == system.gradient(sum_name))
    return (
        "If one target of a sample is 1 and the others are 0, the targets add up to 1, and "
        f"`{gradient.name}` is `{activation} - {system.targets[0]}`."
    )
