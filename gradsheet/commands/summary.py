"""``gradsheet summary``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradsheet.commands.digit_inputs import network_from, refuse_missing
from gradsheet.commands.messages import Refused
from gradsheet.commands.options import FILE, force_option, network_option
from gradsheet.cores import use_one_thread
from gradsheet.printable import printable

if TYPE_CHECKING:
    from keras_model.networks.architecture import Architecture


@click.command()
@click.argument("model", type=FILE, required=False)
@network_option
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="PATH",
    help="Write the receptive fields as a workbook of formulas (.xlsx).",
)
@force_option
def summary(model: Path | None, network: str | None, output: Path | None, force: bool) -> None:
    """Print the layers of a network.

    Each has its output, parameters, receptive field and jump.

    The receptive field is the side of the square of pixels that a number depends on, and the jump
    is how many pixels apart the squares of two neighbors are. MODEL is a trained model; without it,
    the network of --network is shown.

    \b
    Examples:
      gradsheet summary
      gradsheet summary --network strong -o table.xlsx
      gradsheet summary runs/best/model.keras
    """
    use_one_thread()
    from keras_model.networks.summary import summary_lines

    if model is not None and network is not None:
        raise Refused("MODEL and --network both name a network: give one of them")
    if output is not None:
        from gradsheet.files import check_suffix

        check_suffix(output, (".xlsx",))
    architecture = _of_model(model) if model is not None else network_from(network)
    click.echo("\n".join(summary_lines(architecture)))
    if output is not None:
        name = architecture.name or (model.name if model is not None else "the network")
        _write_table(architecture, name, output, force=force)


def _of_model(model: Path) -> Architecture:
    from keras_model.trained.files import read_trained_network

    refuse_missing(model)
    return read_trained_network(model).architecture.on_maps


def _write_table(architecture: Architecture, name: str, output: Path, *, force: bool) -> None:
    from gradsheet.files import atomic_write
    from keras_model.export import receptive_field_table as table

    with atomic_write(output, force=force, is_replaceable=table.written_by_gradsheet) as unfinished:
        table.write_table(architecture, name, unfinished)
    click.echo(printable(f"Written to {output}"))
