"""``gradsheet predict``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradsheet.commands.digit_inputs import network_and_scaling
from gradsheet.commands.messages import note, tell
from gradsheet.commands.options import FILE, json_option, model_argument, scale_option

if TYPE_CHECKING:
    from keras_model.prediction import PicturePrediction


@click.command()
@model_argument
@click.argument("pictures", nargs=-1, required=True, type=Path, metavar="PICTURE...")
@scale_option
@json_option("picture")
@click.option(
    "--show",
    type=FILE,
    metavar="PATH",
    help="Write a PNG that shows each picture beside the network's input.",
)
@click.option("--force", is_flag=True, help="Let --show replace a file that it did not write.")
def predict(
    model: Path,
    pictures: tuple[Path, ...],
    scale: str | None,
    as_json: bool,
    show: Path | None,
    force: bool,
) -> None:
    """Classify PNG or JPEG pictures with one digit each.

    A picture can have any size. The ink can be dark on light paper or light on dark paper, and the
    background can be transparent. The digit can be anywhere in the picture. Each picture is
    converted to MNIST's format before it is classified. A picture that cannot be read is reported,
    and the other pictures are still classified.

    Exit code: 0 if all pictures were classified, 1 if some could not be read, 2 for bad use.

    \b
    Examples:
      gradsheet predict model.keras seven.png photo.jpg
      gradsheet predict model.keras *.png --show predictions.png --json
    """
    if show is not None:
        from gradsheet.files import check_suffix, checked_target
        from keras_model.data.pictures import written_by_gradsheet

        check_suffix(show, (".png",), "--show")
        checked_target(show, force=force, is_replaceable=written_by_gradsheet)
    from keras_model.prediction import as_json as json_of
    from keras_model.prediction import as_table, predict_files

    network, scaling = network_and_scaling(model, scale, note)
    results, problems = predict_files(network, scaling, pictures)
    for file, problem in problems:
        tell(f"Error: {file} {problem}")
    if as_json:
        click.echo(json.dumps(json_of(results), indent=2))
    elif results:
        click.echo("\n".join(as_table(results)))
    if show is not None and results:
        _draw(results, show, force=force)
    if problems:
        sys.exit(1)


def _draw(results: Sequence[PicturePrediction], path: Path, *, force: bool) -> None:
    from keras_model.data.pictures import draw_predictions

    predictions = [result.prediction for result in results]
    captions = [f"{shown.digit} ({shown.probability:.0%})" for shown in predictions]
    rows = [
        (result.file, result.image, caption)
        for result, caption in zip(results, captions, strict=True)
    ]
    draw_predictions(rows, path, force)
