"""Recognize the exercise of a table, or describe the network that it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import overload

import numpy as np

from backprop_sheet.audit.compare.record_values import mostly_agree
from backprop_sheet.audit.compare.table_comparison import Comparison, Labels, compare_table
from backprop_sheet.audit.compare.table_data import TableData, column_numbers
from backprop_sheet.audit.find.assignment import Assigner
from backprop_sheet.audit.find.judging import Assignment
from backprop_sheet.audit.find.reading import Reading, reading_of
from backprop_sheet.audit.find.table_columns import TableColumns
from backprop_sheet.audit.find.tables import Table
from backprop_sheet.audit.opposite_gradients import with_opposite_gradients
from backprop_sheet.audit.read.table_names import MIN_NAMES
from backprop_sheet.audit.report.reading_words import misfits, which_is_which, why_not_judged
from backprop_sheet.audit.results import ReadColumn
from backprop_sheet.equations.names import (
    SAMPLE,
    TOTAL_ERROR,
    Kind,
)
from backprop_sheet.equations.system import EquationSystem, equation_system
from backprop_sheet.exercise.choices import ACTIVATIONS, LOSSES, activation_named
from backprop_sheet.exercise.exercise_file import MAX_SAMPLES, load_exercise
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.symbolic.evaluation import evaluate
from backprop_sheet.symbolic.expressions import Name, names


class NotRecognizedError(Exception):
    """The table does not fit any of the exercises; the message says why.

    Attributes:
        columns: how its columns were read.
    """

    def __init__(self, message: str, columns: tuple[ReadColumn, ...]) -> None:
        super().__init__(message)
        self.columns = columns


class OtherNetworkError(NotRecognizedError):
    """All numbers of the table are right for another network; the message describes it."""


class TiedColumnsError(NotRecognizedError):
    """Neither headers nor numbers tell which of two columns is which; the message names them."""


@dataclass(frozen=True)
class Recognized:
    """The exercise of a table, how it was read, and its comparison with the equations."""

    exercise: str
    comparison: Comparison
    reading: Reading


MAX_TRIED = 3  # exercises with which the columns of a table are assigned by their numbers
MIN_EXPLAINED = 0.5  # the share of the computed columns below which a table is not judged
MIN_EXPLAINED_FOREIGN = 0.8  # the same if headers name quantities that the exercise lacks
MIN_BIAS = 0.01  # of a sum in one record, more than is rounded away


class PackagedExercises(Sequence[Exercise]):
    """The packaged exercises, the default one first, and others; each is read when it is needed."""

    def __init__(self, *others: Exercise) -> None:
        """Know the names, and read nothing yet."""
        self._exercises: list[str | Exercise] = [*packaged_exercises(), *others]

    def __len__(self) -> int:
        return len(self._exercises)

    @overload
    def __getitem__(self, index: int) -> Exercise: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Exercise]: ...
    def __getitem__(self, index: int | slice) -> Exercise | Sequence[Exercise]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        exercise = self._exercises[index]
        return _packaged(exercise) if isinstance(exercise, str) else exercise


@lru_cache(maxsize=64)
def _packaged(name: str) -> Exercise:
    return load_exercise(name)


def recognize(
    table: Table, labels: Labels, exercises: Sequence[Exercise], tolerance: float
) -> Recognized:
    """Find the exercise that explains most of a table, and compare the table with it.

    Raises:
        NotRecognizedError: the table's columns do not fit any of the exercises.
        OtherNetworkError: all its numbers are right for another network.
    """
    columns = TableColumns(table)
    exercise, reading = _best_reading(columns, labels, exercises)
    if reading.tied:
        raise TiedColumnsError(which_is_which(reading), reading.columns)
    if not _is_judged(reading) or (table.is_presumed and reading.explained < MIN_NAMES):
        reading = _clearest_reading(reading, columns, labels, exercises)
        raise NotRecognizedError(why_not_judged(reading), reading.columns)
    comparison = compare_table(reading.table, reading.system, reading.labels, tolerance)
    other = _explanation(reading.table, reading.labels, comparison, tolerance)
    if other is not None:
        raise OtherNetworkError(other, reading.columns)
    reading, comparison = with_opposite_gradients(reading, comparison, tolerance)
    return Recognized(exercise.name or exercise.title, comparison, reading)


def _best_reading(
    columns: TableColumns, labels: Labels, exercises: Iterable[Exercise]
) -> tuple[Exercise, Reading]:
    """Return the exercise that explains most; the first one of several that do."""
    tried: list[tuple[float, int, Exercise, Assigner, Assignment]] = []
    for order, exercise in enumerate(exercises):
        assigner = Assigner(columns, _of_samples(exercise, columns.table), labels)
        first = assigner.by_headers()
        if assigner.is_final(first):
            return exercise, reading_of(assigner, first)
        tried.append((first.cost, order, exercise, assigner, first))
    tried.sort(key=lambda one: one[:2])
    by_weights = (one for count in (0, 1) for one in tried if _unnamed_weights(one[3]) == count)
    likely = next(by_weights, None)
    if likely in tried[MAX_TRIED:]:
        tried.remove(likely)
        tried.insert(0, likely)
    best: tuple[tuple[bool, float, int], Exercise, Reading] | None = None
    lacking: list[Exercise] = []  # biases, perhaps: their sums do not follow
    for place, (_, order, exercise, assigner, _) in enumerate(tried):
        if place >= MAX_TRIED and not any(_differ_in_biases(one, exercise) for one in lacking):
            continue
        assignment = assigner.best()
        reading = reading_of(assigner, assignment)
        key = _is_of_more(reading), assignment.cost, order
        may_lack = [exercise] if _lacks_sums_of_a_layer(assigner, assignment) else []
        if best is None or key < best[0]:
            best, lacking = (key, exercise, reading), may_lack
        elif _unnamed_weights(assigner) in (0, 1):
            lacking += may_lack
        if assigner.is_final(assignment):
            break
    assert best is not None
    return best[1:]


def _unnamed_weights(assigner: Assigner) -> int:
    """Return how many weights more an exercise has than headers name, whatever else follows.

    A gradient's header may be that of its weight by mistake.
    """
    named = {one.names[0] for one in assigner.proposals if one.kind is Kind.WEIGHT}
    return len(assigner.system.weights) - len(named)


def _lacks_sums_of_a_layer(assigner: Assigner, assignment: Assignment) -> bool:
    """Whether no sum of some layer follows, as without its bias, or none of all is found."""
    unexplained = set(assigner.unexplained(assignment))
    layers = [
        {x for x, _ in neurons if x in assignment.names} for neurons in assigner.system.layers
    ]
    return not any(layers) or any(sums and sums <= unexplained for sums in layers)


def _differ_in_biases(found: Exercise, other: Exercise) -> bool:
    """Whether two exercises have the same network, with other biases."""
    network = found.network
    return (
        other.network.bias_counts != network.bias_counts
        and replace(other.network, bias=network.bias, train_bias=network.train_bias) == network
    )


def _clearest_reading(
    best: Reading, columns: TableColumns, labels: Labels, exercises: Sequence[Exercise]
) -> Reading:
    """Return the reading that says in the fewest words what a table lacks."""
    assigners = (
        Assigner(columns, _of_samples(exercise, columns.table), labels) for exercise in exercises
    )
    by_headers = (reading_of(assigner, assigner.by_headers()) for assigner in assigners)
    return min((*by_headers, best), key=misfits)


def _is_judged(reading: Reading) -> bool:
    """Whether enough of a table follows from an exercise to call the rest wrong."""
    if not _has_all_neurons(reading) or _is_of_more(reading):
        return False
    computed = reading.explained + reading.unexplained
    if reading.foreign:
        return reading.explained >= MIN_EXPLAINED_FOREIGN * max(computed, 1)
    return reading.explained >= MIN_EXPLAINED * computed


def _is_of_more(reading: Reading) -> bool:
    """Whether headers name as many quantities that an exercise lacks as columns follow from it.

    The equations of a small network explain some columns of many larger ones.
    """
    return bool(reading.foreign) and len(reading.foreign) >= reading.explained


def _has_all_neurons(reading: Reading) -> bool:
    """Whether a table has something of each of the exercise's neurons, and of its biases."""
    system = reading.system
    present = {*reading.table.names, *reading.labels}
    quantities = [system.quantities[name] for name in present if name in system.quantities]
    kinds = {Kind.SUM, Kind.ACTIVATION, Kind.INPUT, Kind.TARGET, Kind.ERROR}
    for layer in range(len(system.layers) + 1):
        numbers = [q.index for q in quantities if q.kind in kinds and q.layer == layer]
        if numbers and max(numbers) < system.network.neurons[layer]:
            return False
    weights = [q.index for q in quantities if q.kind is Kind.WEIGHT]
    if weights and max(weights) < len(system.weights):
        return False
    return not system.biases or any(name in present for name in system.biases)


