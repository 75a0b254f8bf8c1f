"""The complete derivation of an exercise, from the forward pass to the update, as one document.

The document has no format yet; :mod:`~backprop_sheet.explanation.documents` writes it as
text, Markdown or LaTeX. In sentences, names and formulas are between backticks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from backprop_sheet.equations.descent import Rows, descend
from backprop_sheet.equations.equation import Equation, Factor, Step
from backprop_sheet.equations.names import ITERATION, LEARNING_RATE, MEAN_ERROR, SAMPLE, TOTAL_ERROR
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.checks import MAX_ITERATIONS
from backprop_sheet.exercise.choices import activation_named, loss_named, update_rule
from backprop_sheet.exercise.given_values import with_values
from backprop_sheet.exercise.model import Exercise
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
from gradsheet.errors import InvalidInputError

SIGNIFICANT_DIGITS = 10
EQUALS, ASSIGNS = "=", "←"


@dataclass(frozen=True)
class Formula:
    """``left = sides[0] = sides[1] …``.

    Attributes:
        relation: ← for an update, which assigns a new value, else =.
        is_chain_rule: whether the factors are derivatives, which need spaces between them.
    """

    left: Expression
    sides: tuple[Expression, ...]
    relation: str = EQUALS
    is_chain_rule: bool = False


@dataclass(frozen=True)
class Passage:
    """A paragraph and the formulas that follow it."""

    text: str
    formulas: tuple[Formula, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the document: a list of notes, then passages."""

    title: str
    notes: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class Derivation:
    """The document. ``title`` and ``source`` are plain text, as the exercise file gives them."""

    title: str
    source: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class IterationValues:
    """The numbers of one iteration, and of the update after it.

    Attributes:
        sample: the number of the sample whose row is used, from 1.
        quantities: the values of all quantities of that row, and of all factors of chain rules.
        errors: E_total of every row of the iteration.
        gradients: for every trained parameter, the gradient of every row of the iteration.
        used_by_update: the values of the names in the right-hand sides of the updates.
        updated: the new values of optimizer state and parameters.
        mean_error: E_mean, if there are several samples.
    """

    iteration: int
    sample: int
    learning_rate: float
    quantities: Mapping[str, float]
    errors: np.ndarray
    gradients: Mapping[str, np.ndarray]
    used_by_update: Mapping[str, np.ndarray | float]
    updated: Mapping[str, float]
    mean_error: float | None = None


def derive(
    exercise: Exercise, system: EquationSystem, values: IterationValues | None = None
) -> Derivation:
    """Write the derivation, with the numbers of an iteration if ``values`` are given."""
    return Derivation(
        exercise.title, exercise.source, *_Writer(exercise, system, values).document()
    )


def iteration_values(
    exercise: Exercise,
    system: EquationSystem,
    iteration: int,
    sample: int | None = None,
    learning_rate: float | None = None,
    progress: Callable[[], None] = lambda: None,
) -> IterationValues:
    """Train up to an iteration and return its numbers.

    Args:
        sample: the number of a sample, from 1. None stands for the first sample, or with online
            updates for the sample of this iteration.
        learning_rate: None stands for the exercise's first learning rate.
        progress: called after every iteration.

    Raises:
        InvalidInputError: no such iteration, sample or learning rate.
    """
    count = len(exercise.samples)
    if not 0 <= iteration <= MAX_ITERATIONS:
        raise InvalidInputError(f"iteration must be 0 to {MAX_ITERATIONS:,}, got {iteration:,}")
    if sample is not None and not 1 <= sample <= count:
        allowed = "1, as the exercise has one sample" if count == 1 else f"1 to {count}"
        raise InvalidInputError(f"sample must be {allowed}, got {sample}")
    turn = iteration % count + 1
    if sample is not None and not system.is_batch and sample != turn:
        raise InvalidInputError(
            f"iteration {iteration} uses sample {turn}, not {sample}: with online updates the "
            "samples take turns"
        )
    if learning_rate is not None:
        if not (math.isfinite(learning_rate) and learning_rate > 0):
            raise InvalidInputError(
                f"learning rate must be a finite number above 0, got {learning_rate:g}"
            )
        exercise = with_values(exercise, learning_rates=[learning_rate])
    rate = exercise.training.learning_rates[0]
    before: Rows = {}
    after: Rows = {}
    for rows in descend(exercise, system, [rate], iteration + 1):
        before, after = after, rows
        progress()
    return _collect(system, before, after, sample or 1, rate)


