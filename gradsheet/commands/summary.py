"""``gradsheet summary``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradsheet.commands.digit_inputs import network_from, refuse_missing
from gradsheet.commands.messages import Refused
from gradsheet.commands.options import FILE, network_option

if TYPE_CHECKING:
    from keras_model.networks.architecture import Architecture


@click.command()
@click.argument("model", type=FILE, required=False)
@network_option
def summary(model: Path | None, network: str | None) -> None:
    """Print a network layer by layer: output, parameters, receptive field and jump.

    The receptive field is the side of the square of pixels that a number depends on, and the jump
    is how many pixels apart the squares of two neighbors are. MODEL is a trained model; without it,
    the network of --network is shown.

    \b
    Examples:
      gradsheet summary
      gradsheet summary --network strong
      gradsheet summary runs/best/model.keras
    """
    from keras_model.networks.summary import summary_lines

    if model is not None and network is not None:
        raise Refused("MODEL and --network both name a network: give one of them")
    architecture = _of_model(model) if model is not None else network_from(network)
    click.echo("\n".join(summary_lines(architecture)))


def _of_model(model: Path) -> Architecture:
    from keras_model.trained.files import read_trained_network

    refuse_missing(model)
    return read_trained_network(model).architecture
