"""What the page shows, as data: the network, its given values, and the texts that explain it.

Formulas and sentences are templates: ``{w1}*{i1}`` has the names of quantities in braces, which
the page writes as names or as numbers. ``{w1[n-1]}`` is the value before an update, and
``{mean(x)}`` the mean of x over the samples. Lists of rows are
:func:`~backprop_sheet.page.filling.filled_down`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backprop_sheet.equations.names import MEAN_ERROR, Kind
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import activation_named
from backprop_sheet.exercise.exercise_text import to_toml
from backprop_sheet.exercise.limits import largest_learning_rate, largest_value
from backprop_sheet.exercise.model import Exercise, Sample
from backprop_sheet.explanation.derivation import derive
from backprop_sheet.explanation.sentences import (
    chain_rules,
    definitions,
    mean_error_sentence,
    one_hot_sentence,
    sentences,
    sign_sentences,
    symbol_sentences,
    total_error_sentence,
)
from backprop_sheet.page.filling import Filled, filled_down
from backprop_sheet.page.script import template
from backprop_sheet.symbolic.expressions import Name
from backprop_sheet.symbolic.prose import Equality, Formula, Sentence, joined, sentence

MAX_ITERATIONS = 10_000  # the page keeps the parameters of each
# Lines of an exercise file that the page writes anew: what they begin with.
_CHANGEABLE = ("weights = ", "biases = ", "inputs = ", "targets = ", "learning_rates = ")


def page_data(exercise: Exercise, system: EquationSystem) -> dict[str, Any]:
    """Return the data of an exercise's page."""
    count = len(exercise.samples)
    largest = largest_value(exercise.network, exercise.training, count)
    activation = activation_named(exercise.network.activations[-1])
    return {
        "title": exercise.title,
        "source": exercise.source,
        "summary": [_written(each) for each in derive(exercise, system).summary],
        "notation": [_written(each) for each in _notation(system)],
        **_network(system),
        "weights": exercise.weights,
        "biases": exercise.biases,
        "samples": _numbers(exercise.samples),
        "rates": exercise.training.learning_rates,
        "iterations": min(exercise.training.iterations, MAX_ITERATIONS),
        "constants": dict(system.hyperparameters),
        "limits": {
            "value": largest,
            "rate": largest_learning_rate(exercise.network, exercise.training, count),
            "target": activation.largest if activation.clips else largest,
        },
        **_explanations(system),
        "exerciseFile": filled_down(map(_file_line, to_toml(exercise).splitlines())),
    }


def _network(system: EquationSystem) -> dict[str, Any]:
    return {
        "layers": system.layers,
        "inputs": system.inputs,
        "targets": system.targets,
        "errors": system.errors,
        "activations": system.network.activations,
        "parameters": system.parameters,
        "trained": system.trained,
        "connections": filled_down(
            f"{name} {connection.source} {connection.target}"
            for name, connection in system.connections.items()
        ),
        "biasTargets": _rows(system.bias_targets, " "),
        "columns": filled_down(system.columns),
        "comparedError": system.compared_error,
        "isBatch": system.is_batch,
        "reduction": system.training.reduction if system.is_batch else "",
    }


def _numbers(samples: Sequence[Sample]) -> list[float] | str:
    """Return the inputs and targets of all samples, one after the other.

    If that is shorter, as it is for numbers of many digits, they are the base64 of doubles.
    """
    values = [float(value) for each in samples for value in (*each.inputs, *each.targets)]
    plain = [int(value) if value.is_integer() and abs(value) < 1e15 else value for value in values]
    doubles = base64.b64encode(np.array(values, "<f8").tobytes()).decode()
    return doubles if len(doubles) < sum(len(repr(each)) + 1 for each in plain) else plain


def _rows(lists: Mapping[str, Sequence[str]], separator: str) -> Filled:
    """Return a row for each list: its name and its entries."""
    return filled_down(separator.join([name, *entries]) for name, entries in lists.items())


def _explanations(system: EquationSystem) -> dict[str, Any]:
    """Return the kinds, the words and the paths of all quantities.

    Each sentence stands there once, with its names numbered: ``"w5;2 a_h1 o1;7 w5"`` is w5 with
    the sentences 2 and 7 and their names.
    """
    said = _Sentences()
    kinds: dict[str, list[str]] = {}
    words: dict[str, list[str]] = {}
    paths: dict[str, list[str]] = {}
    for name, quantity in system.quantities.items():
        kinds.setdefault(quantity.kind, []).append(name)
        words[name] = list(map(said.use, _given(system, name)))
    for equation in system.equations:
        words[equation.name] += map(said.use, sentences(system, equation))
        if equation.paths:
            # The quantities from the error on: "E1 a_o1 o1 w5".
            paths[equation.name] = [
                " ".join([path[0].of, *(factor.by for factor in path)]) for path in equation.paths
            ]
    if system.has_sample_column:
        words[MEAN_ERROR].append(said.use(mean_error_sentence(system)))
    rhs = {equation.name: equation.rhs for equation in system.equations}
    rules = chain_rules(system).items()
    products = [name for name, rule in rules if not rule.is_simplified(rhs[name])]
    return {
        "kinds": {kind: filled_down(names) for kind, names in kinds.items()},
        "words": _rows(words, ";"),
        "paths": _rows(paths, ";"),
        "products": filled_down(products),
        "sentences": filled_down(said.written()),
    }


class _Sentences:
    """The sentences of a page, without the names in them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def use(self, text: Sentence) -> str:
        """Return the number of a sentence and its names."""
        names: dict[str, int] = {}

        def numbered(found: re.Match[str]) -> str:
            return f"{{#{names.setdefault(found[1], len(names))}}}"

        shape = re.sub(r"\{([^}]*)\}", numbered, _written(text))
        return " ".join([str(self._numbers.setdefault(shape, len(self._numbers))), *names])

    def written(self) -> list[str]:
        """Return the sentences that have been used."""
        return list(self._numbers)


def _given(system: EquationSystem, name: str) -> Iterator[Sentence]:
    """Say what a quantity is that is given at the start."""
    match system.quantities[name].kind:
        case Kind.WEIGHT:
            connection = system.connections[name]
            ends = (connection.source.removeprefix("a_"), connection.target)
            yield sentence("The weight of the connection ", joined(map(Name, ends), " → "), ".")
        case Kind.BIAS:
            yield sentence("The bias of ", joined(map(Name, system.bias_targets[name]), ", "), ".")
            if name not in system.trained:
                yield sentence("It is not trained.")
        case Kind.INPUT:
            yield sentence("An input of the network, given by the sample.")
        case Kind.TARGET:
            yield sentence("A target: the output that the network should learn for this sample.")


def _notation(system: EquationSystem) -> Iterator[Sentence]:
    yield from symbol_sentences(system)
    yield total_error_sentence()
    yield from definitions(system)
    for each in (one_hot_sentence(system), sign_sentences(system)):
        if each:
            yield each


# --- templates ------------------------------------------------------------------------------------


def _written(text: Sentence) -> str:
    return text.written(_formula)


def _formula(formula: Formula) -> str:
    if isinstance(formula, Equality):
        return f"{template(formula.left)} = {template(formula.right)}"
    return template(formula)


def _file_line(line: str) -> str:
    """Return a line of the exercise file, or the beginning of one that the page completes."""
    return next((start for start in _CHANGEABLE if line.startswith(start)), line)
