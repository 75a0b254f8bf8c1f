"""Opening an untrusted zip whose list of members may be long."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

MAX_DIRECTORY_BYTES = 8 * 2**20  # of a zip's list of members: about 100,000
_BLOCK = 256 * 1024


@contextmanager
def open_zip(path: Path, refusal: Exception) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading; ``refusal`` is raised if its list of members is long."""
    with path.open("rb") as file, zipfile.ZipFile(SmallReads(file, refusal)) as archive:
        yield archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member of a zip that :func:`open_zip` opened, whose size was checked before.

    Raises:
        KeyError: it has no such member.
    """
    with archive.open(name) as member:
        return b"".join(iter(lambda: member.read(_BLOCK), b""))


class SmallReads:
    """A file that refuses to read much at once, as zipfile does for a list of millions of members.

    Members are read in blocks that are smaller.
    """

    def __init__(self, file: IO[bytes], refusal: Exception) -> None:
        """Wrap a file; ``refusal`` is raised by a large read."""
        self._file, self._refusal = file, refusal
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read bytes; without a size, the end of the file."""
        if size > MAX_DIRECTORY_BYTES:
            raise self._refusal
        return self._file.read(MAX_DIRECTORY_BYTES if size < 0 else size)
