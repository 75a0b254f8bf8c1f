"""Printed lines that touch a digit: the sides of a box, an underline, the cells of a form.

They are found among the thin pixels of a connected part, and taken away if what is left looks like
a digit and they do not look like its own strokes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from keras_model.handwriting.constants import PREPARATION
from keras_model.handwriting.hough import lines_of_slopes
from keras_model.handwriting.strokes import run_lengths, stroke_width


@dataclass(frozen=True)
class Segment:
    """A straight line in a part: its pixels (h, w), where it starts and ends, and its length.

    Start and end are columns, of a vertical line rows, and the end is exclusive; the length is the
    number of columns or rows where the line is.
    """

    mask: np.ndarray
    start: int
    end: int
    length: int

    @property
    def thickness(self) -> float:
        """Its mean thickness in pixels."""
        return float(self.mask.sum()) / self.length

    @property
    def middle(self) -> float:
        """The mean row of its pixels."""
        return float(self.mask.nonzero()[0].mean())


def without_printed_lines(mask: np.ndarray) -> np.ndarray:
    """Return a part (h, w) without the printed lines that touch it; itself, if it has none."""
    horizontal, vertical = straight_segments(mask, PREPARATION.segment_length)
    every = [*horizontal, *vertical]
    is_grid = _is_grid(horizontal, vertical)
    for segments in [every] if is_grid else [every, horizontal, vertical]:
        if not segments:
            continue
        left = _without(mask, segments)
        rest = _largest_component(left)
        is_printed = (
            is_grid
            or _are_thin(segments, rest)
            or (segments is horizontal and _are_outside(segments, left, rest))
        )
        if _is_large(rest, mask) and is_printed:
            return _without_short_lines(left, segments, rest)
    return mask


def _without_short_lines(left: np.ndarray, segments: list[Segment], rest: np.ndarray) -> np.ndarray:
    """Take away what is left of the sides of a box between the strokes that cross them.

    Args:
        left: a part without its longest lines.
        segments: these lines.
        rest: the largest piece that is left.
    """
    if not _are_thin(segments, rest):
        return left
    thickest = PREPARATION.as_thin * max(segment.thickness for segment in segments)
    shorter = [
        segment
        for direction in straight_segments(left, PREPARATION.short_segment)
        for segment in direction
        if segment.thickness <= thickest
    ]
    without = _without(left, shorter)
    return without if _is_large(_largest_component(without), left) else left


def has_lines_only(mask: np.ndarray) -> bool:
    """Whether a part is a box or a grid and nothing else."""
    horizontal, vertical = straight_segments(mask, PREPARATION.segment_length)
    rest = _largest_component(_without(mask, [*horizontal, *vertical]))
    return _is_grid(horizontal, vertical) and not _is_large(rest, mask)


def _is_grid(horizontal: list[Segment], vertical: list[Segment]) -> bool:
    count = len(horizontal) + len(vertical)
    return bool(horizontal and vertical) and count >= PREPARATION.grid


def _is_large(rest: np.ndarray, mask: np.ndarray) -> bool:
    """Whether what is left of a part can be a digit."""
    return bool(max(_sides(rest)) >= PREPARATION.beside_lines * max(mask.shape))


def _without(mask: np.ndarray, segments: list[Segment]) -> np.ndarray:
    rest = mask.copy()
    for segment in segments:
        rest &= ~segment.mask
    return rest


def _largest_component(mask: np.ndarray) -> np.ndarray:
    numbers, count = ndimage.label(mask, np.ones((3, 3), int))
    if not count:
        return mask
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    return np.asarray(numbers == sizes.argmax())


def _sides(mask: np.ndarray) -> tuple[int, int]:
    """Return the height and width of a mask's box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0
    return int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def _are_thin(segments: list[Segment], rest: np.ndarray) -> bool:
    """Whether lines are much thinner than the strokes beside them."""
    thickest = max(segment.thickness for segment in segments)
    return thickest <= PREPARATION.thin_line * stroke_width(rest)


def _are_outside(segments: list[Segment], left: np.ndarray, rest: np.ndarray) -> bool:
    """Whether lines are about as long as what is above or below, and go beyond it on both sides.

    The bar of a 4 goes beyond its strokes, too, but in their middle.

    Args:
        segments: horizontal.
        left: what is left of the part without them.
        rest: the largest piece of it.
    """
    if not rest.any():
        return False
    columns, rows = np.flatnonzero(rest.any(axis=0)), np.flatnonzero(left.any(axis=1))
    size = max(_sides(rest))
    least = PREPARATION.beyond * size
    most = PREPARATION.outside * (int(rows[-1] - rows[0]) + 1)
    return all(
        segment.length >= PREPARATION.underline * size
        and segment.start <= columns[0] - least
        and segment.end > columns[-1] + least
        and min(segment.middle - rows[0], rows[-1] - segment.middle) <= most
        for segment in segments
    )


def straight_segments(mask: np.ndarray, share: float) -> tuple[list[Segment], list[Segment]]:
    """Return the nearly horizontal and the nearly vertical lines of a part.

    Args:
        share: how much of the part's width or height they cover.
    """
    vertical = [
        Segment(segment.mask.T, segment.start, segment.end, segment.length)
        for segment in _horizontal_segments(np.ascontiguousarray(mask.T), share)
    ]
    return _horizontal_segments(mask, share), vertical


def _horizontal_segments(mask: np.ndarray, share: float) -> list[Segment]:
    widest = max(3, round(PREPARATION.segment_width * max(mask.shape)))
    thin = mask & (run_lengths(_without_holes(mask)) <= widest)
    segments: list[Segment] = []
    while len(segments) < PREPARATION.most_segments:
        segment = _longest_segment(thin, share * mask.shape[1], widest)
        if segment is None:
            break
        segments.append(segment)
        thin = thin & ~segment.mask
    return segments


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """Fill holes of one pixel, as dithering leaves them in strokes."""
    filled = mask.copy()
    beside = mask[1:-1, :-2] & mask[1:-1, 2:]
    filled[1:-1, 1:-1] |= mask[:-2, 1:-1] & mask[2:, 1:-1] & beside
    return filled


def _longest_segment(thin: np.ndarray, least: float, widest: int) -> Segment | None:
    width = thin.shape[1]
    if int(thin.any(axis=0).sum()) < least:
        return None
    rows, columns = np.nonzero(thin)
    slopes, longest = (PREPARATION.segment_slopes, PREPARATION.segment_slope_count), 0
    best: tuple[np.ndarray, np.ndarray] | None = None
    for level, near in lines_of_slopes(rows, columns, width, *slopes):
        lengths = near.sum(1)
        number = int(lengths.argmax())
        if lengths[number] > longest:
            longest = int(lengths[number])
            best = np.abs(level - number) <= (widest + 1) // 2, np.flatnonzero(near[number])
    if best is None or longest < least:
        return None
    chosen, place = best
    pixels = np.zeros_like(thin)
    pixels[rows[chosen], columns[chosen]] = True
    return Segment(pixels, int(place[0]), int(place[-1]) + 1, longest)
