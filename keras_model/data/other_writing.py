"""Digits that are stored transposed (as EMNIST's are) or dark on light, compared with MNIST's.

Nothing is converted, because a set of other things than digits may look like either.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_COMPARED = 200  # digits
_FEWEST = 40
_LEAST = 0.5  # share that the nearest mean digit gets right; of MNIST's it is 0.8
# What may have been done to the digits, and how to undo it.
_CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed (rows and columns exchanged)": lambda images: images.transpose(0, 2, 1),
    "dark on light paper, where MNIST's are light on dark": lambda images: 255 - images,
    "transposed and dark on light paper": lambda images: 255 - images.transpose(0, 2, 1),
}


def other_writing(
    images: np.ndarray, labels: np.ndarray, known: tuple[np.ndarray, np.ndarray]
) -> str:
    """Return in which other way than MNIST's the digits seem to be written; empty if in none.

    Args:
        images, labels: (n, 28, 28) uint8 and (n,).
        known: digits of MNIST, and their labels.
    """
    mean_digits = np.stack(
        [known[0][known[1] == digit].mean(axis=0).ravel() for digit in np.unique(known[1])]
    )
    chosen = slice(None, None, max(1, len(images) // _COMPARED))
    images, labels = images[chosen][:_COMPARED], labels[chosen][:_COMPARED]

    def share(changed: np.ndarray) -> float:
        pixels = changed.reshape(len(changed), -1).astype(np.float64)
        distances = (mean_digits**2).sum(axis=1) - 2 * pixels @ mean_digits.T
        return float((distances.argmin(axis=1) == labels).mean())

    if len(images) < _FEWEST or share(images) >= _LEAST:
        return ""
    shares = {words: share(undo(images)) for words, undo in _CHANGES.items()}
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= _LEAST else ""
