"""The sheet of paper on a patterned table, whose pattern would be ink.

The sheet is the largest flat region. Around it the picture has another color and is not flat; else
there is no such table, and whatever surrounds a digit is left to the next steps.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from keras_model.handwriting.constants import PREPARATION


def without_table(picture: Image.Image) -> Image.Image:
    """Return an RGB picture with the color of its sheet instead of the pattern around it."""
    pixels = np.asarray(picture)
    cell = -(-max(picture.size) // PREPARATION.sheet_grid)
    means, variances = _cells(pixels, cell)
    least = np.sort(variances, axis=None)[int(PREPARATION.flat_quantile * variances.size)]
    flat = variances <= max(PREPARATION.flat_deviation**2, PREPARATION.flat_noise**2 * least)
    region = _largest_region(flat, means)
    sheet = _filled(region)
    around = ~ndimage.binary_dilation(sheet, np.ones((3, 3), int), iterations=2)
    if (
        region.sum() < PREPARATION.least_sheet * region.size
        or region.sum() < PREPARATION.full_sheet * sheet.sum()
        or around.sum() < PREPARATION.least_table * around.size
        or (around & ~flat).sum() < PREPARATION.pattern * around.sum()
    ):
        return picture
    color = np.sort(means[region], axis=0)[int(region.sum()) // 2]
    is_paper = (np.abs(pixels - color) <= PREPARATION.same_color).all(axis=2)
    if is_paper[_pixels_of(around, cell, pixels)].mean() > PREPARATION.same_pixels:
        return picture
    inside = _pixels_of(sheet, cell, pixels)
    return Image.fromarray(np.where(inside[..., None], pixels, np.uint8(np.floor(color))))


def _pixels_of(cells: np.ndarray, cell: int, pixels: np.ndarray) -> np.ndarray:
    """Return the pixels that are in some cells, bool (h, w)."""
    height, width = pixels.shape[:2]
    return cells.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width]


def _cells(pixels: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of each square of pixels the mean color (h, w, 3), and the largest variance (h, w)."""
    height, width = pixels.shape[:2]
    rows, columns = np.arange(0, height, cell), np.arange(0, width, cell)
    values = pixels.astype(np.int32)
    total, squares = (
        np.add.reduceat(np.add.reduceat(part, rows, axis=0), columns, axis=1, dtype=np.int64)
        for part in (values, values**2)
    )
    heights, widths = np.diff([*rows, height]), np.diff([*columns, width])
    count = (heights[:, None] * widths)[..., None]
    return total / count, ((count * squares - total**2) / count**2).max(axis=2)


def _largest_region(flat: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return the most flat cells of which each is as bright and colored as one beside it."""
    step = PREPARATION.flat_step
    across = (np.abs(np.diff(means, axis=1)) <= step).all(axis=2) & flat[:, 1:] & flat[:, :-1]
    along = (np.abs(np.diff(means, axis=0)) <= step).all(axis=2) & flat[1:] & flat[:-1]
    # Cells and what connects them, as pixels of a picture that is twice as large.
    height, width = flat.shape
    graph = np.zeros((2 * height - 1, 2 * width - 1), bool)
    graph[::2, ::2], graph[::2, 1::2], graph[1::2, ::2] = flat, across, along
    numbers = ndimage.label(graph)[0][::2, ::2]
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    return np.asarray((numbers == sizes.argmax()) & flat)


def _filled(region: np.ndarray) -> np.ndarray:
    """Return the cells that are between those of a region, in their row or in their column."""
    filled = np.zeros_like(region)
    for axis in (0, 1):
        before = np.maximum.accumulate(region, axis=axis)
        after = np.flip(np.maximum.accumulate(np.flip(region, axis), axis=axis), axis)
        filled |= before & after
    return filled
