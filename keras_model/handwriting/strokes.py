"""How wide strokes are."""

from __future__ import annotations

import numpy as np


def stroke_width(mask: np.ndarray) -> float:
    """Return the mean width of strokes: twice their area by the length of their outline."""
    padded = np.pad(mask, 1)
    inner = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    outline = int(mask.sum()) - int(inner.sum())
    return 2 * float(mask.sum()) / max(outline, 1)


def run_lengths(mask: np.ndarray) -> np.ndarray:
    """Return for each pixel of the mask how many pixels of its column around it are connected."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width), np.int8)
    padded[1:-1] = mask
    change = np.diff(padded, axis=0)
    starts, ends = np.nonzero(change.T == 1), np.nonzero(change.T == -1)
    lengths = np.zeros((height + 1, width), int)
    length = ends[1] - starts[1]
    np.add.at(lengths, (starts[1], starts[0]), length)
    np.add.at(lengths, (ends[1], ends[0]), -length)
    return np.asarray(np.cumsum(lengths, axis=0)[:height])
