"""``gradsheet digits``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradsheet.commands.digit_inputs import digits_from, network_and_scaling, refuse_missing
from gradsheet.commands.messages import Refused, note, value_of
from gradsheet.commands.options import (
    data_option,
    force_option,
    model_argument,
    output_option,
    scale_option,
)
from gradsheet.cores import use_one_thread
from gradsheet.printable import printable
from gradsheet.words import count

if TYPE_CHECKING:
    import numpy as np

    from keras_model.data.scaling import Scaling
    from keras_model.trained.network import TrainedNetwork

PAGE = ".html"


@click.command()
@model_argument
@scale_option
@output_option("digits.xlsx")
@data_option
@click.option(
    "--samples",
    type=int,
    default=20,
    show_default=True,
    metavar="N",
    help="Number of test digits in the gallery, 1 to 200.",
)
@force_option
def digits(
    model: Path, scale: str | None, output: Path, data: Path | None, samples: int, force: bool
) -> None:
    """Write a trained network as a workbook or a web page.

    The suffix of --output selects the format. In a workbook (.xlsx), each weight is typed in one
    cell and everything else is a formula. A web page (.html) is one file that works offline in any
    browser. In both, you can draw a digit, or choose one from a gallery of test digits, and see the
    prediction and the values of every layer. Of a network that is too large for a workbook, the
    page is written.

    \b
    Examples:
      gradsheet digits runs/best/model.keras
      gradsheet digits model.keras -o reader.html
      gradsheet digits model.keras --data mnist.npz --samples 50 -o big.xlsx
    """
    use_one_thread()
    from gradsheet.files import check_suffix, checked_target
    from keras_model.export import workbook
    from keras_model.export.stages import OtherNetworkError, TooLargeError

    check_suffix(output, (".xlsx", PAGE))
    with value_of("--samples"):
        workbook.check_samples(samples)
    checked_target(output, force=force, is_replaceable=_is_ours(output))
    refuse_missing(model)
    known = digits_from(data)
    network, scaling = network_and_scaling(model, scale, note)
    with value_of("--samples"):
        picked = workbook.pick_samples(known.y_test, samples)
    gallery = known.x_test[picked], known.y_test[picked]
    try:
        try:
            what = _write(network, scaling, gallery, known.name, output, force)
        except TooLargeError as error:
            output = output.with_suffix(PAGE)
            note(f"{model} is too large for a workbook: {error}. Writing the page {output} instead")
            what = _write(network, scaling, gallery, known.name, output, force)
    except OtherNetworkError as error:
        kind = "web page" if _is_page(output) else "workbook"
        raise Refused(f"cannot write {model} as a {kind}: {error}") from error
    shown = f"gallery: {count(samples, 'digit')} ({known.name})"
    click.echo(printable(f"Written to {output}: {what}; {shown}"))


def _is_page(output: Path) -> bool:
    return output.suffix.lower() == PAGE


def _is_ours(output: Path) -> Callable[[Path], bool]:
    """Return what tells whether an existing file was written by this command."""
    from gradsheet.page.single_file import written_by_gradsheet
    from keras_model.export import workbook

    return written_by_gradsheet if _is_page(output) else workbook.written_by_gradsheet


def _write(
    network: TrainedNetwork,
    scaling: Scaling,
    gallery: tuple[np.ndarray, np.ndarray],
    name: str,
    output: Path,
    force: bool,
) -> str:
    """Write the workbook or the page, and return what it has, for people.

    Args:
        gallery: (n, 28, 28) uint8 digits and their labels, of the set ``name``.
    """
    from gradsheet.files import atomic_write
    from keras_model.export import web_page, workbook

    with atomic_write(output, force=force, is_replaceable=_is_ours(output)) as unfinished:
        if _is_page(output):
            size = web_page.write_page(network, scaling, gallery, name, unfinished)
            return f"{size / 1000:,.0f} KB"
        return f"{workbook.write_digits(network, scaling, *gallery, unfinished):,} formulas"
