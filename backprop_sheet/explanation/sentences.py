"""Explain every equation in sentences, which are generated from the equations themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from backprop_sheet.equations.equation import Equation, Factor, Path
from backprop_sheet.equations.names import LEARNING_RATE, MEAN_ERROR, TOTAL_ERROR, Kind
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import ACTIVATIONS, activation_named, loss_named, update_rule
from backprop_sheet.symbolic.expressions import Expression, Name, Operation
from backprop_sheet.symbolic.prose import NOTHING, Part, Sentence, joined, sentence
from backprop_sheet.symbolic.rendering import to_text
from gradsheet.words import join, plural


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
    """Explain an equation in one or a few sentences, as plain text."""
    return str(joined(sentences(system, equation)))


def sentences(system: EquationSystem, equation: Equation) -> tuple[Sentence, ...]:
    """Explain an equation, sentence by sentence."""
    quantity = system.quantities[equation.name]
    match quantity.kind:
        case Kind.SUM:
            return (_explain_sum(system, equation.name),)
        case Kind.ACTIVATION:
            activation = system.network.activations[quantity.layer - 1]
            where = _neuron(system, quantity.layer, quantity.index)
            return (
                sentence(f"The activation of {where}."),
                activation_named(activation).sentence,
            )
        case Kind.ERROR:
            return loss_named(system.training.loss).sentences(len(system.errors))
        case Kind.TOTAL:
            return _explain_total(system)
        case Kind.ADJOINT | Kind.GRADIENT:
            return _explain_derivative(system, equation)
        case Kind.STATE:
            return (_explain_state(system, equation.name),)
        case Kind.WEIGHT | Kind.BIAS:
            return _explain_update(system)
        case _:
            raise ValueError(f"no equation computes {quantity.kind}: {equation.name}")


def mean_error_sentence(system: EquationSystem) -> Sentence:
    """Explain the column E_mean."""
    start = sentence(Name(MEAN_ERROR), " is the mean of ", Name(TOTAL_ERROR), " over the ")
    if system.is_batch:
        return sentence(start, "samples of an iteration.")
    return sentence(start, f"last {system.sample_count} iterations, one for each sample.")


def connection_text(system: EquationSystem, parameter: str) -> str:
    """Describe a parameter: ``i1 → h1`` for a weight, ``bias of h1, h2`` for a bias."""
    if parameter in system.connections:
        connection = system.connections[parameter]
        return f"{connection.source.removeprefix('a_')} → {connection.target}"
    targets = system.bias_targets[parameter]
    listed = targets if len(targets) <= 3 else [targets[0], "…", targets[-1]]
    return f"bias of {', '.join(listed)}"


def _listed(names: Sequence[str], limit: int = 4) -> Sentence:
    """List names: ``a, b and c``, or the first and the last if many."""
    if len(names) > limit:
        return sentence(Name(names[0]), ", …, ", Name(names[-1]))
    *most, last = map(Name, names)
    return sentence(joined(most, ", "), " and ", last) if most else sentence(last)


def _neuron(system: EquationSystem, layer: int, index: int) -> str:
    alone = len(system.layers[layer - 1]) == 1
    if layer == len(system.layers):
        return "the output neuron" if alone else f"output neuron {index}"
    if len(system.hidden) > 1:
        return f"{'the neuron' if alone else f'neuron {index}'} of hidden layer {layer}"
    return "the hidden neuron" if alone else f"hidden neuron {index}"


def _explain_sum(system: EquationSystem, name: str) -> Sentence:
    quantity = system.quantities[name]
    where = _neuron(system, quantity.layer, quantity.index)
    not_the_sum: Sentence = NOTHING
    if quantity.layer == 1:
        kind = "input"
        single = len(system.inputs) == 1
    else:
        before = system.layers[quantity.layer - 2]
        kind = "hidden activation"
        if len(system.hidden) > 1:
            kind = f"activation of hidden layer {quantity.layer - 1}"
        single = len(before) == 1
        sum_name, activation = before[0]
        not_the_sum = sentence(" (", Name(activation), ", not the sum ", Name(sum_name), ")")
    bias = next((bias for bias, sums in system.bias_targets.items() if name in sums), "")
    return sentence(
        f"The weighted sum of {where}: multiply {'the' if single else 'each'} {kind}",
        not_the_sum,
        " by the weight of its connection",
        "" if single else ", and add the products",
        sentence(" and add the bias " if single else " and the bias ", Name(bias)) if bias else "",
        ".",
    )


def _explain_total(system: EquationSystem) -> tuple[Sentence, ...]:
    several = len(system.errors) > 1
    what = "The sum of the errors of all outputs" if several else "The error of the output"
    if not system.has_sample_column:
        return (sentence(f"{what}."), sentence("Training tries to make this value small."))
    use = "Each update uses the gradient of one sample; the samples take turns."
    if system.is_batch:
        use = f"Training tries to make its {system.training.reduction} over the samples small."
    return (sentence(f"{what} for one sample."), sentence(use))


def _explain_derivative(system: EquationSystem, equation: Equation) -> tuple[Sentence, ...]:
    by = Name(system.quantities[equation.name].of)
    if len(equation.paths) > 1:
        # The paths differ in the first quantity that they lead through.
        through = _listed([path[-1].of for path in equation.paths])
        return (
            sentence(
                by, f" affects the error along {len(equation.paths)} paths, through ", through,
                ": multiply the derivatives along each path and add the products.",
            ),
        )  # fmt: skip
    path = equation.paths[0]
    known = path[0].derivative is None
    quantities = [factor.of for factor in (path[1:] if known else path)]
    through = joined(map(Name, reversed(quantities)), ", then ")
    only = sentence(by, " affects the error only through ", through)
    if not known:
        return (sentence(only, ": multiply the derivatives along this path."),)
    others: Part = "the derivatives along this path"
    if len(path) == 2:
        others = Name(path[-1].label)
    return (
        sentence(only, "."),
        sentence(Name(path[0].label), " is known from above: multiply it by ", others, "."),
    )


def _gradient_words(system: EquationSystem) -> str:
    if not system.is_batch:
        return "the gradient"
    kind = system.training.reduction
    return f"the {kind} of the gradients of all samples"


def _explain_state(system: EquationSystem, name: str) -> Sentence:
    parameter = system.quantities[name].of
    for state in update_rule(system.training).states:
        if state.name(parameter) == name:
            return state.sentence(_gradient_words(system))
    raise ValueError(f"{name} is not a state of the optimizer")


def _explain_update(system: EquationSystem) -> tuple[Sentence, ...]:
    rule = update_rule(system.training)
    steps = rule.sentences(_gradient_words(system), Name(LEARNING_RATE))
    if len(system.trained) > 1:
        text = "All parameters are updated at once: every gradient is computed from the old values."
        steps += (sentence(text),)
    return steps


def symbol_sentences(system: EquationSystem) -> Iterator[Sentence]:
    """Say what the symbols of the network stand for."""
    groups = {"input": system.inputs, "target": system.targets, "weight": system.weights}
    if system.biases:
        groups["bias"] = system.biases
    yield sentence(
        joined((_are(group, kind) for kind, group in groups.items()), ", "),
        ". A target is the output that the network should learn; a weight belongs to "
        "one connection.",
    )
    sum_name, activation = map(Name, system.layers[0][0])
    if len(system.hidden) > 1:
        where = "neuron 1 of hidden layer 1"
    else:
        where = "hidden neuron 1" if system.hidden else "output neuron 1"
    text = sentence(
        sum_name, f" is the weighted sum of {where} and ", activation,
        " its activation, the value that the neuron passes on",
    )  # fmt: skip
    if system.hidden:
        sum_name, activation = map(Name, system.outputs[0])
        text = sentence(text, "; ", sum_name, " and ", activation, " are those of output neuron 1")
    yield sentence(text, ".")


def _are(names: tuple[str, ...], kind: str) -> Sentence:
    """``w1 to w8 are the weights``."""
    if len(names) == 1:
        return sentence(Name(names[0]), f" is the {kind}")
    between = " to " if len(names) > 2 else " and "
    several = plural(len(names), kind, "biases" if kind == "bias" else "")
    return sentence(Name(names[0]), between, Name(names[-1]), f" are the {several}")


def sign_sentences(system: EquationSystem) -> Sentence:
    """Explain the sign of the derivative of the error by an output, if the loss does."""
    target, output, error = system.targets[0], system.outputs[0][1], system.errors[0]
    label = Name(f"∂{error}/∂{output}")
    return loss_named(system.training.loss).sign(label, Name(target), Name(output))


def notes(system: EquationSystem) -> Iterator[str]:
    """Yield the notes that a reader of the workbook needs, each of one to three sentences."""
    yield from map(str, symbol_sentences(system))
    yield from _activation_notes(system)
    if one_hot := one_hot_sentence(system):
        yield str(one_hot)
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
    yield str(total_error_sentence())
    if sign := sign_sentences(system):
        yield str(sign)
    inlined = [
        equation.name
        for equation in system.equations
        if equation.paths and equation.name not in system.columns
    ]
    if inlined:
        one = "has no column of its own: it is written out in the formulas that use it"
        several = "have no columns of their own: they are written out in the formulas that use them"
        yield f"{_listed(inlined, limit=6)} {plural(len(inlined), one, several)}."
    if system.has_sample_column:
        yield str(mean_error_sentence(system))


def _activation_notes(system: EquationSystem) -> Iterator[str]:
    used = [
        activation
        for activation in ACTIVATIONS.values()
        if activation.name in system.network.activations
    ]
    of_neuron = [activation for activation in used if not activation.takes_layer]
    of_layer = [activation for activation in used if activation.takes_layer]
    yield from (activation.cell_note for activation in of_neuron if activation.cell_note)
    yield from map(str, definitions(system))
    if clipped := [activation for activation in used if activation.clips]:
        kinds = join(activation.name for activation in clipped)
        limit = max(activation.largest for activation in clipped)
        yield (
            f"Cells clip {kinds} activations at ±{limit:,.0f}: if training diverges, they show "
            "large numbers instead of error values. The gradients ignore this limit."
        )
    yield from (activation.cell_note for activation in of_layer if activation.cell_note)


def definitions(system: EquationSystem) -> Iterator[Sentence]:
    """Define the activations whose names do not tell it."""
    for activation in ACTIVATIONS.values():
        if activation.definition and activation.name in system.network.activations:
            yield activation.definition


def total_error_sentence() -> Sentence:
    """Explain the short form of derivatives of the error."""
    w = Name("w")
    return sentence(
        Name("∂E/∂w"), " is short for ", Name(f"∂{TOTAL_ERROR}/∂w"), ": how fast ",
        Name(TOTAL_ERROR), " changes when only ", w, " changes.",
    )  # fmt: skip


def one_hot_sentence(system: EquationSystem) -> Sentence:
    """Explain the gradient of softmax with cross-entropy for one-hot targets.

    For other outputs and losses, the sentence is empty.
    """
    output = activation_named(system.network.activations[-1])
    if not (output.takes_layer and loss_named(system.training.loss).is_of_class):
        return NOTHING
    sum_name, activation = system.outputs[0]
    return sentence(
        "If one target of a sample is 1 and the others are 0, the targets add up to 1, and ",
        Name(system.gradient(sum_name)),
        " is ",
        Operation("-", Name(activation), Name(system.targets[0])),
        ".",
    )
