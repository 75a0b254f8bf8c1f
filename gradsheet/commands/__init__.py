"""The command line: one module per command. A command's module imports the rest when it runs."""

from __future__ import annotations

import click

from gradsheet import __version__
from gradsheet.commands.group import Commands, Section

SECTIONS = (
    Section("Backpropagation", ("sheet", "exercises", "equations", "handout", "check")),
    Section(
        "Digit classifier",
        ("networks", "summary", "train", "evaluate", "digits", "predict", "sweep"),
        extras={"train": "train", "sweep": "train"},
    ),
)


@click.group(
    name="gradsheet",
    cls=Commands,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, prog_name="gradsheet")
def main() -> None:
    """Backpropagation you can read cell by cell, and a digit classifier under 20k parameters."""