def _collect(
    system: EquationSystem, before: Rows, after: Rows, sample: int, rate: float
) -> IterationValues:
    """Collect an iteration's numbers from its rows and from those of the next iteration."""
    row = sample - 1 if system.is_batch else 0
    constants = {LEARNING_RATE: rate, **system.hyperparameters}
    of_row = {name: float(column[0, row]) for name, column in before.items()}
    quantities = {**of_row, **constants}
    with np.errstate(all="ignore"):
        for equation in system.equations:
            if equation.step is Step.UPDATE:
                continue
            if equation.name not in quantities:
                quantities[equation.name] = float(evaluate(equation.rhs, quantities))
            for factor in (factor for path in equation.paths for factor in path):
                if factor.derivative is not None:
                    quantities[factor.label] = float(evaluate(factor.derivative, quantities))
    iteration = int(of_row[ITERATION])
    used: dict[str, np.ndarray | float] = {
        f"{name}[n-1]": column[0] if name in map(system.gradient, system.trained) else column[0, 0]
        for name, column in before.items()
    }
    used |= {name: column[0, 0] for name, column in after.items()}
    used |= {**constants, ITERATION: float(iteration + 1)}
    return IterationValues(
        iteration=iteration,
        sample=int(of_row[SAMPLE]),
        learning_rate=rate,
        quantities=quantities,
        errors=before[TOTAL_ERROR][0],
        gradients={name: before[system.gradient(name)][0] for name in system.trained},
        used_by_update=used,
        updated={name: float(after[name][0, 0]) for name in system.updates},
        mean_error=of_row.get(MEAN_ERROR),
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


class _Writer:
    """Writes the sections of one document."""

    def __init__(
        self, exercise: Exercise, system: EquationSystem, values: IterationValues | None
    ) -> None:
        self.exercise, self.system, self.values = exercise, system, values
        self.rules = chain_rules(system)
        # How an update combines the gradients of several samples.
        self.reduction = exercise.training.reduction
        self.written: set[str] = set()  # sentences, so that none is repeated
        self.omitted = False  # whether a formula is written without its numbers

    def document(self) -> tuple[tuple[str, ...], tuple[Section, ...]]:
        sections = [self.section(step) for step in Step]
        opening = [Section("Notation", tuple(self.notation()))]
        if self.values:
            title = f"Values at iteration {self.values.iteration}"
            opening.append(Section(title, tuple(self.given_values(self.values))))
        return tuple(self.summary()), (*opening, *sections)

    # --- before the equations ---

    def summary(self) -> Iterator[str]:
        network, training, system = self.exercise.network, self.exercise.training, self.system
        fixed = "; the biases are not trained" if system.trained != system.parameters else ""
        yield f"Network: {network.describe()}{fixed}."
        symbols = ", ".join(f"`{s} = {rounded(v)}`" for s, v in system.hyperparameters.items())
        optimizer = update_rule(training).words + (f", {symbols}" if symbols else "")
        yield f"Loss: {loss_named(training.loss).title}."
        samples = ""
        if system.has_sample_column:
            used = f"the {self.reduction} of their gradients"
            samples = f"; {system.sample_count} samples, each update uses "
            samples += used if system.is_batch else "one of them, in turn"
        yield f"Training: {optimizer}{samples}."
        if self.values:
            numbers = f"Numbers: iteration {self.values.iteration}"
            if system.has_sample_column:
                numbers += f", sample {self.values.sample} of {system.sample_count}"
            yield f"{numbers}, learning rate {rounded(self.values.learning_rate)}."

    def notation(self) -> Iterator[str]:
        system = self.system
        yield from symbol_sentences(system)
        yield total_error_sentence()
        yield from definitions(system)
        if loss_named(system.training.loss).takes_logarithm:
            yield "ln is the natural logarithm."
        if one_hot := one_hot_sentence(system):
            yield one_hot
        yield sign_sentences(system)
        arrow = f"`{LEARNING_RATE}` is the learning rate. The arrow ← assigns a new value"
        if system.states:
            arrow += "; a parameter's update uses the new value of the optimizer's state"
        yield f"{arrow}."
        if system.is_batch:
            gradient = system.gradient(system.trained[0])
            yield (
                f"`{self.reduction}({gradient})` is the {self.reduction} of `{gradient}` "
                f"over the `S = {system.sample_count}` samples."
            )
        if self.values:
            yield from self.number_notes(self.values)

    def number_notes(self, values: IterationValues) -> Iterator[str]:
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
        if self.omitted:
            yield (
                "Formulas are shown without numbers if these would mean a division by 0 or a "
                f"logarithm of a number below {SMALLEST_ARGUMENT:g}."
            )

    def given_values(self, values: IterationValues) -> Iterator[str]:
        system = self.system
        groups = {"Inputs": system.inputs, "Targets": system.targets, "Weights": system.weights}
        if system.biases:
            groups["Biases"] = system.biases
        for title, group in groups.items():
            listed = ", ".join(f"`{name} = {rounded(values.quantities[name])}`" for name in group)
            yield f"{title}: {listed}."
        yield f"Learning rate: `{LEARNING_RATE} = {rounded(values.learning_rate)}`."

    # --- the equations ---

    def section(self, step: Step) -> Section:
        passages: list[Passage] = []
        title = step.value
        if step is Step.UPDATE and self.values:
            title += f" to iteration {self.values.iteration + 1}"
            if self.system.is_batch:
                passages.append(self.gradients_of_samples(self.values))
        for equation in self.system.equations:
            if equation.step is not step:
                continue
            new = [one for one in sentences(self.system, equation) if one not in self.written]
            self.written |= set(new)
            for passage in self.passages(equation, " ".join(new)):
                if passage.text or not passages:
                    passages.append(passage)
                else:
                    last = passages.pop()
                    passages.append(replace(last, formulas=last.formulas + passage.formulas))
        if step is Step.ERROR and self.values and self.system.has_sample_column:
            passages.append(self.mean_error(self.values))
        return Section(title, passages=tuple(passages))

    def passages(self, equation: Equation, explanation: str) -> Iterator[Passage]:
        if rule := self.rules.get(equation.name):
            yield Passage(explanation, (self.chain_rule(equation.name, rule),))
            if rule.new_factors:
                yield Passage("with", tuple(map(self.local_derivative, rule.new_factors)))
            heading = "Simplified:" if rule.is_simplified(equation.rhs) else "Together:"
            yield Passage(heading, (self.within_row(equation.name, equation.rhs),))
        elif equation.step is Step.UPDATE:
            yield Passage(explanation, (self.update(equation),))
        else:
            yield Passage(explanation, (self.within_row(equation.name, equation.rhs),))

    def chain_rule(self, name: str, rule: ChainRule) -> Formula:
        return self.within_row(name, rule.expression(), is_chain_rule=True)

    def local_derivative(self, factor: Factor) -> Formula:
        assert factor.derivative is not None
        return self.within_row(factor.label, factor.derivative)

    def within_row(self, name: str, rhs: Expression, is_chain_rule: bool = False) -> Formula:
        sides = (rhs,)
        if self.values:
            sides = self.sides(rhs, rhs, self.values.quantities, self.values.quantities[name])
        return Formula(Name(name), sides, is_chain_rule=is_chain_rule)

    def update(self, equation: Equation) -> Formula:
        shown = rename(equation.rhs, lambda name: Name(_UPDATE_NAMES.get(name.name, name.name)))
        sides = (shown,)
        if self.values:
            sides = self.sides(
                shown, equation.rhs, self.values.used_by_update, self.values.updated[equation.name]
            )
        return Formula(Name(equation.name), sides, ASSIGNS)

    def sides(
        self,
        shown: Expression,
        rhs: Expression,
        values: Mapping[str, np.ndarray | float],
        value: float,
    ) -> tuple[Expression, ...]:
        """Return the expression, the expression with numbers, and its value."""
        if isinstance(shown, Number):
            return (shown,)
        result = _number(value)
        if not _is_finite(result):
            self.omitted = True
            return (shown,)
        if isinstance(shown, Name):
            return (shown, result)
        numbers = _with_numbers(rhs, values)
        if not _is_finite(numbers) or _has_tiny_logarithm(numbers):
            self.omitted = True
            return (shown, result)
        return (shown, numbers, result)

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
        return Passage(
            "Every sample has a forward and a backward pass like those above. The gradients of "
            f"samples 1 to {self.system.sample_count} and their {self.reduction}:",
            tuple(formulas),
        )

    def mean_error(self, values: IterationValues) -> Passage:
        sentence = mean_error_sentence(self.system)
        if self.system.is_batch:
            return Passage(sentence, (_over_samples(Name(MEAN_ERROR), values.errors, mean=True),))
        assert values.mean_error is not None
        return Passage(sentence, (Formula(Name(MEAN_ERROR), (_number(values.mean_error),)),))


_UPDATE_NAMES = {ITERATION: "n"}


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
