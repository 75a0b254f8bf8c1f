"""Nearly horizontal straight lines, by the Hough transform (Duda and Hart, 1972) of few slopes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage


def lines_of_slopes(
    rows: np.ndarray, columns: np.ndarray, width: int, largest: float, count: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for each slope, which line each pixel is in, and which columns the lines cover.

    Args:
        rows: (n,) rows of the pixels; at least one.
        columns: (n,) columns of the pixels.
        width: of the picture.
        largest: slope; the slopes are from minus this to this.
        count: of slopes.

    Yields:
        The number of each pixel's line, (n,); and (lines, width) bool, True where the line or one
        of its two neighbors has a pixel.
    """
    for slope in np.linspace(-largest, largest, count):
        shift = np.round(slope * (np.arange(width) - width / 2)).astype(int)
        level = rows - shift[columns]
        level -= int(level.min())
        covered = np.zeros((int(level.max()) + 1, width), bool)
        covered[level, columns] = True
        yield level, ndimage.maximum_filter1d(covered, 3, axis=0)
