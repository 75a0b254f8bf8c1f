"""``gradsheet evaluate``."""

from __future__ import annotations

import math
from pathlib import Path

import click

from gradsheet.commands.digit_inputs import digits_from, network_and_scaling, refuse_missing
from gradsheet.commands.messages import note
from gradsheet.commands.options import data_option, model_argument, scale_option


@click.command()
@model_argument
@scale_option
@data_option
def evaluate(model: Path, scale: str | None, data: Path | None) -> None:
    """Evaluate a trained digit classifier on the test digits.

    Prints the accuracy, the precision and recall of each class, and the confusion matrix.

    \b
    Example:
      gradsheet evaluate runs/best/model.keras --data mnist.npz
    """
    from keras_model import evaluation

    refuse_missing(model)
    known = digits_from(data)
    network, scaling = network_and_scaling(model, scale, note)
    tested = evaluation.evaluation_of(network.logits(scaling(known.x_test)), known.y_test)
    click.echo(f"{known.name}: {len(known.x_test):,} test digits")
    if known.is_sample:
        click.echo(
            "The sample is a part of MNIST's training digits. A network that was trained on\n"
            "MNIST has seen them: test it on MNIST's test digits with --data."
        )
    click.echo(tested.line())
    click.echo("\ndigit  support  precision   recall")
    for digit, support, precision, recall in evaluation.class_table(tested.logits, known.y_test):
        shares = (
            f"{'–' if math.isnan(share) else f'{share:.2%}':>{width}}"
            for share, width in ((precision, 11), (recall, 9))
        )
        click.echo(f"{digit:>5}{support:>9}{''.join(shares)}")
    click.echo("\ntrue \\ predicted" + "".join(f"{digit:>6}" for digit in range(10)))
    for digit, row in enumerate(evaluation.confusion_matrix(tested.logits, known.y_test)):
        click.echo(f"{digit:>16}" + "".join(f"{count or '.':>6}" for count in row))
