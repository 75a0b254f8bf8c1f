"""The program: ``gradsheet``, ``python -m gradsheet`` or, from a clone, ``python cli.py``."""

from __future__ import annotations

import gc
import sys

from gradsheet.signals import end_at_once_on_signals, handle_signals

# New objects between two searches for garbage. What modules define is none, and a search through
# all of it takes longer than many a command.
OBJECTS = 100_000


def run() -> None:
    """Run the command line, and exit."""
    handle_signals()  # first, so that Ctrl-C during the imports is quiet, too
    gc.set_threshold(OBJECTS)
    try:
        from gradsheet.commands import main
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        from gradsheet.installation import install_command

        sys.exit(f"Error: gradsheet needs click: {install_command()}")
    try:
        main()
    finally:
        end_at_once_on_signals()


if __name__ == "__main__":
    run()
