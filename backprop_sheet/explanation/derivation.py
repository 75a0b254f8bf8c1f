"""The complete derivation of an exercise, from the forward pass to the update, as one document.

The document has no format yet; :mod:`~backprop_sheet.explanation.documents` writes it as
text, Markdown or LaTeX.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from backprop_sheet.equations.equation import Equation, Factor, Step
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, MEAN_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import activation_named, loss_named, update_rule
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.explanation.iteration_values import IterationValues
from backprop_sheet.explanation.sentences import (
    ChainRule,
    chain_rules,
    definitions,
    mean_error_sentence,
    one_hot_sentence,
    sentences,
    sign_sentences,
    symbol_sentences,
    total_error_sentence,
)
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import (
    Call,
    Expression,
    Name,
    Number,
    Operation,
    rename,
    transform,
    walk,
)
from backprop_sheet.symbolic.functions import SMALLEST_ARGUMENT
from backprop_sheet.symbolic.prose import NOTHING, Equality, Sentence, joined, sentence

SIGNIFICANT_DIGITS = 10
EQUALS, ASSIGNS = "=", "←"


@dataclass(frozen=True)
class Formula:
    """``left = sides[0] = sides[1] …``.

    Attributes:
        relation: ← for an update, which assigns a new value, else =.
        is_chain_rule: whether the factors are derivatives, which need spaces between them.
        lacks_numbers: whether it is shown without the numbers that other formulas have.
    """

    left: Expression
    sides: tuple[Expression, ...]
    relation: str = EQUALS
    is_chain_rule: bool = False
    lacks_numbers: bool = False


@dataclass(frozen=True)
class Passage:
    """A paragraph and the formulas that follow it."""

    text: Sentence
    formulas: tuple[Formula, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the document: a list of notes, then passages."""

    title: str
    notes: tuple[Sentence, ...] = ()
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class Derivation:
    """The document. ``title`` and ``source`` are plain text, as the exercise file gives them."""

    title: str
    source: str
    summary: tuple[Sentence, ...]
    sections: tuple[Section, ...]


def derive(
    exercise: Exercise, system: EquationSystem, values: IterationValues | None = None
) -> Derivation:
    """Write the derivation, with the numbers of an iteration if ``values`` are given."""
    return Derivation(
        exercise.title, exercise.source, *_Writer(exercise, system, values).document()
    )


def rounded(value: float) -> str:
    """Write a number with 10 significant digits and no trailing zeros."""
    text = f"{value:.{SIGNIFICANT_DIGITS}g}"
    return "0" if float(text) == 0 else text


def _number(value: float) -> Number:
    return Number(value + 0.0, rounded(value))


def _with_numbers(expression: Expression, values: Mapping[str, np.ndarray | float]) -> Expression:
    """Replace names, and means and totals over the samples, by their values."""

    def has_value(node: Expression) -> bool:
        return isinstance(node, Name) or (
            isinstance(node, Call) and node.function in ("mean", "sum")
        )

    def value(node: Expression) -> Expression:
        if not has_value(node):
            return node
        return _number(float(np.ravel(evaluate(node, values))[0]))

    return transform(expression, value, is_leaf=has_value)


def _is_finite(expression: Expression) -> bool:
    return all(math.isfinite(node.value) for node in walk(expression) if isinstance(node, Number))


