"""Reading arrays from an untrusted ``.npz`` file: a zip of ``.npy`` members.

The header of a member says how large its array is. NumPy allocates that much before it reads, so
the header is checked first: against what the caller accepts, and against the member's size.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from gradsheet.errors import InvalidInputError
from gradsheet.zip_directory import open_zip


class NpzError(InvalidInputError):
    """The file cannot be used. The message continues a sentence that starts with its path."""


# https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
_READ_HEADER = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_MAX_NAMES = 1000
_DAMAGES = (
    OSError, EOFError, ValueError, SyntaxError, ArithmeticError, LookupError, MemoryError,
    RecursionError, NotImplementedError, RuntimeError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def names_in_npz(path: Path) -> list[str]:
    """Return the names of the arrays in an ``.npz`` file; none if it is not one."""
    try:
        with open_zip(path, NpzError("has too many arrays")) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()[:_MAX_NAMES]]
    except (NpzError, *_DAMAGES):
        return []  # read_npz says why


def read_npz(
    path: Path, names: Sequence[str], check: Callable[[str, tuple[int, ...], np.dtype], None]
) -> dict[str, np.ndarray]:
    """Read the arrays with these names, and nothing else of the file.

    Args:
        check: called with each array's name, shape and dtype before any of its numbers are read;
            raises an :class:`InvalidInputError` if they cannot be used.

    Raises:
        NpzError: not an ``.npz`` file, or an array is missing, damaged, or holds objects.
    """
    arrays = {}
    try:
        with open_zip(path, NpzError("has too many arrays")) as archive:
            members = {member.filename: member for member in archive.infolist()}
            for name in names:
                if f"{name}.npy" not in members:
                    raise NpzError(f"has no array {name}: Keras' layout is {', '.join(names)}")
            for name in names:
                member = members[f"{name}.npy"]
                with archive.open(member) as file:
                    _check_header(file, name, member.file_size, check)
                with archive.open(member) as file:
                    arrays[name] = npy.read_array(file, allow_pickle=False)
    except InvalidInputError:
        raise
    except _DAMAGES as error:
        if isinstance(error, OSError) and error.strerror:
            raise NpzError(f"cannot be read: {error.strerror}") from error
        if not arrays and not zipfile.is_zipfile(path):
            raise NpzError("is not an .npz file, or is truncated") from error
        raise NpzError(f"is damaged: {_reason(error)}") from error
    return arrays


def _reason(error: BaseException) -> str:
    """Return the first line of an error's message, without the file's own bytes in it."""
    first = (str(error).splitlines() or [""])[0][:100]
    return first if first.isascii() and first.isprintable() and first else type(error).__name__


def _check_header(
    file: IO[bytes],
    name: str,
    member_size: int,
    check: Callable[[str, tuple[int, ...], np.dtype], None],
) -> None:
    """Check the header of a ``.npy`` file, and that the member has as many bytes as it declares."""
    try:
        shape, _, dtype = _READ_HEADER[npy.read_magic(file)](file)
    except _DAMAGES as error:
        raise NpzError(f"is damaged: {name} is not an array in NumPy's format (.npy)") from error
    if dtype.hasobject:
        raise NpzError(f"cannot be used: {name} holds objects, not plain numbers")
    check(name, shape, dtype)
    declared, held = math.prod(shape) * dtype.itemsize, member_size - file.tell()
    if declared != held:
        raise NpzError(
            f"is damaged: {name} holds {held:,} bytes of numbers where its header says {declared:,}"
        )
