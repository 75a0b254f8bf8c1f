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
from gradsheet.cores import use_one_thread

if TYPE_CHECKING:
    from keras_model.prediction import DigitPrediction, PicturePrediction


@click.command()
@model_argument
@click.argument("pictures", nargs=-1, required=True, type=Path, metavar="PICTURE...")
@scale_option
@json_option("digit")
@click.option(
    "--show",
    type=FILE,
    metavar="PATH",
    help="Write a PNG that shows each picture, its digits in boxes, beside the network's input.",
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
    """Classify the handwritten digits in pictures.

    A picture can be a photograph, a scan or a drawing of any size: PNG, JPEG, HEIC, WebP, GIF, BMP,
    TIFF or AVIF. The ink can be darker or lighter than the paper, or of another color. Several
    digits are read line by line, from left to right. Printed lines, boxes and what surrounds the
    paper are left out. Each digit is converted to MNIST's format before it is classified.

    A digit is unsure if its probability is low, or if what the network computes from it is unlike
    what it computes from digits: it may be a letter or a blot. So is one that is so wide that it
    may be two.

    Exit code: 0 if digits were found in all pictures, 1 if not, 2 for bad use or if the model
    cannot be read.

    \b
    Examples:
      gradsheet predict model.keras seven.png photo.jpg
      gradsheet predict model.keras *.png --show predictions.png --json
    """
    use_one_thread()
    if show is not None:
        from gradsheet.files import check_suffix, checked_target
        from keras_model.handwriting.drawing import written_by_gradsheet

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
    from keras_model.handwriting.drawing import ShownPicture, draw_predictions

    rows = [
        ShownPicture(
            result.file.name,
            result.size,
            result.small,
            [(digit.image, digit.box, _caption(digit)) for digit in result.digits],
        )
        for result in results
    ]
    draw_predictions(rows, path, force)


def _caption(digit: DigitPrediction) -> str:
    question = "?" if digit.doubt else ""
    return f"{digit.prediction.digit}{question} ({digit.prediction.probability:.0%})"
