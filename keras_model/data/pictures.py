"""Converting a picture of a digit to MNIST's format.

MNIST's digits (Y. LeCun, C. Cortes, C. Burges, "The MNIST database") are bright ink on a background
of 0. They are scaled to fit 20×20 pixels without distortion, and placed in 28×28 pixels with their
center of mass in the middle. The steps for a picture: convert it to gray, with bright ink; subtract
the brightness of the paper; separate ink from noise; remove specks; crop, scale and center.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

from gradsheet.files import atomic_write
from gradsheet.input_files import problem_with_file
from keras_model.data.mnist import SIDE

MAX_PIXELS = 50_000_000
_PROVENANCE = "gradsheet predict"  # in the metadata of pictures that draw_predictions wrote
_SEARCH_SIZE = 1024  # the longer side, in pixels, of the picture that the digit is searched in


@dataclass(frozen=True)
class Preparation:
    """The constants of the steps, which the web page uses, too. Ink and brightness are 0 … 255.

    Attributes:
        digit_size: the longer side of the digit in the 28×28 pixels.
        working_size: the longer side, in pixels, of the picture that the digit is prepared from.
        min_contrast: a picture with less contrast has no ink.
        uneven_light: the light is uneven if the brightness of the picture's edge varies by more.
        full_ink: the share of the pixels of a picture of more than ``few_pixels`` pixels that have
            less than full ink; in a smaller one, the pixel with the most ink has full ink.
        min_full_ink: full ink is at least this share of the most ink.
        soft_edge: pixels around the mask in which fainter ink belongs to the digit, too.
        min_edge_ink: fainter ink does not extend the digit's bounding box.
        speck: parts smaller than this share of the largest part are specks.
        thin: strokes thinner than this share of the digit's longer side are thickened. MNIST's
            have about 0.12.
    """

    digit_size: int = 20
    working_size: int = 320
    min_contrast: int = 24
    uneven_light: int = 12
    few_pixels: int = 5000
    full_ink: float = 0.998
    min_full_ink: float = 0.6
    soft_edge: int = 4
    min_edge_ink: int = 64
    speck: float = 0.04
    thin: float = 0.085


PREPARATION = Preparation()


class PictureError(Exception):
    """The file is not a picture of a digit; the message says why."""


def read_picture(path: Path) -> np.ndarray:
    """Return the digit (28, 28) uint8 in MNIST's format from a PNG or JPEG file.

    Raises:
        PictureError: the file does not exist, is not a picture, is damaged, too large or blank.
    """
    return as_digit(_load_gray(path))


def as_digit(gray: Image.Image) -> np.ndarray:
    """Return the digit (28, 28) uint8 in MNIST's format from a gray picture, dark or bright ink.

    Raises:
        PictureError: the picture has no ink.
    """
    size = PREPARATION.working_size
    if max(gray.size) > size:
        gray = gray.crop(_find_digit(gray))
    gray.thumbnail((size, size), Image.Resampling.BOX)
    ink = _ink(gray)
    mask = _remove_specks(ink > _threshold(ink))
    # Keep the soft edges of the strokes, which are below the threshold, but not the specks.
    window = 2 * PREPARATION.soft_edge + 1
    near = Image.fromarray(np.uint8(255 * mask)).filter(ImageFilter.MaxFilter(window))
    ink = np.where(np.asarray(near) > 0, ink, 0)
    top, bottom, left, right = _bounds(ink > PREPARATION.min_edge_ink)
    box = slice(top, bottom), slice(left, right)
    return _center(_scale(ink[box], mask[box]))


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the bounding box of a mask: top, bottom, left, right; the ends are exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _find_digit(gray: Image.Image) -> tuple[int, int, int, int]:
    """Return the box of the ink on a large page, with a margin: left, top, right, bottom."""
    page = gray.copy()
    page.thumbnail((_SEARCH_SIZE, _SEARCH_SIZE), Image.Resampling.BOX)
    ink = _ink(page)
    mask = ink > _threshold(ink)
    step = -(-max(mask.shape) // 256)  # for speed, search a mask with one pixel per step × step
    rows, columns = (-(-size // step) for size in mask.shape)
    padded = np.zeros((rows * step, columns * step), bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    coarse = np.any(padded.reshape(rows, step, columns, step), axis=(1, 3))
    top, bottom, left, right = (edge * step for edge in _bounds(_remove_specks(coarse)))
    margin = 4 + max(bottom - top, right - left) // 3
    across, down = gray.width / page.width, gray.height / page.height
    return (
        max(0, int((left - margin) * across)),
        max(0, int((top - margin) * down)),
        min(gray.width, int((right + margin) * across) + 1),
        min(gray.height, int((bottom + margin) * down) + 1),
    )


def _load_gray(path: Path) -> Image.Image:
    """Return a file as a gray picture, upright, with transparent areas as paper."""
    problem = problem_with_file(path)
    if problem is not None:
        raise PictureError(problem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as opened:
                width, height = opened.size
                if width * height > MAX_PIXELS:
                    raise PictureError(
                        f"has {width}×{height} pixels; the maximum is {MAX_PIXELS // 10**6} million"
                    )
                # Decode a large JPEG at a lower resolution.
                opened.draft("L", (2 * _SEARCH_SIZE, 2 * _SEARCH_SIZE))
                opened.load()
                gray = _gray(opened)
                gray.info = opened.info  # with the orientation
                ImageOps.exif_transpose(gray, in_place=True)
                return gray
    except PictureError:
        raise
    except MemoryError:
        raise PictureError("needs more memory than there is") from None
    except Image.DecompressionBombError:
        raise PictureError(f"has more than {MAX_PIXELS // 10**6} million pixels") from None
    except Exception as error:  # Pillow raises many kinds of errors for damaged files
        raise PictureError("is not a PNG or JPEG picture, or is damaged") from error


def _gray(picture: Image.Image) -> Image.Image:
    """Return a picture in gray, with transparent areas as paper.

    It is converted a strip at a time: as floats, a large picture would need gigabytes.
    """
    if picture.mode == "L" and "transparency" not in picture.info:
        return picture.copy()
    convert = _gray_values
    if "A" in picture.getbands() or "transparency" in picture.info:
        opacity = brightness = 0.0
        for _, strip in _strips(picture):
            values, alpha = _brightness_and_opacity(strip)
            opacity += alpha.sum()
            brightness += (values * alpha).sum()
        is_bright = bool(opacity) and brightness / opacity >= 128
        convert = functools.partial(_on_paper, paper=0.0 if is_bright else 255.0)
    gray = Image.new("L", picture.size)
    for top, strip in _strips(picture):
        gray.paste(convert(strip), (0, top))
    return gray


def _strips(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield strips of about a million pixels, each with the number of its first row."""
    width, height = picture.size
    rows = max(1, 2**20 // width)
    for top in range(0, height, rows):
        yield top, picture.crop((0, top, width, min(height, top + rows)))


def _gray_values(strip: Image.Image) -> Image.Image:
    if strip.mode.startswith("I"):  # 16 bits per pixel
        return Image.fromarray(np.uint8(np.clip(np.asarray(strip, float) / 257, 0, 255)))
    return strip.convert("L")


def _brightness_and_opacity(strip: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    strip = strip.convert("RGBA")
    brightness = np.asarray(strip.convert("RGB").convert("L"), float)
    return brightness, np.asarray(strip.getchannel("A"), float)


def _on_paper(strip: Image.Image, *, paper: float) -> Image.Image:
    """Blend a partly transparent strip with paper, which is dark under bright ink."""
    brightness, opacity = _brightness_and_opacity(strip)
    blended = brightness * opacity / 255 + paper * (1 - opacity / 255)
    return Image.fromarray(np.uint8(np.round(blended)))


def _ink(gray: Image.Image) -> np.ndarray:
    """Return how much ink each pixel has, 0 … 255, for dark or bright ink on any paper."""
    brightness = np.asarray(gray, np.float64)
    edge = np.concatenate([brightness[0], brightness[-1], brightness[:, 0], brightness[:, -1]])
    paper: float | np.ndarray = float(np.median(edge))
    if paper - brightness.min() > brightness.max() - paper:  # dark ink: invert the picture
        brightness, paper, edge = 255 - brightness, 255 - paper, 255 - edge
    if np.percentile(edge, 95) - np.percentile(edge, 5) > PREPARATION.uneven_light:
        # Uneven light: the paper is as bright as the darkest pixel in the area around it, smoothed.
        small = Image.fromarray(np.uint8(brightness)).filter(ImageFilter.MedianFilter(3))
        small = small.resize((32, 32), Image.Resampling.BOX).filter(ImageFilter.MinFilter(9))
        small = small.filter(ImageFilter.GaussianBlur(3))
        paper = np.asarray(small.resize(gray.size, Image.Resampling.BICUBIC), float)
    ink = np.clip(brightness - paper, 0, None)
    most = full = float(ink.max())
    if ink.size > PREPARATION.few_pixels:
        full = float(np.quantile(ink, PREPARATION.full_ink))
    full = max(full, PREPARATION.min_full_ink * most)
    if full < PREPARATION.min_contrast:
        raise PictureError("has no ink on it")
    return np.clip(ink * (255 / full), 0, 255)


def _threshold(ink: np.ndarray) -> float:
    """Return Otsu's threshold (IEEE Trans. SMC 9, 1979), which separates ink from paper best."""
    count, _ = np.histogram(ink, bins=256, range=(0, 256))
    level = np.arange(256)
    below = np.cumsum(count)
    above = below[-1] - below
    sums = np.cumsum(count * level)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(np.nanargmax(between))


def _remove_specks(mask: np.ndarray) -> np.ndarray:
    """Return the mask without its small connected parts, which are specks of dust or noise."""
    padded = np.pad(mask, 1)  # so that every pixel has eight neighbors
    width = padded.shape[1]
    neighbors = (-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1)
    unvisited = bytearray(padded.tobytes())
    parts: list[list[int]] = []
    for start in np.flatnonzero(padded).tolist():
        if not unvisited[start]:
            continue
        unvisited[start] = False
        part = [start]
        for pixel in part:  # which grows during the loop
            for offset in neighbors:
                if unvisited[pixel + offset]:
                    unvisited[pixel + offset] = False
                    part.append(pixel + offset)
        parts.append(part)
    kept = np.zeros(padded.size, bool)
    min_size = PREPARATION.speck * max(map(len, parts), default=0)
    for part in parts:
        if len(part) >= min_size:
            kept[part] = True
    return kept.reshape(padded.shape)[1:-1, 1:-1]


def _scale(crop: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the digit with a longer side of 20 pixels and strokes about as thick as MNIST's."""
    longer = max(crop.shape)
    padded = np.pad(mask, 1)
    inner = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    outline = mask.sum() - inner.sum()
    thickness = 2 * mask.sum() / max(outline, 1)  # a stroke has an outline on both sides
    picture = Image.fromarray(np.uint8(np.round(crop)))
    if thickness < PREPARATION.thin * longer:
        window = round(PREPARATION.thin * longer - thickness) // 2 * 2 + 1
        picture = ImageOps.expand(picture, window // 2)
        picture = picture.filter(ImageFilter.MaxFilter(max(3, window)))
    width, height = picture.size
    scale = PREPARATION.digit_size / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(picture.resize(size, Image.Resampling.LANCZOS), float)
    scaled: np.ndarray = np.clip(small * (255 / max(small.max(), 1)), 0, 255)
    return scaled


def _center(digit: np.ndarray) -> np.ndarray:
    """Return the digit in 28×28 pixels, its center of mass on pixel 14 as in MNIST."""
    height, width = digit.shape
    weight = digit.sum()
    y = (digit.sum(axis=1) @ np.arange(height)) / weight
    x = (digit.sum(axis=0) @ np.arange(width)) / weight
    top = int(np.clip(round(SIDE / 2 - y), 0, SIDE - height))
    left = int(np.clip(round(SIDE / 2 - x), 0, SIDE - width))
    centered = np.zeros((SIDE, SIDE), np.uint8)
    centered[top : top + height, left : left + width] = np.round(digit)
    return centered


def written_by_gradsheet(path: Path) -> bool:
    """Return whether a file is a picture of :func:`draw_predictions`."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return picture.info.get("Software") == _PROVENANCE
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _thumbnail(file: Path, side: int) -> Image.Image:
    """Return a picture file as RGBA, at most side×side pixels."""
    with Image.open(file, formats=("PNG", "JPEG")) as opened:
        opened.draft("RGB", (2 * side, 2 * side))
        opened.load()
        picture = _gray(opened) if opened.mode.startswith("I") else opened
        # Leave out pixels first, so that no copy of a large picture is made.
        scale = max(1, min(opened.size) // (4 * side))
        size = (max(1, opened.width // scale), max(1, opened.height // scale))
        picture = picture.resize(size, Image.Resampling.NEAREST)
        picture.info = opened.info
    ImageOps.exif_transpose(picture, in_place=True)
    picture = picture.convert("RGBA")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def draw_predictions(
    rows: list[tuple[Path, np.ndarray, str]], path: Path, force: bool = False
) -> None:
    """Write a PNG of pictures beside the network's inputs, with the predictions below.

    Args:
        rows: each picture's file, the network's input (28, 28) uint8 and the prediction as text.
        path: where to write.
        force: replace a file at ``path`` that this function did not write.

    Raises:
        CannotWriteError: the file cannot be written or must not be replaced.
    """
    side, gap, caption_height = 224, 16, 30
    per_row = min(len(rows), 3)
    width, height = 2 * side + 3 * gap, side + caption_height + gap
    canvas = Image.new("RGB", (per_row * width, -(-len(rows) // per_row) * height + gap), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for number, (file, image, prediction) in enumerate(rows):
        row, column = divmod(number, per_row)
        left, top = column * width + gap, row * height + gap
        picture = _thumbnail(file, side)
        background = Image.new("RGBA", picture.size, "#d9dde3")
        background.alpha_composite(picture)
        canvas.paste(background.convert("RGB"), (left, top))
        network_input = Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)
        canvas.paste(network_input.convert("RGB"), (left + side + gap, top))
        name = file.name if len(file.name) <= 28 else f"{file.name[:27]}…"
        draw.text((left, top + side + 6), f"{name}: {prediction}", fill="black", font=font)
    metadata = PngInfo()
    metadata.add_text("Software", _PROVENANCE)
    with atomic_write(path, force=force, is_replaceable=written_by_gradsheet) as unfinished:
        canvas.save(unfinished, format="PNG", pnginfo=metadata)
