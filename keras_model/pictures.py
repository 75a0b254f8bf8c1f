"""A person's picture of a digit, brought to MNIST's own form.

MNIST's digits (Y. LeCun, C. Cortes, C. Burges, "The MNIST database") are bright ink on 0, scaled to
fit 20×20 with their shape kept, and put into 28×28 with their centre of mass in the middle. A
picture gets there in these steps: grey, ink bright; the paper's own shade taken away; the ink told
from noise; specks left out; cropped, scaled, centred.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

from common.files import finished_file
from keras_model.mnist import SIDE

MOST_PIXELS = 50_000_000
_MARK = "gradsheet predict"  # by which a picture of ours is known again
_BOX = 20  # the digit's longer side in the picture of 28
_SOUGHT_ON = 1024  # pixels of the longer side of a page that the digit is sought on
_WORKED_ON = 320  # pixels of the longer side that the digit is worked on at
_LEAST_CONTRAST = 24  # of 255: less is paper
_EDGE, _FAINT = 9, 64  # the width of a stroke's soft edge on both sides; ink fainter than that
_SPECK = 0.04  # parts smaller than this share of the largest part are specks
_THIN = 0.085  # strokes thinner than this share of the digit are thickened; MNIST's have about 0.12


class PictureError(Exception):
    """Not a picture of a digit; the message says why."""


def read_picture(path: Path) -> np.ndarray:
    """A digit (28, 28) uint8 in MNIST's form from a PNG or JPEG file.

    Raises:
        PictureError: no such file, not a picture, damaged, too large, or nothing drawn on it.
    """
    return as_digit(_grey(path))


def as_digit(grey: Image.Image) -> np.ndarray:
    """A digit (28, 28) uint8 in MNIST's form from a grey picture, whichever of the two is dark.

    Raises:
        PictureError: there is no ink on it.
    """
    if max(grey.size) > _WORKED_ON:
        grey = grey.crop(_surroundings(grey))
    grey.thumbnail((_WORKED_ON, _WORKED_ON), Image.Resampling.BOX)
    ink = _ink(grey)
    mask = _without_specks(ink > _threshold(ink))
    # What was left out stays out, but a stroke's soft edge, which the mask misses, belongs to it.
    near = Image.fromarray(np.uint8(255 * mask)).filter(ImageFilter.MaxFilter(_EDGE))
    ink = np.where(np.asarray(near) > 0, ink, 0)
    top, bottom, left, right = _edges(ink > _FAINT)
    box = slice(top, bottom), slice(left, right)
    return _centred(_scaled(ink[box], mask[box]))


def _edges(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The rows and columns that a mask reaches from and to: top, bottom, left, right."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _surroundings(grey: Image.Image) -> tuple[int, int, int, int]:
    """Where on a large page the ink is, with a margin: left, top, right, bottom."""
    page = grey.copy()
    page.thumbnail((_SOUGHT_ON, _SOUGHT_ON), Image.Resampling.BOX)
    ink = _ink(page)
    mask = ink > _threshold(ink)
    coarse = -(-max(mask.shape) // 256)  # squares of so many pixels are looked at as one
    rows, columns = (-(-size // coarse) for size in mask.shape)
    squares = np.zeros((rows * coarse, columns * coarse), bool)
    squares[: mask.shape[0], : mask.shape[1]] = mask
    squares = squares.reshape(rows, coarse, columns, coarse).any(axis=(1, 3))
    top, bottom, left, right = (at * coarse for at in _edges(_without_specks(squares)))
    margin = 4 + max(bottom - top, right - left) // 3
    across, down = grey.width / page.width, grey.height / page.height
    return (
        max(0, int((left - margin) * across)),
        max(0, int((top - margin) * down)),
        min(grey.width, int((right + margin) * across) + 1),
        min(grey.height, int((bottom + margin) * down) + 1),
    )


def _grey(path: Path) -> Image.Image:
    """A file as a grey picture, upright; what is transparent is paper."""
    if not path.is_file():
        raise PictureError("does not exist" if not path.exists() else "is not a file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise PictureError(
                        f"has {width}×{height} pixels; more than {MOST_PIXELS // 10**6} million "
                        "are not read"
                    )
                opened.draft("L", (2 * _SOUGHT_ON, 2 * _SOUGHT_ON))  # JPEG: decoded smaller
                picture = ImageOps.exif_transpose(opened)
                picture.load()
    except (PictureError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise PictureError(f"is huge: more than {MOST_PIXELS // 10**6} million pixels") from None
    except Exception as error:  # Pillow meets damaged files with whatever its readers raise
        raise PictureError("is not a picture (PNG or JPEG), or is damaged") from error
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        opacity = np.asarray(picture.getchannel("A"), float)
        shade = np.asarray(picture.convert("RGB").convert("L"), float)
        seen = float(np.average(shade, weights=opacity)) if opacity.any() else 255.0
        paper = 255 if seen < 128 else 0  # bright ink was meant for dark paper
        flat = shade * opacity / 255 + paper * (1 - opacity / 255)
        return Image.fromarray(np.uint8(np.round(flat)))
    if picture.mode.startswith("I"):  # 16 bits
        wide = np.asarray(picture, float)
        return Image.fromarray(np.uint8(np.clip(wide / 257, 0, 255)))
    return picture.convert("L")


def _ink(grey: Image.Image) -> np.ndarray:
    """How much ink each pixel has, 0 … 255, whatever the shades of ink and paper."""
    shade = np.asarray(grey, np.float64)
    edge = np.concatenate([shade[0], shade[-1], shade[:, 0], shade[:, -1]])
    paper = float(np.median(edge))
    if paper - shade.min() > shade.max() - paper:  # dark ink: as a negative
        shade, paper, edge = 255 - shade, 255 - paper, 255 - edge
    if np.percentile(edge, 95) - np.percentile(edge, 5) > 12:
        # Uneven light: the paper's shade at each place is the darkest about it, smoothed.
        small = Image.fromarray(np.uint8(shade)).filter(ImageFilter.MedianFilter(3))
        small = small.resize((32, 32), Image.Resampling.BOX).filter(ImageFilter.MinFilter(9))
        small = small.filter(ImageFilter.GaussianBlur(3))
        paper = np.asarray(small.resize(grey.size, Image.Resampling.BICUBIC), float)
    ink = np.clip(shade - paper, 0, None)
    most = float(np.percentile(ink, 99.8)) if ink.size > 5000 else float(ink.max())
    most = max(most, 0.6 * float(ink.max()))
    if most < _LEAST_CONTRAST:
        raise PictureError("has no ink on it")
    return np.clip(ink * (255 / most), 0, 255)


def _threshold(ink: np.ndarray) -> float:
    """Otsu's threshold (IEEE Trans. SMC 9, 1979), which parts two shades best."""
    count, _ = np.histogram(ink, bins=256, range=(0, 256))
    level = np.arange(256)
    below = np.cumsum(count)
    above = below[-1] - below
    sums = np.cumsum(count * level)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(np.nanargmax(between))


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """The mask without its small parts, that are specks of dust or of noise."""
    parts = np.zeros(mask.shape, np.int32)
    sizes = [0]
    height, width = mask.shape
    for start in zip(*np.nonzero(mask), strict=True):
        if parts[start]:
            continue
        number, size, waiting = len(sizes), 0, [start]
        parts[start] = number
        while waiting:
            y, x = waiting.pop()
            size += 1
            for v in range(max(0, y - 1), min(height, y + 2)):
                for u in range(max(0, x - 1), min(width, x + 2)):
                    if mask[v, u] and not parts[v, u]:
                        parts[v, u] = number
                        waiting.append((v, u))
        sizes.append(size)
    return np.isin(parts, np.flatnonzero(np.array(sizes) >= max(sizes) * _SPECK)) & mask


