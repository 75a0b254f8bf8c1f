"""Printed lines that touch a digit: the sides of a box, an underline, the cells of a form.

They are found among the thin pixels of a connected part, and taken away if what is left looks like
a digit and they do not look like its own strokes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from keras_model.handwriting.constants import PREPARATION
from keras_model.handwriting.hough import lines_of_slopes
from keras_model.handwriting.strokes import run_lengths, stroke_width


@dataclass(frozen=True)
class Segment:
    """A straight line in a part: its pixels (h, w), where it starts and ends, and its length.

    Start and end are columns, of a vertical line rows, and the end is exclusive; the length is the
    number of columns or rows where the line is. The middle is the mean row of its pixels, of a
    vertical line the mean column.
    """

    mask: np.ndarray
    start: int
    end: int
    length: int
    middle: float

    @property
    def thickness(self) -> float:
        """Its mean thickness in pixels."""
        return float(self.mask.sum()) / self.length


def without_printed_lines(mask: np.ndarray) -> np.ndarray:
    """Return a part (h, w) without the printed lines that touch it; itself, if it has none."""
    horizontal, vertical = straight_segments(mask, PREPARATION.segment_length)
    is_grid = _is_grid(horizontal, vertical)
    for across, upright in [(horizontal, vertical), (horizontal, []), ([], vertical)]:
        segments = [*across, *upright]
        if not segments:
            continue
        left = _without(mask, segments)
        rest = _largest_component(left)
        are_thin = _are_thin(segments, rest)
        shorter = _shorter(left, segments) if are_thin else ([], [])
        is_printed = (
            is_grid
            or (are_thin and _is_grid([*across, *shorter[0]], [*upright, *shorter[1]]))
            or (
                _go_beyond(across, upright, left)
                and (are_thin or (not upright and _are_outside(across, left, rest)))
            )
        )
        if _is_large(rest, mask) and is_printed:
            without = _without(left, [*shorter[0], *shorter[1]])
            return without if _is_large(_largest_component(without), left) else left
        if is_grid:
            break
    return mask


def _shorter(left: np.ndarray, segments: list[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Return what is left of the sides of a box between the strokes that cross them.

    Args:
        left: a part without its longest lines.
        segments: these lines.
    """
    thickest = PREPARATION.as_thin * max(segment.thickness for segment in segments)
    horizontal, vertical = (
        [segment for segment in direction if segment.thickness <= thickest]
        for direction in straight_segments(left, PREPARATION.short_segment)
    )
    return horizontal, vertical


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


def _go_beyond(across: list[Segment], upright: list[Segment], left: np.ndarray) -> bool:
    """Whether lines go beyond all strokes on both sides. The tail of a 2 goes on from a stroke.

    Args:
        across: horizontal lines.
        upright: vertical lines.
        left: what is left of the part without them.
    """
    if not left.any():
        return False
    numbers, _ = ndimage.label(left, np.ones((3, 3), int))
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    strokes = (sizes >= PREPARATION.scrap * sizes.max())[numbers]
    least = PREPARATION.beyond * max(_sides(strokes))
    return all(
        segment.start <= along[0] - least and segment.end > along[-1] + least
        for segments, axis in ((across, 0), (upright, 1))
        for along in [np.flatnonzero(strokes.any(axis=axis))]
        for segment in segments
    )


def _are_outside(across: list[Segment], left: np.ndarray, rest: np.ndarray) -> bool:
    """Whether horizontal lines are about as long as what is above or below, not in its middle.

    The bar of a 4 goes beyond its strokes, too, but in their middle.

    Args:
        across: the lines.
        left: what is left of the part without them.
        rest: the largest piece of it.
    """
    rows = np.flatnonzero(left.any(axis=1))
    size = max(_sides(rest))
    most = PREPARATION.outside * (int(rows[-1] - rows[0]) + 1)
    return all(
        segment.length >= PREPARATION.underline * size
        and min(segment.middle - rows[0], rows[-1] - segment.middle) <= most
        for segment in across
    )


def straight_segments(mask: np.ndarray, share: float) -> tuple[list[Segment], list[Segment]]:
    """Return the nearly horizontal and the nearly vertical lines of a part.

    Args:
        share: how much of the part's width or height they cover.
    """
    vertical = [
        replace(segment, mask=segment.mask.T)
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
    middle = float(rows[chosen].mean())
    return Segment(pixels, int(place[0]), int(place[-1]) + 1, longest, middle)
