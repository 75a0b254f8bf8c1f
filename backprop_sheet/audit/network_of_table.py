"""Compare a table with the network that its own formulas describe."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from itertools import islice, product

import numpy as np

from backprop_sheet.audit.compare.table_comparison import Comparison, Labels, compare_table
from backprop_sheet.audit.find.column_quantities import ColumnQuantities
from backprop_sheet.audit.find.derivatives_by_use import used_by_gradients, used_by_updates
from backprop_sheet.audit.find.exchanged_parameters import with_exchanged
from backprop_sheet.audit.find.formula_regions import FormulaRegion, column_name, read_columns
from backprop_sheet.audit.find.layer_reading import UnreadNetworkError
from backprop_sheet.audit.find.network_reading import NetworkReading, read_network
from backprop_sheet.audit.find.training_reading import (
    possible_trainings,
    possible_updates,
    read_samples,
)
from backprop_sheet.audit.read.references import Address
from backprop_sheet.audit.read.workbook import Sheet
from backprop_sheet.audit.results import ReadColumn
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import name_quantities
from backprop_sheet.equations.system import without_columns
from backprop_sheet.exercise.choices import update_rule
from backprop_sheet.exercise.model import Exercise, Training
from backprop_sheet.symbolic.expressions import plain_names
from gradsheet.words import join

READ_RECORDS = 60  # that decide which training a table has
MAX_TRAININGS = 60  # that are compared with a table


@dataclass(frozen=True)
class ReadNetwork:
    """A network that was read from a table's formulas, and the comparison with it.

    Attributes:
        headers: the header of each quantity.
        unexplained: the headers of computed columns that fit no quantity.
        columns: how each column of the table was read.
        checked: the headers of columns that fit no quantity, and that right ones are computed from.
    """

    exercise: Exercise
    comparison: Comparison
    headers: Mapping[str, str]
    unexplained: tuple[str, ...]
    columns: tuple[ReadColumn, ...] = ()
    checked: frozenset[str] = frozenset()

    @property
    def has_updates(self) -> bool:
        """Whether the update of each trained parameter was compared."""
        return self.comparison.by_column.keys() >= set(self.comparison.data.system.trained)

    @property
    def shape(self) -> str:
        """The neurons per layer: ``2-3-1``."""
        return "-".join(map(str, self.exercise.network.neurons))

    def description(self, *, with_optimizer: bool = True) -> str:
        """Describe the network, its loss and its optimizer in a few words."""
        training = self.exercise.training
        parts = [self.exercise.network.describe(), training.loss.replace("_", " ")]
        if training.hyperparameters and with_optimizer:
            parts.append(update_rule(training).words)
        return ", ".join(parts)


def compare_with_own_network(
    region: FormulaRegion,
    sheets: Mapping[str, Sheet],
    tolerance: float,
    exercise: Exercise | None = None,
) -> ReadNetwork:
    """Read a network from the formulas of a table, and compare the table with it.

    Args:
        sheets: the sheets that the formulas may refer to, by title.
        exercise: the exercise that the table must be of; None for any.

    Raises:
        UnreadNetworkError: the formulas describe no network, or leave most columns unexplained.
    """
    reader = _TableReader(region, dict(sheets), tolerance, exercise)
    return reader.result()


class _TableReader:
    """Reads one table: the network from its formulas, the training from its numbers."""

    def __init__(
        self,
        region: FormulaRegion,
        sheets: dict[str, Sheet],
        tolerance: float,
        given: Exercise | None,
    ) -> None:
        self.region, self.tolerance, self.given = region, tolerance, given
        self.columns = read_columns(region, sheets)
        self.reading = read_network(self.columns)
        if given is not None:
            self.reading = _as_given(self.reading, given)
        self.samples = read_samples(self.columns, self.reading)
        self.quantities = ColumnQuantities(self.columns, self.reading, len(self.samples))

    def result(self) -> ReadNetwork:
        """Find the training that explains the table best, and compare the table with it."""
        best = self._search(self._trainings())
        reader, rank = self, _rank(best)
        if rank[0] > 1 and self.given is None:
            compared, wrong = best[2].by_column, best[2].wrong_names
            for reading in with_exchanged(self.reading, compared, wrong):
                other = self._with_reading(reading)
                same_training = [(best[0], True), (best[0], False)]
                if _rank(found := other._search(same_training)) < rank:
                    reader, best, rank = other, found, _rank(found)
        return reader._judged(*best)

    def _with_reading(self, reading: NetworkReading) -> _TableReader:
        """Return a reader of the same table with another reading of its network."""
        other = copy(self)
        other.reading = reading
        other.quantities = ColumnQuantities(self.columns, reading, len(self.samples))
        return other

    def _search(
        self, possible: Iterable[tuple[Training, bool]]
    ) -> tuple[Training, dict[str, str], Comparison]:
        """Return the training, the quantity of each column and the comparison that fit best."""
        short = replace(self.region, records=self.region.records[:READ_RECORDS])
        wrong, training, with_states = self._best(short, possible)
        trainings = [(training, with_states)]
        if wrong > 0:  # the formula of the error is wrong, or no formula of an error was found
            trainings += [
                (replace(training, loss=loss), with_states) for loss in self.reading.losses[1:]
            ]
        if wrong > 0 and self.given is None:
            # With a wrong sign in δ, the updates are wrong for the mean and for the sum alike.
            trainings += [
                (replace(training, update=update), with_states)
                for update in possible_updates(self.columns, self.reading, len(self.samples))
                if update != training.update
            ]
        best: tuple[Training, dict[str, str], Comparison] | None = None
        for (each, states), by_use in product(trainings, (False, True)):
            for sign in self._signs(each):
                found = self._with_derivatives(each, sign, with_states=states, by_use=by_use)
                if best is None or _rank(found) < _rank(best):
                    best = found
            if best is not None and not best[2].wrong_columns:
                break
        assert best is not None
        return best

    def _with_derivatives(
        self, training: Training, sign: str, *, with_states: bool, by_use: bool
    ) -> tuple[Training, dict[str, str], Comparison]:
        """Return the quantities of all columns for one training and sign of the gradients.

        Args:
            by_use: whether the columns of ∂E/∂h1 … are recognized by their use before their
                numbers; the numbers of a mistake can be those of another quantity.
        """
        system = self.quantities.system(training)
        assigned = self.quantities.of(training, sign, with_states=with_states)
        more: dict[str, str] = {}
        for step in (True, False) if by_use else (False, True):
            if step:
                more |= used_by_updates(self.reading, self.quantities.updates, {**assigned, **more})
                more |= used_by_gradients(self.columns, self.reading, {**assigned, **more})
            else:
                more |= self.quantities.by_numbers(system, {**assigned, **more})
        every = {**assigned, **more}
        return training, every, self._compare(self.region, training, every)

    def _signs(self, training: Training) -> tuple[str, ...]:
        """Return the signs that the gradients can have: that of the numbers, that of their use."""
        by_numbers = self.quantities.sign_of_gradients(training)
        signs = self.quantities.updates.signs
        by_use = NEGATIVE if signs[1] > signs[-1] else ""
        return (by_numbers,) if by_numbers == by_use else (by_numbers, by_use)

    def _best(
        self, region: FormulaRegion, trainings: Iterable[tuple[Training, bool]]
    ) -> tuple[int, Training, bool]:
        """Return the training with the fewest wrong columns, their number, and its states' use."""
        some = list(islice(trainings, MAX_TRAININGS))
        best: tuple[int, Training, bool] | None = None
        # A wrong δ makes all updates wrong if they are compared with gradients from scratch.
        for by_use in (False, True):
            for training, with_states in some:
                sign = self.quantities.sign_of_gradients(training)
                assigned = self.quantities.of(training, sign, with_states=with_states)
                if by_use:
                    more = used_by_updates(self.reading, self.quantities.updates, assigned)
                    if not more:
                        continue
                    assigned |= more
                wrong = self._compare(region, training, assigned).wrong_columns
                if best is None or wrong < best[0]:
                    best = (wrong, training, with_states)
                if not wrong:
                    return best
            if len(some) == 1:
                break
        assert best is not None
        return best

    def _judged(
        self, training: Training, assigned: Mapping[str, str], comparison: Comparison
    ) -> ReadNetwork:
        columns_of = self.columns.columns
        unread = (name for name, column in columns_of.items() if column.is_unread)
        with_formulas = (*self.columns.computed, *self.columns.updated, *unread)
        computed = [
            name
            for name in with_formulas
            if columns_of[name].address is None and not columns_of[name].is_counter
        ]
        right_steps = {
            name
            for parameter, steps in self.quantities.updates.steps.items()
            if parameter not in comparison.wrong_names
            for name in (*steps, *self.columns.repeated_above(self.reading.columns[parameter]))
        }
        explained = {*assigned, *right_steps}
        unexplained = tuple(
            columns_of[name].header or name for name in computed if name not in explained
        )
        rate = comparison.rate.value
        if rate is not None:
            training = replace(training, learning_rates=(rate,))
        exercise = self._exercise(replace(training, iterations=max(self._iterations(training), 1)))
        headers = {
            quantity: self.columns.columns[name].header for name, quantity in assigned.items()
        }
        columns = tuple(self._read_columns(assigned))
        wrong = comparison.wrong_names
        right = (name for name, quantity in assigned.items() if quantity not in wrong)
        used = self._reached(right, assigned.keys()) - assigned.keys()
        checked = frozenset(columns_of[name].header for name in used if name in columns_of)
        whole = _without_missing(comparison)
        read = ReadNetwork(exercise, whole, headers, unexplained, columns, checked)
        compared = len(comparison.columns)
        if 2 * len(unexplained) > len(computed) or 2 * comparison.wrong_columns > compared:
            fits = join([f"{header!r}" for header in unexplained[:6]], "and")
            what = f", and these columns fit nothing: {fits}" if unexplained else ""
            raise UnreadNetworkError(
                f"its formulas look like the network {read.description()}, but most columns do not "
                f"fit it{what}"
            )
        return read

    def _read_columns(self, assigned: Mapping[str, str]) -> Iterator[ReadColumn]:
        region = self.region
        reached = self._reached(assigned)
        for across in region.lines:
            cell = Address(region.sheet.title, *region.cell(region.header or region.first, across))
            quantity = assigned.get(column_name(across), "")
            header = " ".join(region.header_of(across).split())
            by = "formula" if quantity else ""
            is_used = not quantity and column_name(across) in reached
            yield ReadColumn(header, cell.text(region.sheet.title), quantity, by, is_used=is_used)

    def _reached(self, columns: Iterable[str], ends: Container[str] = ()) -> set[str]:
        """Return some columns, and those that they are computed from.

        Args:
            ends: the columns whose formulas are followed only if they are among the first ones.
        """
        reached = set(columns)
        waiting = list(reached)
        while waiting:
            name = waiting.pop()
            formula = self.columns.updated.get(name, self.columns.columns[name].main)
            used = set() if formula is None else plain_names(formula)
            waiting += (one for one in used - reached if one not in ends)
            reached |= used
        return reached

    def _iterations(self, training: Training) -> int:
        rows = len(self.samples) if training.is_batch(len(self.samples)) else 1
        return len(self.region.records) // rows - 1

    def _trainings(self) -> Iterator[tuple[Training, bool]]:
        """Yield the trainings that the table can be of, and whether its states are columns."""
        if self.given is not None:
            yield self.given.training, True
            yield self.given.training, False
            return
        samples = len(self.samples)
        yield from possible_trainings(self.columns, self.reading, self.quantities.updates, samples)

    def _exercise(self, training: Training) -> Exercise:
        names_of_network = self.reading.names
        network = self.reading.network

        def first(name: str) -> float:
            column = self.reading.columns.get(name)
            if column is None:
                return self.reading.numbers.get(name, 0.0)
            known = self.columns.columns[column].values
            known = known[~np.isnan(known)]
            return float(known[0]) if len(known) else 0.0

        return Exercise(
            f"The network of a workbook: {network.describe()}",
            network,
            tuple(first(name) for name in names_of_network.weights),
            tuple(first(name) for name in names_of_network.biases),
            tuple(self.samples),
            training,
        )

    def _compare(
        self, region: FormulaRegion, training: Training, quantities: Mapping[str, str]
    ) -> Comparison:
        lines = {
            across: quantities[column_name(across)]
            for across in region.lines
            if column_name(across) in quantities
        }
        table = region.table(lines)
        system = self.quantities.system(training)
        here = {*quantities.values(), *self.reading.numbers}
        system = without_columns(system, frozenset(system.columns.keys() - here))
        return compare_table(table, system, self._labels(quantities, region), self.tolerance)

    def _labels(self, quantities: Mapping[str, str], region: FormulaRegion) -> Labels:
        labels: dict[str, dict[Address, float]] = {}
        for name, quantity in quantities.items():
            column = self.columns.columns[name]
            if column.address is not None:
                labels.setdefault(quantity, {})[column.address] = float(column.values[0])
        along = region.header or region.first
        place = Address(region.sheet.title, *region.cell(along, region.lines[0]))
        for name, number in self.reading.numbers.items():
            labels.setdefault(name, {place: number})
        return labels


def _rank(found: tuple[Training, Mapping[str, str], Comparison]) -> tuple[int, bool]:
    """Return how bad a reading is: its wrong columns.

    Of two that are as bad, ½ is missing in the error rather than 2 in its derivatives.
    """
    loss = found[0].loss
    return found[2].wrong_columns, loss in ("squared_error", "mean_squared_error")


def _without_missing(comparison: Comparison) -> Comparison:
    """Return a comparison that requires only the columns that the table has."""
    return replace(comparison, data=replace(comparison.data, missing=()))


def _as_given(reading: NetworkReading, given: Exercise) -> NetworkReading:
    """Return the reading as that of a given exercise's network.

    Raises:
        UnreadNetworkError: it has another shape.
    """
    network, own = given.network, reading.network
    if (network.neurons, network.bias) != (own.neurons, own.bias):
        raise UnreadNetworkError(f"its formulas describe another network: {own.describe()}")
    return replace(
        reading,
        network=network,
        names=name_quantities(network),
        losses=(given.training.loss,),
    )
