"""gradsheet's commands: parse, call, print."""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
def main() -> None:
    """Backpropagation you can read cell by cell, and a digit reader under 20k parameters."""


if __name__ == "__main__":
    main()