def compare_with(
    exercise: Exercise, table: Table, labels: Labels, tolerance: float
) -> Recognized | None:
    """Compare a table with an exercise, or return None if the table lacks some of its columns."""
    _, reading = _best_reading(TableColumns(table), labels, [exercise])
    if (
        reading.tied
        or not _is_judged(reading)
        or (table.is_presumed and reading.explained < MIN_NAMES)
    ):
        return None
    comparison = compare_table(reading.table, reading.system, reading.labels, tolerance)
    if comparison.data.missing:
        return None
    return Recognized(exercise.name or exercise.title, comparison, reading)


# --- samples --------------------------------------------------------------------------------------


def _of_samples(exercise: Exercise, table: Table) -> EquationSystem:
    """Return the exercise's equations for the number of samples in the table."""
    count = len(exercise.samples)
    found = _sample_count(table)
    if count == 1 and found > 1 and table.records < 2 * found and SAMPLE not in table.names:
        found = 1  # inputs that change without a pattern are a mistake, not several samples
    if found == 0:
        found = min(count, table.records)
    return equation_system(exercise.network, exercise.training, found)


def _sample_count(table: Table) -> int:
    """Return after how many rows the given values are repeated; 0 if they are not."""
    if SAMPLE in table.names:
        numbers, _ = column_numbers(table, SAMPLE)
        known = numbers[~np.isnan(numbers)]
        return int(min(max(len(np.unique(known)), 1), MAX_SAMPLES))
    given = [name for name in table.names if re.fullmatch(r"[it]\d+", name)]
    if not given:
        return 0
    columns = np.array([column_numbers(table, name)[0] for name in given])
    columns = columns[:, ~np.isnan(columns).any(axis=0)]
    records = columns.shape[1]
    for period in range(1, min(MAX_SAMPLES, records - 1) + 1):
        if np.array_equal(columns[:, period:], columns[:, :-period]):
            return period
    return 1 if records == 1 else 0


