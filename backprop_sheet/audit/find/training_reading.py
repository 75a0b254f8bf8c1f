"""Read the samples of a table, and the trainings that its updates can be of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from backprop_sheet.audit.compare.record_values import Numbers
from backprop_sheet.audit.find.layer_reading import UnreadNetworkError
from backprop_sheet.audit.find.network_reading import NetworkReading
from backprop_sheet.audit.find.read_columns import ColumnSet
from backprop_sheet.audit.find.update_reading import Updates, hyperparameter_values, state_columns
from backprop_sheet.exercise.choices import MOMENTUM_FORMS, OPTIMIZERS, Hyperparameter, update_rule
from backprop_sheet.exercise.exercise_file import MAX_SAMPLES
from backprop_sheet.exercise.model import Sample, Training


def read_samples(columns: ColumnSet, reading: NetworkReading) -> list[Sample]:
    """Return the samples: the records until the given values are repeated.

    Raises:
        UnreadNetworkError: there are no numbers for its inputs and targets.
    """
    given = _given(columns, reading)
    known = given[:, ~np.isnan(given).any(axis=0)]
    count = known.shape[1]
    if not count:
        raise UnreadNetworkError(
            "no numbers were found for its inputs and targets", is_like_network=False
        )
    period = next(
        (
            length
            for length in range(1, min(MAX_SAMPLES, count - 1) + 1)
            if np.array_equal(known[:, length:], known[:, :-length])
        ),
        min(count, MAX_SAMPLES),
    )
    inputs = len(reading.names.inputs)
    return [
        Sample(tuple(map(float, each[:inputs])), tuple(map(float, each[inputs:])))
        for each in known[:, :period].T
    ]


def _given(columns: ColumnSet, reading: NetworkReading) -> Numbers:
    """Return the inputs and targets of each record, as an array (quantities, records)."""
    rows = []
    for name in (*reading.names.inputs, *reading.names.targets):
        column = reading.columns.get(name)
        if column is not None:
            rows.append(columns.columns[column].values)
        else:
            rows.append(np.full(columns.records, reading.numbers.get(name, np.nan)))
    return np.array(rows)


def possible_trainings(
    columns: ColumnSet, reading: NetworkReading, updates: Updates, samples: int
) -> Iterator[tuple[Training, bool]]:
    """Yield the trainings that a table can be of, and whether their states are columns.

    Args:
        samples: the number of samples.
    """
    loss = reading.losses[0]
    for update in possible_updates(columns, reading, samples):
        for training in _optimizers(columns, updates, Training(loss=loss, update=update)):
            rule = update_rule(training)
            states = state_columns(columns, updates, rule.states)
            if states:
                yield training, True
            yield training, False


def possible_updates(columns: ColumnSet, reading: NetworkReading, samples: int) -> Sequence[str]:
    """Return when parameters can be updated: after each sample, or after all of them."""
    if samples == 1 or not columns.updated:
        return ("batch_mean",)
    weights = [
        columns.columns[column].values
        for name, column in reading.columns.items()
        if name in reading.names.trained and column in columns.updated
    ]
    stays = all(np.allclose(values[1:samples], values[0], equal_nan=True) for values in weights)
    return ("batch_mean", "batch_sum") if stays and samples > 1 else ("online",)


def _optimizers(columns: ColumnSet, updates: Updates, training: Training) -> Iterator[Training]:
    """Yield a training with each optimizer and the hyperparameters that the formulas have."""
    has_states = any(updates.states.values())
    if not has_states:
        yield training
    if not columns.updated:
        return
    values = list(hyperparameter_values(columns, updates))
    for optimizer in OPTIMIZERS.values():
        choices = [_choices(one, values) for one in optimizer.hyperparameters]
        for chosen in product(*choices):
            symbols = [one.symbol for one in optimizer.hyperparameters]
            hyperparameters = dict(zip(symbols, chosen, strict=True))
            if len(set(chosen)) < len(chosen):
                continue
            own = replace(training, optimizer=optimizer.name, hyperparameters=hyperparameters)
            for form in MOMENTUM_FORMS if optimizer.name == "sgd" else MOMENTUM_FORMS[:1]:
                yield replace(own, momentum_form=form)
            if optimizer.name == "sgd":
                yield replace(own, nesterov=True)
    if has_states:
        yield training


def _choices(hyperparameter: Hyperparameter, values: Sequence[float]) -> list[float]:
    """Return the values that a hyperparameter can have; its default if the formulas have none."""
    found = [value for value in values if hyperparameter.low < value < hyperparameter.high]
    found.sort(key=lambda value: value == 0.5)  # mostly the factor of an error
    if hyperparameter.key == "epsilon":
        found = [value for value in found if value <= 1e-3]
    elif hyperparameter.key != "weight_decay":
        found = [value for value in found if value > 1e-3]
    return found[:4] or [hyperparameter.default]
