"""Whether this is a clone or an installed package, and how to install what is missing there."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent.parent


def clone() -> Path | None:
    """Return the folder of the clone that this is imported from; None for an installed package."""
    is_clone = (_FOLDER / "cli.py").is_file() and (_FOLDER / "requirements.txt").is_file()
    return _FOLDER if is_clone else None


def install_command(extra: str = "") -> str:
    """Return the command that installs the packages of an extra, or those that all commands need.

    A clone has files with the exact versions that were tested.

    Args:
        extra: ``train``, ``dask``, or nothing.
    """
    folder = clone()
    if folder is None:
        return f'pip install "gradsheet[{extra}]"' if extra else "pip install gradsheet"
    file = f"requirements-{extra}.txt"  # requirements.txt has the packages of the extra train, too
    return f"pip install -r {file if (folder / file).is_file() else 'requirements.txt'}"