# --- another network for which all numbers are right ----------------------------------------------


def _explanation(
    table: Table, labels: Labels, comparison: Comparison, tolerance: float
) -> str | None:
    """Describe the other network for which all numbers of a table are right, if there is one.

    The activations, the loss and missing biases are determined from the numbers, layer by layer.
    Then the whole table, including the gradients, must agree with that network.
    """
    data = comparison.data
    if comparison.wrong_columns < 2:
        return None
    system = data.system
    biases = _constant_biases(data)
    network = system.network
    if biases:
        network = replace(network, bias="neuron", train_bias=False)
    activations = [
        _activation_of(data, layer, biases) or network.activations[layer]
        for layer in range(len(system.layers))
    ]
    network = replace(network, activations=tuple(activations))
    training = replace(system.training, loss=_loss_of(data) or system.training.loss)
    if (network, training.loss) == (system.network, system.training.loss):
        return None
    try:
        other = equation_system(network, training, system.sample_count)
    except ValueError:
        return None
    constants = {
        f"b{at}": {table.header(table.names[0]): value} for at, value in enumerate(biases, 1)
    }
    again = compare_table(table, other, {**labels, **constants}, tolerance)
    if again.wrong_columns:
        return None
    loss = f", {training.loss}" if training.loss != system.training.loss else ""
    return f"{network.describe()}{loss}"


