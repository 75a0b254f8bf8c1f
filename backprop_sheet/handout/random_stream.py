"""Random numbers that are the same on every machine and in every version of Python."""

from __future__ import annotations

import hashlib

_BITS = 64


class RandomStream:
    """Whole numbers from SHA-256 in counter mode, keyed by texts and numbers."""

    def __init__(self, *key: str | int) -> None:
        """Start a stream; the same key gives the same numbers."""
        self._key = repr(tuple(map(str, key))).encode("utf-8", "surrogatepass")
        self._count = 0

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound`` - 1, each equally likely (bound up to 2**63)."""
        limit = 2**_BITS - 2**_BITS % bound
        while True:
            self._count += 1
            block = hashlib.sha256(self._key + self._count.to_bytes(8, "big")).digest()
            number = int.from_bytes(block[: _BITS // 8], "big")
            if number < limit:  # the rest would make small numbers likelier
                return number % bound
