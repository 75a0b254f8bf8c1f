"""``gradsheet digits``."""

from __future__ import annotations

from pathlib import Path

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
    prediction and the values of every layer.

    \b
    Examples:
      gradsheet digits runs/best/model.keras
      gradsheet digits model.keras -o reader.html
      gradsheet digits model.keras --data mnist.npz --samples 50 -o big.xlsx
    """
    use_one_thread()
    from gradsheet.files import atomic_write, check_suffix, checked_target

    check_suffix(output, (".xlsx", ".html"))
    from gradsheet.page.single_file import written_by_gradsheet as is_our_page
    from keras_model.export import web_page, workbook
    from keras_model.export.stages import OtherNetworkError

    is_page = output.suffix.lower() == ".html"
    with value_of("--samples"):
        workbook.check_samples(samples)
    ours = is_our_page if is_page else workbook.written_by_gradsheet
    checked_target(output, force=force, is_replaceable=ours)
    refuse_missing(model)
    known = digits_from(data)
    network, scaling = network_and_scaling(model, scale, note)
    with value_of("--samples"):
        picked = workbook.pick_samples(known.y_test, samples)
    try:
        images, labels = known.x_test[picked], known.y_test[picked]
        with atomic_write(output, force=force, is_replaceable=ours) as unfinished:
            if is_page:
                size = web_page.write_page(
                    network, scaling, (images, labels), known.name, unfinished
                )
                what = f"{size / 1000:,.0f} KB"
            else:
                formulas = workbook.write_digits(network, scaling, images, labels, unfinished)
                what = f"{formulas:,} formulas"
    except OtherNetworkError as error:
        kind = "web page" if is_page else "workbook"
        raise Refused(f"cannot write {model} as a {kind}: {error}") from error
    gallery = f"gallery: {count(samples, 'digit')} ({known.name})"
    click.echo(printable(f"Written to {output}: {what}; {gallery}"))