def _values(data: TableData, name: str) -> np.ndarray | None:
    """Return the numbers in a column of the table, or None if there is no such column.

    In empty cells, the system that may be another one has its own numbers.
    """
    if name not in data.columns:
        return None
    return np.where(data.has_numbers(name), data.values[name], np.nan)


def _constant_biases(data: TableData) -> list[float]:
    """Return the constants that all weighted sums have in addition to their terms, if any."""
    system = data.system
    if system.biases:
        return []
    found: list[float] = []
    are_constant, are_large = False, True
    for neurons in system.layers:
        for sum_name, _ in neurons:
            column = _values(data, sum_name)
            terms = [one for one in system.connections.values() if one.target == sum_name]
            used = [name for one in terms for name in (one.weight, one.source)]
            if column is None or not all(name in data.values for name in used):
                return []
            total = sum(data.values[one.weight] * data.values[one.source] for one in terms)
            rest = column - total
            rest = rest[~np.isnan(rest)]
            if not len(rest) or np.ptp(rest) > 1e-9 * (1 + np.abs(rest).max()):
                return []
            found.append(float(rest[0]))
            are_constant |= len(rest) > 1
            are_large &= bool(np.abs(rest).max() > MIN_BIAS * np.nanmax(np.abs(column)))
    if not (are_constant or are_large):
        return []  # in one record, whatever is wrong in a sum is a constant
    return found if any(abs(value) > 1e-9 for value in found) else []


def _activation_of(data: TableData, layer: int, biases: list[float]) -> str | None:
    """Determine the activation of all neurons of a layer from the numbers."""
    pairs = []
    for sum_name, activation in data.system.layers[layer]:
        x, a = _values(data, sum_name), _values(data, activation)
        if a is None or (x is None and biases):
            return None
        if x is None and sum_name in data.values:
            x = data.values[sum_name]
        if x is None:
            return None
        pairs.append((x, a))
    is_output = layer == len(data.system.layers) - 1
    # ReLU and linear agree if all sums are positive: prefer the usual one for the layer.
    kinds = sorted(ACTIVATIONS, key=lambda kind: kind == ("relu" if is_output else "linear"))
    names_of_sums = tuple(Name(f"x{index}") for index in range(len(pairs)))
    values = {name.key: x for name, (x, _) in zip(names_of_sums, pairs, strict=True)}
    for kind in kinds:
        candidate = activation_named(kind)
        if candidate.takes_layer and not (is_output and len(pairs) > 1):
            continue
        calls = [candidate.call(name, names_of_sums) for name in names_of_sums]
        with np.errstate(all="ignore"):
            if all(
                mostly_agree(a, np.asarray(evaluate(call, values)))
                for call, (_, a) in zip(calls, pairs, strict=True)
            ):
                return kind
    return None


def _loss_of(data: TableData) -> str | None:
    """Determine the loss of all error columns from the numbers."""
    system = data.system
    columns: dict[str, np.ndarray] = {}
    for error in system.errors:
        column = _values(data, error)
        if column is None and len(system.errors) == 1:
            column = _values(data, TOTAL_ERROR)
        if column is None:
            return None
        columns[error] = column
    ordered = [system.training.loss, *(one for one in LOSSES if one != system.training.loss)]
    for loss in ordered:
        other = equation_system(
            system.network, replace(system.training, loss=loss), system.sample_count
        )
        agreed = True
        for error, column in columns.items():
            rhs = other.within_row[error]
            values: Mapping[str, np.ndarray] = data.values
            if not all(data.values.has(name.key) for name in names(rhs)):
                return None
            with np.errstate(all="ignore"):
                agreed &= mostly_agree(column, np.asarray(evaluate(rhs, values)))
        if agreed:
            return loss
    return None
