"""The connected parts of the ink that can be digits or pieces of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from keras_model.handwriting.constants import PREPARATION
from keras_model.handwriting.hough import lines_of_slopes
from keras_model.handwriting.ink import Ink
from keras_model.handwriting.printed_lines import has_lines_only, without_printed_lines
from keras_model.handwriting.strokes import run_lengths, stroke_width

_EIGHT = np.ones((3, 3), int)  # a pixel has eight neighbors
_REACH = PREPARATION.soft_edge + 1


@dataclass(frozen=True, eq=False)  # each is only itself
class Part:
    """A connected part: its box, whose ends are exclusive, and its pixels (h, w) in the box.

    Its ``amount`` of ink is the sum of the squares, so that pale marks count less.
    """

    top: int
    left: int
    bottom: int
    right: int
    mask: np.ndarray
    amount: float

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Its width in pixels."""
        return self.right - self.left

    @property
    def size(self) -> int:
        """The longer side."""
        return max(self.height, self.width)

    @property
    def strength(self) -> float:
        """The root mean square of its pixels' ink."""
        return float(np.sqrt(self.amount / self.mask.sum()))


def digit_parts(ink: Ink) -> list[Part]:
    """Return the parts that can be digits, without specks, lines, frames and what lies around."""
    mask = _strokes(ink)
    mask &= ~_lines(mask)
    alone = [part for part in _parts_of(mask, ink.values) if _is_alone(part, ink)]
    unframed = _without_frames(_without_grids(alone))
    pieces = [rest for part in unframed for rest in _without_lines(part, ink)]
    alone = _on_one_paper(_without_rules(pieces, mask.shape), ink)
    large = without_specks(alone)
    inside = [part for part in large if _is_inside(part, mask.shape)]
    chosen = without_specks(_without_pale(inside or large, inside or large))
    specks = [part for part in alone if part not in large and _is_inside(part, mask.shape)]
    return [*chosen, *_pieces_of_strokes(_without_pale(specks, chosen), chosen)]


def _pieces_of_strokes(specks: list[Part], chosen: list[Part]) -> list[Part]:
    """Return the specks that may be pieces of broken strokes: thin ones break into small pieces.

    Of others, pieces are between the parts, and not much smaller than their strokes are wide.
    """
    if not chosen:
        return []
    largest = max(part.size for part in chosen)
    share = stroke_share(chosen, largest)
    if share < PREPARATION.thin:
        return specks
    width = share * largest
    reach = PREPARATION.fray * width
    top, left = min(part.top for part in chosen), min(part.left for part in chosen)
    bottom, right = max(part.bottom for part in chosen), max(part.right for part in chosen)
    return [
        part
        for part in specks
        if part.size >= PREPARATION.crumb * width
        and part.top >= top - reach and part.bottom <= bottom + reach
        and part.left >= left - reach and part.right <= right + reach
    ]  # fmt: skip


def stroke_share(parts: list[Part], size: int) -> float:
    """Return how wide the largest part's strokes are, as a share of a size. Thin ones break.

    Args:
        parts: at least one.
        size: the longer side of the largest digit as far as it is joined.
    """
    largest = max(parts, key=lambda part: part.size)
    return stroke_width(largest.mask) / size


def _is_inside(part: Part, shape: tuple[int, ...]) -> bool:
    """Whether a part does not touch the picture's edge."""
    return min(part.top, part.left) > 0 and part.bottom < shape[0] and part.right < shape[1]


