"""Write an exercise as the text of an exercise file."""

from __future__ import annotations

import json
from collections.abc import Sequence

from backprop_sheet.exercise.choices import optimizer_named
from backprop_sheet.exercise.class_options import individual_lines, marks_lines
from backprop_sheet.exercise.model import Exercise, Training


def to_toml(exercise: Exercise) -> str:
    """Return a text from which ``parse_exercise`` reads the same exercise, without its name."""
    network, training = exercise.network, exercise.training
    lines = [f"title = {_text(exercise.title)}"]
    if exercise.source:
        lines.append(f"source = {_text(exercise.source)}")
    lines += [
        "[network]",
        f"neurons = {_numbers(network.neurons)}",
        f"activations = [{', '.join(map(_text, network.activations))}]",
        f"bias = {_text(network.bias)}",
        f"train_bias = {_boolean(network.train_bias)}",
        "[parameters]",
        f"weights = {_numbers(exercise.weights)}",
    ]
    if exercise.biases:
        lines.append(f"biases = {_numbers(exercise.biases)}")
    for sample in exercise.samples:
        lines += [
            "[[samples]]",
            f"inputs = {_numbers(sample.inputs)}",
            f"targets = {_numbers(sample.targets)}",
        ]
    lines += [
        "[training]",
        f"loss = {_text(training.loss)}",
        f"update = {_text(training.update)}",
        f"optimizer = {_text(training.optimizer)}",
        *(
            f"{parameter.key} = {training.hyperparameters[parameter.symbol]!r}"
            for parameter in optimizer_named(training.optimizer).hyperparameters
            if parameter.symbol in training.hyperparameters
        ),
    ]
    if training.nesterov:
        lines.append("nesterov = true")
    if training.momentum_form != Training.momentum_form:
        lines.append(f"momentum_form = {_text(training.momentum_form)}")
    lines += [
        f"learning_rates = {_numbers(training.learning_rates)}",
        f"iterations = {training.iterations}",
    ]
    if exercise.marks is not None:
        lines += marks_lines(exercise.marks)
    if exercise.individual is not None:
        lines += individual_lines(exercise.individual)
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    # A JSON string without control characters is a TOML string, too.
    return json.dumps(value, ensure_ascii=False)


def _numbers(values: Sequence[float]) -> str:
    return f"[{', '.join(map(repr, values))}]"


def _boolean(value: bool) -> str:
    return "true" if value else "false"