@dataclass(frozen=True)
class _Writer:
    """Writes the sections of one document."""

    exercise: Exercise
    system: EquationSystem
    values: IterationValues | None

    @cached_property
    def rules(self) -> dict[str, ChainRule]:
        """The chain rule of every derivative."""
        return chain_rules(self.system)

    @property
    def reduction(self) -> str:
        """How an update combines the gradients of several samples."""
        return self.exercise.training.reduction

    def document(self) -> tuple[tuple[Sentence, ...], tuple[Section, ...]]:
        explanations = _first_explanations(self.system)
        sections = [self.section(step, explanations) for step in Step]
        opening = [Section("Notation", tuple(self.notation(sections)))]
        if self.values:
            title = f"Values at iteration {self.values.iteration}"
            opening.append(Section(title, tuple(self.given_values(self.values))))
        return tuple(self.summary()), (*opening, *sections)

    # --- before the equations ---

    def summary(self) -> Iterator[Sentence]:
        network, training, system = self.exercise.network, self.exercise.training, self.system
        fixed = "; the biases are not trained" if system.trained != system.parameters else ""
        yield sentence(f"Network: {network.describe()}{fixed}.")
        yield sentence(f"Loss: {loss_named(training.loss).title}.")
        symbols = [_value(symbol, number) for symbol, number in system.hyperparameters.items()]
        samples = ""
        if system.has_sample_column:
            used = f"the {self.reduction} of their gradients"
            samples = f"; {system.sample_count} samples, each update uses "
            samples += used if system.is_batch else "one of them, in turn"
        optimizer = joined([update_rule(training).words, *symbols], ", ")
        yield sentence("Training: ", optimizer, f"{samples}.")
        if self.values:
            numbers = f"Numbers: iteration {self.values.iteration}"
            if system.has_sample_column:
                numbers += f", sample {self.values.sample} of {system.sample_count}"
            yield sentence(f"{numbers}, learning rate {rounded(self.values.learning_rate)}.")

    def notation(self, sections: Sequence[Section]) -> Iterator[Sentence]:
        system = self.system
        yield from symbol_sentences(system)
        yield total_error_sentence()
        yield from definitions(system)
        if loss_named(system.training.loss).takes_logarithm:
            yield sentence("ln is the natural logarithm.")
        if one_hot := one_hot_sentence(system):
            yield one_hot
        if sign := sign_sentences(system):
            yield sign
        new_state = "; a parameter's update uses the new value of the optimizer's state"
        yield sentence(
            Name(LEARNING_RATE),
            " is the learning rate. The arrow ← assigns a new value",
            f"{new_state if system.states else ''}.",
        )
        if system.is_batch:
            gradient = Name(system.gradient(system.trained[0]))
            yield sentence(
                Call(self.reduction, (gradient,)), f" is the {self.reduction} of ", gradient,
                " over the ", _value("S", system.sample_count), " samples.",
            )  # fmt: skip
        if self.values:
            yield from map(sentence, self.number_notes(self.values, sections))

    def number_notes(self, values: IterationValues, sections: Sequence[Section]) -> Iterator[str]:
        yield (
            f"Numbers are shown with {SIGNIFICANT_DIGITS} significant digits, but computed with "
            "more."
        )
        for kind, neurons in zip(self.system.network.activations, self.system.layers, strict=True):
            clips, limit = activation_named(kind).clips, activation_named(kind).largest
            sums = [values.quantities[sum_name] for sum_name, _ in neurons]
            if clips and (max(sums) > limit or (min(clips) < 0 and min(sums) < -limit)):
                yield f"Activations are clipped at ±{limit:,.0f}, as in the workbook."
                break
        passages = (passage for section in sections for passage in section.passages)
        if any(formula.lacks_numbers for passage in passages for formula in passage.formulas):
            yield (
                "Formulas are shown without numbers if these would mean a division by 0 or a "
                f"logarithm of a number below {SMALLEST_ARGUMENT:g}."
            )

    def given_values(self, values: IterationValues) -> Iterator[Sentence]:
        system = self.system
        groups = {"Inputs": system.inputs, "Targets": system.targets, "Weights": system.weights}
        if system.biases:
            groups["Biases"] = system.biases
        for title, group in groups.items():
            listed = joined((_value(name, values.quantities[name]) for name in group), ", ")
            yield sentence(f"{title}: ", listed, ".")
        yield sentence("Learning rate: ", _value(LEARNING_RATE, values.learning_rate), ".")

    # --- the equations ---

    def section(self, step: Step, explanations: Mapping[str, Sentence]) -> Section:
        passages: list[Passage] = []
        title = step.value
        if step is Step.UPDATE and self.values:
            title += f" to iteration {self.values.iteration + 1}"
            if self.system.is_batch:
                passages.append(self.gradients_of_samples(self.values))
        for equation in self.system.equations:
            if equation.step is not step:
                continue
            for passage in self.passages(equation, explanations[equation.name]):
                if passage.text or not passages:
                    passages.append(passage)
                else:
                    last = passages.pop()
                    passages.append(replace(last, formulas=last.formulas + passage.formulas))
        if step is Step.ERROR and self.values and self.system.has_sample_column:
            passages.append(self.mean_error(self.values))
        return Section(title, passages=tuple(passages))

    def passages(self, equation: Equation, explanation: Sentence) -> Iterator[Passage]:
        if rule := self.rules.get(equation.name):
            yield Passage(explanation, (self.chain_rule(equation.name, rule),))
            if rule.new_factors:
                derivatives = tuple(map(self.local_derivative, rule.new_factors))
                yield Passage(sentence("with"), derivatives)
            heading = "Simplified:" if rule.is_simplified(equation.rhs) else "Together:"
            yield Passage(sentence(heading), (self.within_row(equation.name, equation.rhs),))
        elif equation.step is Step.UPDATE:
            yield Passage(explanation, (self.update(equation),))
        else:
            yield Passage(explanation, (self.within_row(equation.name, equation.rhs),))

    def chain_rule(self, name: str, rule: ChainRule) -> Formula:
        return replace(self.within_row(name, rule.expression()), is_chain_rule=True)

    def local_derivative(self, factor: Factor) -> Formula:
        assert factor.derivative is not None
        return self.within_row(factor.label, factor.derivative)

    def within_row(self, name: str, rhs: Expression) -> Formula:
        formula = Formula(Name(name), (rhs,))
        if not self.values:
            return formula
        numbers = self.values.quantities
        return _with_result(formula, rhs, numbers, numbers[name])

    def update(self, equation: Equation) -> Formula:
        shown = rename(equation.rhs, lambda name: Name(_UPDATE_NAMES.get(name.name, name.name)))
        formula = Formula(Name(equation.name), (shown,), ASSIGNS)
        if not self.values:
            return formula
        used, new = self.values.used_by_update, self.values.updated[equation.name]
        return _with_result(formula, equation.rhs, used, new)

    # --- several samples ---

    def gradients_of_samples(self, values: IterationValues) -> Passage:
        formulas = [
            _over_samples(
                Call(self.reduction, (Name(self.system.gradient(parameter)),)),
                gradients,
                mean=self.reduction == "mean",
            )
            for parameter, gradients in values.gradients.items()
        ]
        text = (
            "Every sample has a forward and a backward pass like those above. The gradients of "
            f"samples 1 to {self.system.sample_count} and their {self.reduction}:"
        )
        return Passage(sentence(text), tuple(formulas))

    def mean_error(self, values: IterationValues) -> Passage:
        text = mean_error_sentence(self.system)
        if self.system.is_batch:
            return Passage(text, (_over_samples(Name(MEAN_ERROR), values.errors, mean=True),))
        assert values.mean_error is not None
        return Passage(text, (Formula(Name(MEAN_ERROR), (_number(values.mean_error),)),))


