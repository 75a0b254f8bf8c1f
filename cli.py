"""The command ``gradsheet`` from a clone that is not installed: ``python cli.py``."""

from __future__ import annotations

import site
import sys
from pathlib import Path

if sys.flags.safe_path:  # Python's options -I and -P leave out the folder of the script
    site.addsitedir(str(Path(__file__).resolve().parent))

if __name__ == "__main__":
    from gradsheet.__main__ import run

    run()

from gradsheet.commands import main

__all__ = ["main"]
