"""``gradsheet networks``."""

from __future__ import annotations

import click

from gradsheet.commands.messages import Refused


@click.command()
@click.argument("name", required=False)
def networks(name: str | None) -> None:
    """List the packaged networks, or print the file of one.

    Save a printed file, change it, and train your own network with --network FILE.toml.

    \b
    Examples:
      gradsheet networks
      gradsheet networks strong > mine.toml
      gradsheet train --network mine.toml
    """
    from keras_model.networks.network_file import packaged, packaged_file, packaged_network

    if name is None:
        width = max(map(len, packaged()))
        for known in packaged():
            click.echo(f"{known:<{width}}  {packaged_network(known).title}")
        return
    if name not in packaged():
        raise Refused(f"there is no network {name!r}: the networks are {', '.join(packaged())}")
    click.echo(packaged_file(name).read_text(encoding="utf-8"), nl=False)