def _scaled(crop: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The digit with its longer side 20, its strokes as strong as MNIST's."""
    longer = max(crop.shape)
    wide = np.pad(mask, 1)
    inner = mask & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    outline = mask.sum() - inner.sum()
    stroke = 2 * mask.sum() / max(outline, 1)  # a stroke has an outline on either side
    picture = Image.fromarray(np.uint8(np.round(crop)))
    if stroke < _THIN * longer:
        wider = round(_THIN * longer - stroke) // 2 * 2 + 1
        picture = ImageOps.expand(picture, wider // 2)
        picture = picture.filter(ImageFilter.MaxFilter(max(3, wider)))
    width, height = picture.size
    scale = _BOX / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(picture.resize(size, Image.Resampling.LANCZOS), float)
    return np.clip(small * (255 / max(small.max(), 1)), 0, 255)


def _centred(digit: np.ndarray) -> np.ndarray:
    """The digit in 28×28 with its centre of mass in the middle: on pixel 14, as MNIST's are."""
    height, width = digit.shape
    weight = digit.sum()
    y = (digit.sum(axis=1) @ np.arange(height)) / weight
    x = (digit.sum(axis=0) @ np.arange(width)) / weight
    top = int(np.clip(round(SIDE / 2 - y), 0, SIDE - height))
    left = int(np.clip(round(SIDE / 2 - x), 0, SIDE - width))
    whole = np.zeros((SIDE, SIDE), np.uint8)
    whole[top : top + height, left : left + width] = np.round(digit)
    return whole


def _is_ours(path: Path) -> bool:
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return picture.info.get("Software") == _MARK
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def draw_seen(rows: list[tuple[Path, np.ndarray, str]], path: Path, force: bool = False) -> None:
    """A PNG of pictures and what the network saw of them, side by side.

    Args:
        rows: for each picture its file, the digit (28, 28) and what was read, in words.
        force: replace a file at ``path`` that was not written here.

    Raises:
        CannotWriteError: it cannot be written there, or may not.
    """
    side, gap, words = 224, 16, 30
    across = min(len(rows), 3)
    cell = (2 * side + 3 * gap, side + words + gap)
    down = -(-len(rows) // across)
    sheet = Image.new("RGB", (across * cell[0], down * cell[1] + gap), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, (file, digit, told) in enumerate(rows):
        left, top = number % across * cell[0] + gap, number // across * cell[1] + gap
        with Image.open(file, formats=("PNG", "JPEG")) as opened:
            opened.draft("RGB", (2 * side, 2 * side))
            own = ImageOps.exif_transpose(opened).convert("RGBA")
        own.thumbnail((side, side), Image.Resampling.LANCZOS)
        paper = Image.new("RGBA", own.size, "#d9dde3")
        paper.alpha_composite(own)
        sheet.paste(paper.convert("RGB"), (left, top))
        seen = Image.fromarray(digit).resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(seen.convert("RGB"), (left + side + gap, top))
        name = file.name if len(file.name) <= 28 else f"{file.name[:27]}…"
        draw.text((left, top + side + 6), f"{name}: {told}", fill="black", font=font)
    mark = PngInfo()
    mark.add_text("Software", _MARK)
    with finished_file(path, force=force, ours=_is_ours) as unfinished:
        sheet.save(unfinished, format="PNG", pnginfo=mark)
