"""``gradsheet exercises``."""

from __future__ import annotations

import click

from gradsheet.commands.messages import Refused


@click.command()
@click.argument("name", required=False)
def exercises(name: str | None) -> None:
    """List the packaged exercises, or print the file of one.

    An exercise file (TOML) describes a small network, its samples and how it is
    trained. To write your own exercise, print a packaged one and edit it. The
    commands sheet, equations, handout and check take it as --exercise.

    \b
    Examples:
      gradsheet exercises
      gradsheet exercises xor > mine.toml
      gradsheet sheet --exercise mine.toml
    """
    from backprop_sheet.exercise.exercise_file import load_exercise
    from backprop_sheet.exercise.packaged import packaged_exercises, packaged_file

    names = packaged_exercises()
    if name is not None:
        if name not in names:
            raise Refused(f"there is no exercise {name!r}: the exercises are {', '.join(names)}")
        click.echo(packaged_file(name).read_bytes(), nl=False)  # as it is, whatever the terminal
        return
    longest = max(map(len, names))
    for name in names:
        click.echo(f"{name:<{longest}}  {load_exercise(name).title}")
