"""The sheet of paper on a patterned table, whose pattern would be ink.

The sheet is a large flat region, with those that go on behind a line or in a shadow. Around it the
picture is darker, of another color, and not flat; else there is no such table, and whatever
surrounds a digit is left to the next steps.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from keras_model.handwriting.constants import PREPARATION


def without_table(picture: Image.Image) -> Image.Image:
    """Return an RGB picture in which its sheet goes on where a pattern is around it."""
    pixels = np.asarray(picture)
    cell = -(-max(picture.size) // PREPARATION.sheet_grid)
    means, variances = _cells(pixels, cell)
    least = np.sort(variances, axis=None)[int(PREPARATION.flat_quantile * variances.size)]
    flat = variances <= max(PREPARATION.flat_deviation**2, PREPARATION.flat_noise**2 * least)
    numbers = _regions(flat, means)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    large = np.flatnonzero(sizes >= PREPARATION.least_piece * flat.size)
    large = large[np.argsort(-sizes[large], kind="stable")]
    regions = [numbers == number for number in large]
    for first in regions[: PREPARATION.most_sheets]:
        region = _with_pieces(first, regions, means)
        sheet = _filled(region)
        around = ~ndimage.binary_dilation(sheet, np.ones((3, 3), int), iterations=2)
        color = _median(means[region])
        if (
            region.sum() >= PREPARATION.least_sheet * region.size
            and _is_full(region)
            and around.sum() >= PREPARATION.least_table * around.size
            and (around & ~flat).sum() >= PREPARATION.pattern * around.sum()
            and color.sum() >= _median(means[around]).sum()
            and _is_other(pixels[_pixels_of(around, cell, pixels)], color)
        ):
            inside = _pixels_of(sheet, cell, pixels)
            paper = np.floor(_continued(means, region)).astype(np.uint8)
            beyond = _pixels_of(paper, cell, pixels)
            return Image.fromarray(np.where(inside[..., None], pixels, beyond))
    return picture


def _continued(means: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Return the colors of a region, each continued to the right, and to the edges."""
    columns = np.where(region, np.arange(region.shape[1]), -1)
    columns = np.maximum.accumulate(columns, axis=1)
    columns = np.where(columns < 0, region.argmax(axis=1)[:, None], columns)
    own = np.where(region.any(axis=1), np.arange(len(region)), -1)
    rows = np.maximum.accumulate(own)
    rows = np.where(rows < 0, own[own >= 0][0], rows)
    return np.asarray(means[rows[:, None], columns[rows]])


def _is_other(pixels: np.ndarray, paper: np.ndarray) -> bool:
    """Whether pixels (n, 3) are not those of squared paper with a plain part, or a plain shadow."""
    light = pixels.sum(axis=1, keepdims=True) / max(1.0, paper.sum())
    is_shade = (np.abs(pixels - light * paper) <= PREPARATION.same_color).all(axis=1)
    is_paper = is_shade & (light[:, 0] >= PREPARATION.shade)
    return bool(is_paper.mean() <= PREPARATION.same_pixels)


def _pixels_of(cells: np.ndarray, cell: int, pixels: np.ndarray) -> np.ndarray:
    """Return an array of cells with the value of each in all of its pixels."""
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


def _median(colors: np.ndarray) -> np.ndarray:
    """Return the median (3,) of each channel of colors (n, 3)."""
    return np.asarray(np.sort(colors, axis=0)[len(colors) // 2])


def _with_pieces(region: np.ndarray, regions: list[np.ndarray], means: np.ndarray) -> np.ndarray:
    """Return the cells of a flat region and of those that go on beside it.

    They are of the same color, in any light, and both together have no gaps.
    """
    color = _median(means[region])
    others = [
        other
        for other in regions
        if other is not region and _is_shade(_median(means[other]), color)
    ]
    before = len(others) + 1
    while len(others) < before:
        before = len(others)
        for other in list(others):
            if _are_near(region, other) and _is_full(region | other):
                region = region | other
                others = [one for one in others if one is not other]
    return region


def _is_shade(color: np.ndarray, paper: np.ndarray) -> bool:
    """Whether a color is that of the paper in any light."""
    light = color.sum() / max(1.0, paper.sum())
    return bool(np.abs(color - light * paper).max() <= PREPARATION.flat_step)


def _are_near(one: np.ndarray, other: np.ndarray) -> bool:
    near = ndimage.binary_dilation(one, np.ones((3, 3), int), iterations=PREPARATION.near_piece)
    return bool((near & other).any())


def _is_full(region: np.ndarray) -> bool:
    """Whether a region is flat in all but a few cells."""
    return bool(region.sum() >= PREPARATION.full_sheet * _filled(region).sum())


def _regions(flat: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return for each flat cell the number of its region, from 1, and 0 for others.

    Each cell of a region is as bright and colored as one beside it.
    """
    step = PREPARATION.flat_step
    across = (np.abs(np.diff(means, axis=1)) <= step).all(axis=2) & flat[:, 1:] & flat[:, :-1]
    along = (np.abs(np.diff(means, axis=0)) <= step).all(axis=2) & flat[1:] & flat[:-1]
    # Cells and what connects them, as pixels of a picture that is twice as large.
    height, width = flat.shape
    graph = np.zeros((2 * height - 1, 2 * width - 1), bool)
    graph[::2, ::2], graph[::2, 1::2], graph[1::2, ::2] = flat, across, along
    return np.asarray(ndimage.label(graph)[0][::2, ::2])


def _filled(region: np.ndarray) -> np.ndarray:
    """Return the cells that are between those of a region, in their row or in their column."""
    filled = np.zeros_like(region)
    for axis in (0, 1):
        before = np.maximum.accumulate(region, axis=axis)
        after = np.flip(np.maximum.accumulate(np.flip(region, axis), axis=axis), axis)
        filled |= before & after
    return filled
