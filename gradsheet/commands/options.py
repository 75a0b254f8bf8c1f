"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gradsheet.commands.group import FilePath

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

FILE = FilePath(path_type=Path)

exercise_option = click.option(
    "--exercise",
    default="course",
    show_default=True,
    metavar="NAME|FILE.toml",
    help="Packaged exercise or exercise file.",
)
force_option = click.option(
    "--force", is_flag=True, help="Replace a file that this tool did not write."
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Device to train on.",
)
data_option = click.option(
    "--data",
    type=FILE,
    help="MNIST or another set of ten classes: an .npz file, Kaggle's CSV, or a folder with IDX "
    "files.",
)
network_option = click.option(
    "--network",
    metavar="NAME|FILE.toml|MODEL",
    help="Packaged network (see networks), network file, or model with these layers.  "
    "[default: original]",
)
scale_option = click.option(
    "--scale",
    type=click.Choice(["unit", "mnist", "raw"]),
    help="How the network's pixels were scaled in training: 0 to 1, normalized as MNIST, or 0 to "
    "255.  [default: the scaling with which it reads digits best]",
)
# A .keras file, or an .onnx file.
model_argument = click.argument("model", type=FILE)


def output_option(default: str) -> Decorator:
    """Return the option ``--output`` of a command that always writes a file."""
    return click.option(
        "-o", "--output", type=FILE, default=default, show_default=True, help="File to write."
    )


def json_option(what: str) -> Decorator:
    """Return the option ``--json`` of a command that prints one object for each of what it has."""
    return click.option(
        "--json", "as_json", is_flag=True, help=f"Print a JSON array with one object per {what}."
    )