def _numbered(mask: np.ndarray, ink: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the number of each pixel's part, from 1, and how many parts there are.

    Of many parts, as of a picture of noise, those with the most ink are numbered, the others are 0.
    """
    numbers, count = ndimage.label(mask, _EIGHT)
    if count <= PREPARATION.most_parts:
        return numbers, count
    amounts = np.bincount(numbers.ravel(), (ink**2).ravel(), count + 1)
    amounts[0] = 0
    chosen = np.argsort(-amounts, kind="stable")[: PREPARATION.most_parts]
    new = np.zeros(count + 1, int)
    new[np.sort(chosen)] = np.arange(1, len(chosen) + 1)
    return new[numbers], len(chosen)


def _parts_of(mask: np.ndarray, ink: np.ndarray) -> list[Part]:
    numbers, _ = _numbered(mask, ink)
    parts = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), start=1):
        own = numbers[rows, columns] == number
        amount = float((ink[rows, columns][own] ** 2).sum())
        parts.append(Part(rows.start, columns.start, rows.stop, columns.stop, own, amount))
    return parts


def _strokes(ink: Ink) -> np.ndarray:
    """Return where ink is, with as sharp an edge for a pale part as for a dark one.

    In a part with much ink, what has little is the soft edge of a stroke, or a printed line behind.
    """
    numbers, count = _numbered(ink.values > ink.least, ink.values)
    mask = numbers > 0
    full = np.zeros(count + 1)
    for number, place in enumerate(ndimage.find_objects(numbers), start=1):
        values = ink.values[place][numbers[place] == number]
        full[number] = np.quantile(values, PREPARATION.full_ink)
    return np.asarray(mask & (ink.values > PREPARATION.edge * full[numbers]))


def _is_alone(part: Part, ink: Ink) -> bool:
    """Whether there is paper around a part; else it is the end of something larger.

    The pixels around it are unlike its own, those in a shadow unlike its own in the shadow.
    """
    mask, plane = _with_surroundings(part, ink)
    around = _ring(mask) & ~np.isnan(plane)
    if not around.any():
        return True
    own, outer = np.median(plane[mask]), plane[around]
    limit = PREPARATION.alike * np.abs(np.quantile(outer, PREPARATION.surroundings) - own).max()
    alike = np.abs(outer - own) < limit
    alike &= np.abs(outer - _mean_near(mask, plane)[around]) < limit
    return bool(alike.mean() < PREPARATION.attached)


def _mean_near(mask: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Return the mean of a part's own pixels in a window, twice as wide as its ring is away."""
    side = 2 * _REACH + 1
    total = ndimage.uniform_filter(np.where(mask, plane, 0.0), side, mode="constant")
    count = ndimage.uniform_filter(mask.astype(float), side, mode="constant")
    return np.asarray(total / np.maximum(count, 0.5 / side**2))


def _on_one_paper(parts: list[Part], ink: Ink) -> list[Part]:
    """Leave out what is on something much darker or brighter than the part with the most ink.

    That is the texture of a table around a sheet. What touches the picture's edge is no such part.
    A digit in a shadow absorbs as much of the light as others.
    """
    if not ink.has_light or len(parts) < 2:
        return parts
    inside = [part for part in parts if _is_inside(part, ink.values.shape)] or parts
    papers = {part: _brightness_around(part, ink) for part in parts}
    main = max(inside, key=lambda part: part.amount)
    least = PREPARATION.as_strong * main.strength
    return [
        part
        for part, paper in papers.items()
        if part.strength >= least
        or min(paper, papers[main]) >= PREPARATION.same_paper * max(paper, papers[main])
    ]


def _brightness_around(part: Part, ink: Ink) -> float:
    mask, plane = _with_surroundings(part, ink)
    outer = plane[_ring(mask) & ~np.isnan(plane)]
    return max(PREPARATION.darkest_paper, float(np.median(outer)) if len(outer) else 0.0)


def _with_surroundings(part: Part, ink: Ink) -> tuple[np.ndarray, np.ndarray]:
    """Return a part's mask with a border, and the plane there, NaN outside of the picture."""
    (height, width), border = ink.plane.shape, _REACH
    top, left = part.top - border, part.left - border
    plane = np.full((part.height + 2 * border, part.width + 2 * border), np.nan)
    rows = slice(max(top, 0), min(part.bottom + border, height))
    columns = slice(max(left, 0), min(part.right + border, width))
    inside = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    plane[inside] = ink.plane[rows, columns]
    return np.pad(part.mask, border), plane


def _ring(mask: np.ndarray) -> np.ndarray:
    """Return the pixels around a part, behind the soft edge of its strokes."""
    near = ndimage.binary_dilation(mask, _EIGHT, iterations=PREPARATION.soft_edge)
    return np.asarray(ndimage.binary_dilation(near, _EIGHT) & ~near)


def without_specks(parts: list[Part]) -> list[Part]:
    """Leave out the parts that are small beside the largest one."""
    amount = max((part.amount for part in parts), default=0)
    size = max((part.size for part in parts), default=0)
    return [
        part
        for part in parts
        if part.amount >= PREPARATION.speck * amount and part.size >= PREPARATION.speck_size * size
    ]


def _without_pale(parts: list[Part], others: list[Part]) -> list[Part]:
    """Leave out what is pale beside that of others with the most ink, as the grain of a table."""
    if not others:
        return []
    least = PREPARATION.pale * max(others, key=lambda part: part.amount).strength
    return [part for part in parts if part.strength >= least]


def _without_rules(parts: list[Part], shape: tuple[int, ...]) -> list[Part]:
    """Leave out a form's printed lines: long beside all others, or longer and thin or aligned."""

    def is_narrow(part: Part) -> bool:
        return min(part.height, part.width) <= PREPARATION.rule_height * part.size

    longest = max((part.size for part in parts if is_narrow(part)), default=0)
    least = PREPARATION.enclosed * longest
    others = [part for part in parts if not is_narrow(part) and part.size >= least]
    if not others:
        return parts
    largest = max(others, key=lambda part: part.size)
    thin = PREPARATION.thin_line * stroke_width(largest.mask)

    def is_rule(part: Part) -> bool:
        if not is_narrow(part):
            return False
        is_long = part.width >= part.height or part.height >= PREPARATION.line_length * shape[0]
        return (is_long and part.size > PREPARATION.rule * largest.size) or (
            part.size > largest.size
            and (
                min(part.height, part.width) <= thin
                or any(_are_aligned(part, other) for other in parts if is_narrow(other))
            )
        )

    return [part for part in parts if not is_rule(part)]


def _are_aligned(line: Part, other: Part) -> bool:
    """Whether two narrow parts begin and end at the same height, or in the same columns."""
    most = PREPARATION.aligned * line.size
    if line.height > line.width:
        apart = max(abs(line.top - other.top), abs(line.bottom - other.bottom))
    else:
        apart = max(abs(line.left - other.left), abs(line.right - other.right))
    return line is not other and apart <= most


def _without_frames(parts: list[Part]) -> list[Part]:
    """Leave out the boxes and circles around other parts, not a 0 around the rest of a line."""

    def encloses(frame: Part, part: Part) -> bool:
        return (
            frame.top < part.top and frame.left < part.left
            and frame.bottom > part.bottom and frame.right > part.right
            and part.height >= PREPARATION.frame * frame.height
            and _across(part) >= PREPARATION.background * _across(frame)
            and (_surrounds(frame, part) or part.size >= PREPARATION.open_frame * frame.size)
        )  # fmt: skip

    return [frame for frame in parts if not any(encloses(frame, part) for part in parts)]


def _across(part: Part) -> float:
    """Return how much ink there is across a part's strokes."""
    return part.strength * stroke_width(part.mask)


def _surrounds(frame: Part, part: Part) -> bool:
    """Whether a frame is seen from the middle of a part inside it, in three of four directions.

    In a broken 0, whose box encloses one of its pieces, it is seen in two.
    """
    row = (part.top + part.bottom) // 2 - frame.top
    column = (part.left + part.right) // 2 - frame.left
    across, along = frame.mask[row], frame.mask[:, column]
    seen = across[:column].any(), across[column:].any(), along[:row].any(), along[row:].any()
    return sum(map(int, seen)) >= 3


def _without_grids(parts: list[Part]) -> list[Part]:
    """Leave out what consists of lines around something: boxes, the cells of a form."""

    def encloses(grid: Part, part: Part) -> bool:
        middle, center = (part.top + part.bottom) / 2, (part.left + part.right) / 2
        return (
            grid.top < middle < grid.bottom and grid.left < center < grid.right
            and grid is not part and part.size >= PREPARATION.enclosed * grid.size
        )  # fmt: skip

    return [
        grid
        for grid in parts
        if not (any(encloses(grid, part) for part in parts) and has_lines_only(grid.mask))
    ]


def _without_lines(part: Part, ink: Ink) -> list[Part]:
    """Return what is left of a part without the printed lines that touch it."""
    if part.size < PREPARATION.segment_part:
        return [part]
    rest = without_printed_lines(part.mask)
    if rest is part.mask:
        return [part]
    values = ink.values[part.top : part.bottom, part.left : part.right]
    return [
        Part(
            piece.top + part.top, piece.left + part.left,
            piece.bottom + part.top, piece.right + part.left, piece.mask, piece.amount,
        )
        for piece in without_specks(_parts_of(rest, values))
    ]  # fmt: skip


def _lines(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of straight, thin, nearly horizontal or vertical lines that reach an edge.

    Where a line crosses a stroke, the ink is not thin and stays.
    """
    widest = max(3, round(PREPARATION.line_width * min(mask.shape)))
    horizontal = _horizontal_lines(mask, widest)
    vertical = _horizontal_lines(np.ascontiguousarray(mask.T), widest).T
    return np.asarray(horizontal | vertical)


def _horizontal_lines(mask: np.ndarray, widest: int) -> np.ndarray:
    width = mask.shape[1]
    thin = mask & (run_lengths(mask) <= widest)
    lines = np.zeros_like(mask)
    rows, columns = np.nonzero(thin)
    if not len(rows):
        return lines
    edge = max(2, int(PREPARATION.line_edge * width))
    slopes = PREPARATION.line_slopes, PREPARATION.line_slope_count
    for level, near in lines_of_slopes(rows, columns, width, *slopes):
        reaches = near[:, :edge].any(1) | near[:, -edge:].any(1)
        found = reaches & (near.sum(1) >= PREPARATION.line_length * width)
        if found.any():
            wide = ndimage.maximum_filter1d(found, widest + 2)
            chosen = wide[level]
            lines[rows[chosen], columns[chosen]] = True
    return lines
