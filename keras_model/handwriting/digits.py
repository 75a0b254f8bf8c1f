"""The digits in a picture, in reading order, each in MNIST's format."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from keras_model.handwriting.constants import PREPARATION
from keras_model.handwriting.ink import inks_of
from keras_model.handwriting.mnist_format import in_mnist_format
from keras_model.handwriting.parts import (
    Part,
    digit_parts,
    stroke_share,
    without_specks,
)
from keras_model.handwriting.resizing import thumbnail
from keras_model.handwriting.sheet import without_table
from keras_model.handwriting.strokes import stroke_width

Box = tuple[int, int, int, int]  # left, top, right, bottom; the ends are exclusive


@dataclass(frozen=True)
class FoundDigit:
    """A digit of a picture.

    Attributes:
        image: (28, 28) uint8 in MNIST's format.
        box: where it is, in pixels of the picture.
        is_dash: whether it is a single flat stroke, which is no digit.
        may_touch: whether it is so wide that it may be two digits that touch.
        is_tiny: whether it is so small that it may be dust.
    """

    image: np.ndarray
    box: Box
    is_dash: bool
    may_touch: bool
    is_tiny: bool = False


def find_digits(picture: Image.Image) -> list[FoundDigit]:
    """Return the digits of an RGB picture, line by line, from left to right; none without ink."""
    page = thumbnail(picture, PREPARATION.page_size)
    ink, found = _ink_and_parts(page)
    scale = picture.width / page.width, picture.height / page.height
    digits = []
    for parts in _reading_order(_without_blots(_joined(found))):
        digit = _found_digit(ink, parts, _scaled(_box(parts), scale))
        if page is not picture and _longer_side(parts) < PREPARATION.small_digit:
            digit = _from_original(picture, digit.box) or digit
        digits.append(replace(digit, is_tiny=_is_tiny(digit.box, picture)))
    return digits


def _is_tiny(box: Box, picture: Image.Image) -> bool:
    least = min(PREPARATION.tiny * min(picture.size), PREPARATION.tiny_size)
    return max(box[2] - box[0], box[3] - box[1]) < least


def _ink_and_parts(picture: Image.Image) -> tuple[np.ndarray, list[Part]]:
    """Return the ink of a picture (h, w) and the parts that may be digits, dark, bright or colored.

    Of the kinds of ink it is the one that has the most of such parts.
    """
    values, found, most = np.zeros((picture.height, picture.width)), list[Part](), 0.0
    for ink in inks_of(np.asarray(without_table(picture), float)):
        parts = digit_parts(ink)
        if (much := ink.weight**2 * sum(part.amount for part in parts)) > most:
            values, found, most = ink.values, parts, much
    return values, found


def _found_digit(ink: np.ndarray, parts: list[Part], box: Box) -> FoundDigit:
    is_wide = _width_by_height(parts) > PREPARATION.touching
    is_dash = is_wide and _is_stroke(_mask(parts))
    return FoundDigit(_image(ink, parts), box, is_dash, may_touch=is_wide and not is_dash)


def _from_original(picture: Image.Image, box: Box) -> FoundDigit | None:
    """Return the digit that is nearest to the middle of a box of the picture, with its margin."""
    margin = round(PREPARATION.digit_margin * max(box[2] - box[0], box[3] - box[1])) + 2
    area = (
        max(0, box[0] - margin), max(0, box[1] - margin),
        min(picture.width, box[2] + margin), min(picture.height, box[3] + margin),
    )  # fmt: skip
    crop = picture.crop(area)
    small = thumbnail(crop, PREPARATION.page_size // 2)
    ink, found = _ink_and_parts(small)
    groups = _joined(found)
    if not groups:
        return None
    scale = crop.width / small.width, crop.height / small.height
    middle = ((box[0] + box[2]) / 2 - area[0], (box[1] + box[3]) / 2 - area[1])

    def distance(parts: list[Part]) -> float:
        left, top, right, bottom = _scaled(_box(parts), scale)
        return float(np.hypot((left + right) / 2 - middle[0], (top + bottom) / 2 - middle[1]))

    nearest = min(groups, key=distance)
    left, top, right, bottom = _scaled(_box(nearest), scale)
    return _found_digit(
        ink, nearest, (left + area[0], top + area[1], right + area[0], bottom + area[1])
    )


def _box(parts: list[Part]) -> Box:
    return (
        min(part.left for part in parts), min(part.top for part in parts),
        max(part.right for part in parts), max(part.bottom for part in parts),
    )  # fmt: skip


def _scaled(box: Box, scale: tuple[float, float]) -> Box:
    left, top, right, bottom = box
    return (
        int(left * scale[0]), int(top * scale[1]),
        int(np.ceil(right * scale[0])), int(np.ceil(bottom * scale[1])),
    )  # fmt: skip


def _image(ink: np.ndarray, parts: list[Part]) -> np.ndarray:
    left, top, right, bottom = _box(parts)
    return in_mnist_format(ink[top:bottom, left:right], _mask(parts))


def _mask(parts: list[Part]) -> np.ndarray:
    """Return the pixels of parts in their common box."""
    left, top, right, bottom = _box(parts)
    mask = np.zeros((bottom - top, right - left), bool)
    for part in parts:
        rows = slice(part.top - top, part.bottom - top)
        mask[rows, part.left - left : part.right - left] |= part.mask
    return mask


def _is_stroke(mask: np.ndarray) -> bool:
    """Whether what is wide is a single stroke: hardly wider, across its direction, than the pen.

    The width across is that of a bar with the same smallest variance.
    """
    rows, columns = np.nonzero(mask)
    variance = float(np.linalg.eigvalsh(np.cov(rows, columns, bias=True))[0])
    across = np.sqrt(12 * max(0.0, variance))
    return bool(across < PREPARATION.dash * stroke_width(mask))


def _without_blots(groups: list[list[Part]]) -> list[list[Part]]:
    """Leave out what is filled, as the holes of a binder, if there is something else."""

    def is_blot(parts: list[Part]) -> bool:
        size = _longer_side(parts)
        width = stroke_width(_mask(parts))
        return size >= PREPARATION.blot_size and width > PREPARATION.blot * size

    return [parts for parts in groups if not is_blot(parts)] or groups


def _joined(parts: list[Part]) -> list[list[Part]]:
    """Return the parts of each digit together, without specks that belong to none."""
    groups, before = [[part] for part in parts], len(parts) + 1
    while parts and len(groups) < before:  # what is joined may reach others
        before = len(groups)
        share = stroke_share(parts, max(map(_longer_side, groups)))
        groups = _joined_once(groups, are_slender=share < PREPARATION.slender)
    large = without_specks(parts)
    return [group for group in groups if any(part in large for part in group)]


def _joined_once(groups: list[list[Part]], are_slender: bool) -> list[list[Part]]:
    """Return the groups, each joined with the larger ones that it belongs to.

    Slender strokes may be broken, and so are those of which pieces were joined.
    """
    joined: list[list[Part]] = []
    for group in sorted(groups, key=_longer_side, reverse=True):
        own = [
            other
            for other in joined
            if _belongs(group, other)
            or ((are_slender or len(group) + len(other) > 2) and _is_near(group, other))
        ]
        joined = [other for other in joined if other not in own]
        joined.append([part for other in [*own, group] for part in other])
    return joined


def _longer_side(parts: list[Part]) -> int:
    left, top, right, bottom = _box(parts)
    return max(right - left, bottom - top)


def _gaps(first: list[Part], second: list[Part]) -> tuple[int, int]:
    """Return how far the boxes of two groups are apart, beside and above; negative is shared."""
    left, top, right, bottom = _box(first)
    other_left, other_top, other_right, other_bottom = _box(second)
    return (
        max(left, other_left) - min(right, other_right),
        max(top, other_top) - min(bottom, other_bottom),
    )


def _is_near(piece: list[Part], group: list[Part]) -> bool:
    """Whether parts may be a piece of a broken stroke of others, which stay narrow enough."""
    both = [*piece, *group]
    longer, length = _longer_side(both), _longer_side(piece)
    is_piece = length < PREPARATION.piece * _longer_side(group) or (
        length < PREPARATION.piece * longer
        and not _is_tall(both, PREPARATION.tallest_broken)
        and (_gaps(piece, group)[1] < 0 or not _may_be_two(piece, group))
    )
    widest = max(PREPARATION.touching, *(_width_by_height(parts) for parts in (piece, group)))
    return (
        is_piece
        and max(_gaps(piece, group)) < PREPARATION.gap * longer
        and _width_by_height(both) <= widest
    )


def _is_tall(parts: list[Part], tallest: float) -> bool:
    """Whether parts above each other are too high for one digit."""
    return 1 / _width_by_height(parts) > tallest


def _height(parts: list[Part]) -> int:
    _, top, _, bottom = _box(parts)
    return bottom - top


def _width(parts: list[Part]) -> int:
    left, _, right, _ = _box(parts)
    return right - left


def _width_by_height(parts: list[Part]) -> float:
    return _width(parts) / _height(parts)


def _belongs(piece: list[Part], group: list[Part]) -> bool:
    """Whether parts lie above, below or within others, near to them, or nearly touch them.

    Digits stand side by side, with a gap.
    """
    both = [*piece, *group]
    longer = _longer_side(both)
    is_small = _height(piece) < PREPARATION.piece * _height(group)
    is_piece = is_small or not _is_tall(both, PREPARATION.tallest)
    beside, above = _gaps(piece, group)
    overlaps = -beside >= PREPARATION.overlap * min(_width(piece), _width(group))
    is_close = above < PREPARATION.gap * longer and overlaps
    if is_piece and is_close and not _may_be_two(piece, group):
        return True
    crack = PREPARATION.crack * longer
    return any(_are_nearer(part, other, crack) for part in piece for other in group)


def _may_be_two(piece: list[Part], group: list[Part]) -> bool:
    """Whether parts are as high as each other and hardly overlap, as digits of two lines."""
    heights = _height(piece), _height(group)
    least = PREPARATION.overlap_of_alike * min(_width(piece), _width(group))
    are_alike = min(heights) >= PREPARATION.piece * max(heights)
    return are_alike and -_gaps(piece, group)[0] < least


def _are_nearer(part: Part, other: Part, distance: float) -> bool:
    """Whether pixels of two parts are nearer to each other than a distance."""
    if max(_gaps([part], [other])) >= distance:
        return False
    first, second = (
        np.argwhere(shape.mask) + np.array([shape.top, shape.left]) for shape in (part, other)
    )
    step = 1 + max(len(first), len(second)) // PREPARATION.compared_pixels
    distances = np.abs(first[::step, None] - second[None, ::step]).max(-1)
    return bool(distances.min() < distance)


def _reading_order(groups: list[list[Part]]) -> list[list[Part]]:
    """Return the groups line by line, from left to right."""
    lines: list[list[list[Part]]] = []
    for group in sorted(groups, key=lambda group: (_box(group)[1] + _box(group)[3]) / 2):
        _, top, _, bottom = _box(group)
        for line in lines:
            _, line_top, _, line_bottom = _box([part for other in line for part in other])
            shared = min(bottom, line_bottom) - max(top, line_top)
            if shared >= PREPARATION.line_overlap * min(bottom - top, line_bottom - line_top):
                line.append(group)
                break
        else:
            lines.append([group])
    return [group for line in lines for group in sorted(line, key=lambda group: _box(group)[0])]
