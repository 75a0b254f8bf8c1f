"""The program: ``gradsheet``, ``python -m gradsheet`` or, from a clone, ``python cli.py``."""

from __future__ import annotations

import sys

from gradsheet.signals import end_at_once_on_signals, handle_signals


def run() -> None:
    """Run the command line, and exit."""
    handle_signals()  # first, so that Ctrl-C during the imports is quiet, too
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