_UPDATE_NAMES = {ITERATION: "n"}


def _first_explanations(system: EquationSystem) -> dict[str, Sentence]:
    """Explain every equation by the sentences that no equation before it has."""
    written: set[Sentence] = set()
    explanations = {}
    for equation in system.equations:
        new = [each for each in sentences(system, equation) if each not in written]
        written |= set(new)
        explanations[equation.name] = joined(new) if new else NOTHING
    return explanations


def _value(name: str, value: float) -> Equality:
    """Write the value of a name within a sentence: ``w1 = 0.15``."""
    return Equality(Name(name), _number(value))


def _with_result(
    formula: Formula, rhs: Expression, values: Mapping[str, np.ndarray | float], value: float
) -> Formula:
    """Add the right-hand side with numbers and its value to a formula, where they can be shown."""
    [shown] = formula.sides
    if isinstance(shown, Number):
        return formula
    result = _number(value)
    if not _is_finite(result):
        return replace(formula, lacks_numbers=True)
    if isinstance(shown, Name):
        return replace(formula, sides=(shown, result))
    numbers = _with_numbers(rhs, values)
    if not _is_finite(numbers) or _has_tiny_logarithm(numbers):
        return replace(formula, sides=(shown, result), lacks_numbers=True)
    return replace(formula, sides=(shown, numbers, result))


def _has_tiny_logarithm(expression: Expression) -> bool:
    """Whether a logarithm has an argument that cells would replace by a larger number."""
    return any(
        isinstance(node, Call)
        and node.function == "ln"
        and evaluate(node.arguments[0], {}) < SMALLEST_ARGUMENT
        for node in walk(expression)
    )


def _over_samples(left: Expression, values: np.ndarray, *, mean: bool) -> Formula:
    """Write the sum of the values of all samples, divided by their number for a mean."""
    first, *others = map(float, values)
    numbers: Expression = _number(first)
    for value in others:
        numbers = Operation("-" if value < 0 else "+", numbers, _number(abs(value)))
    result = float(np.sum(values))
    if mean:
        numbers = Operation("/", numbers, _number(float(len(values))))
        result = float(np.mean(values))
    return Formula(left, (numbers, _number(result)))
