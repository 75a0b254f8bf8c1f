"""``gradsheet summary``."""

from __future__ import annotations

import click

from gradsheet.commands.messages import note


@click.command()
def summary() -> None:
    """Print the network of the digit classifier, layer by layer.

    \b
    Example:
      gradsheet summary
    """
    from keras_model.backend import import_keras, prepare_backend

    prepare_backend("cpu", say=note)
    import_keras()
    from keras_model.network import build_network, parameters, running_statistics, table

    network = build_network(seed=1)
    click.echo(f"{'layer':<32}{'output':>12}{'trainable':>12}")
    for layer, shape, count in table(network):
        click.echo(f"{layer:<32}{shape:>12}{count:>12}")
    trainable, running = parameters(network), running_statistics(network)
    click.echo(f"{'trainable':<44}{trainable:>12,}")
    click.echo(
        f"\nKeras counts {trainable + running:,} parameters, with the {running} running means and "
        "variances of\nBatchNorm, which are not trained. The original's 19,848 and its limit of "
        "20,000\ndo not include them. MaxPool 4×4 has a stride of 4: it maps 14×14 to 3×3 and\n"
        "ignores the last two rows and columns."
    )
