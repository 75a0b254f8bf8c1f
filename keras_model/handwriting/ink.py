"""How much ink each pixel of a picture has, whatever the paper, its light and its color.

Ink is what is narrow and differs from the paper around it. Narrow: the top-hat transform (F. Meyer,
1979; P. Soille, "Morphological Image Analysis", chapter 4) removes every structure that a square as
wide as a stroke may be fits into, so that a table, a finger or a shadow is paper, too. Different:
the median of a window several strokes wide is the paper's brightness. The smaller of the two is
taken: alone, the first would also fill the holes of an 8, and the second the corners of a sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from keras_model.handwriting.constants import PREPARATION
from keras_model.handwriting.resizing import resized

_BOX, _BILINEAR = Image.Resampling.BOX, Image.Resampling.BILINEAR


@dataclass(frozen=True)
class Ink:
    """What may be the ink of a picture.

    Attributes:
        values: the ink (h, w), 0 to 255.
        plane: the brightness, or the color, of which the ink is the difference from the paper.
        least: less than this is noise.
        weight: how many times the ink counts beside others.
        has_light: the plane is of brightness.
    """

    values: np.ndarray
    plane: np.ndarray
    least: float
    weight: float
    has_light: bool


def inks_of(picture: np.ndarray) -> list[Ink]:
    """Return what may be the ink of a picture (h, w, 3), 0 to 255: dark, bright, or of a color."""
    if min(picture.shape[:2]) < PREPARATION.smallest:
        return []
    is_gray = bool((picture == picture[..., :1]).all())
    inks = []
    axes = PREPARATION.axes[:1] if is_gray else PREPARATION.axes
    for number, axis in enumerate(axes):
        # Not by @, which may round differently from machine to machine.
        plane = axis[0] * picture[..., 0] + axis[1] * picture[..., 1] + axis[2] * picture[..., 2]
        least = max(PREPARATION.min_contrast, PREPARATION.noise_contrast * _noise(plane))
        weight = PREPARATION.luminance_weight if number == 0 else 1.0
        has_light = number == 0
        for values in _dark_and_bright(plane, has_light=has_light):
            most = _most(values)
            if most >= least:
                faint = max(least, PREPARATION.faint * most)
                inks.append(Ink(values, plane, faint, weight, has_light))
    return inks


def _most(values: np.ndarray) -> float:
    """The most ink of 3×3 pixels: one pixel may be noise. A small picture has no such area."""
    if min(values.shape) < PREPARATION.small_picture:
        return float(values.max())
    return float(ndimage.uniform_filter(values, 3).max())


def _noise(plane: np.ndarray) -> float:
    """Return the standard deviation of the noise, from differences of neighbors."""
    differences = np.abs(np.diff(plane[::2], axis=1))
    return float(np.median(differences)) / PREPARATION.noise_median


def _dark_and_bright(plane: np.ndarray, *, has_light: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the ink of one plane (h, w) that is below the paper, and the ink that is above.

    Args:
        has_light: the plane is of brightness, so that dark ink absorbs a share of the light.
    """
    side = _odd_size(PREPARATION.stroke * min(plane.shape))
    paper, brighter = _paper(plane, has_light=has_light)
    # What the edge of the picture cuts off goes on behind it.
    behind = np.pad(plane, side, mode="edge")
    inside = slice(side, -side), slice(side, -side)
    below = np.minimum(ndimage.grey_closing(behind, (side, side))[inside], brighter)
    above = np.maximum(ndimage.grey_opening(behind, (side, side))[inside], paper)
    dark, bright = np.clip(below - plane, 0, None), np.clip(plane - above, 0, None)
    if has_light:
        dark = 255 * dark / np.maximum(below, PREPARATION.darkest_paper)
    return dark, bright


def _odd_size(length: float) -> int:
    """Return the side of a window of about a length, which has a pixel in its middle."""
    return max(3, round(length) // 2 * 2 + 1)


def _paper(plane: np.ndarray, *, has_light: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the paper around each pixel of bright ink, and of dark ink.

    It is the median of the surroundings, from a much smaller picture. Where most of them are a
    table, as at the corner of a sheet, the paper of dark ink is a higher quantile.
    """
    height, width = plane.shape
    scale = min(1.0, PREPARATION.paper_grid / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(resized(Image.fromarray(plane.astype(np.float32)), size, _BOX))
    window = _odd_size(PREPARATION.paper_window * min(small.shape))
    middle, high = (
        ndimage.rank_filter(small, int(share * window**2), window, mode="nearest")
        for share in (0.5, PREPARATION.sheet)
    )
    papers = [middle]
    if has_light:
        papers.append(np.where(middle < PREPARATION.table * high, high, middle))
    large = [
        np.asarray(resized(Image.fromarray(paper), (width, height), _BILINEAR), float)
        for paper in papers
    ]
    return large[0], large[-1]
