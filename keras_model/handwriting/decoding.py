"""Pictures of users' files: RGB, upright, of bounded size, on paper where they are transparent."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gradsheet.input_files import problem_with_file

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
NAMES = "PNG, JPEG, HEIC, WebP, GIF, BMP, TIFF or AVIF"
# The longer side at which pictures are decoded, where they are larger: a digit of a fiftieth of a
# page's height still has 50 pixels.
DECODED_SIZE = 2560
MAX_PIXELS = 50_000_000
# JPEG is decoded at a lower resolution, so that a photograph of 108 megapixels takes little memory.
MAX_JPEG_PIXELS = 250_000_000
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")


class PictureError(Exception):
    """The file is no picture, or has no digit; the message says why."""


@dataclass(frozen=True)
class Picture:
    """A picture of a file, RGB and upright, and its size in the file: width and height, upright."""

    image: Image.Image
    size: tuple[int, int]


def read_picture(path: Path) -> Picture:
    """Return the first picture of a file.

    Raises:
        PictureError: the file does not exist, is not a picture, is damaged or too large.
    """
    problem = problem_with_file(path)
    if problem is not None:
        raise PictureError(problem)
    formats = _formats(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata that Pillow does not understand
            with Image.open(path, formats=formats) as opened:
                _check_size(opened)
                width, height = opened.size
                opened.draft("RGB", (DECODED_SIZE, DECODED_SIZE))
                opened.load()
                image = _on_paper(opened)
                image.info = opened.info  # with the orientation
                is_wide = image.width >= image.height
                ImageOps.exif_transpose(image, in_place=True)
                is_turned = is_wide != (image.width >= image.height)
                return Picture(image, (height, width) if is_turned else (width, height))
    except PictureError:
        raise
    except MemoryError:
        raise PictureError("needs more memory than there is") from None
    except Image.DecompressionBombError:
        raise PictureError(f"has more than {MAX_PIXELS // 10**6} million pixels") from None
    except Exception as error:  # Pillow raises many kinds of errors for damaged files
        raise PictureError(f"is not a {NAMES} picture, or is damaged") from error


def _formats(path: Path) -> tuple[str, ...]:
    """Return the formats that a file may have; HEIC, of phones, has a library of its own."""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror}") from error
    if start[4:8] != b"ftyp" or start[8:12] not in _HEIF_BRANDS:
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise PictureError(
            "is a HEIC picture, which needs pillow-heif: install it, or save the picture as JPEG"
        ) from None
    register_heif_opener()
    return (*FORMATS, "HEIF")


def _check_size(opened: Image.Image) -> None:
    width, height = opened.size
    limit = MAX_JPEG_PIXELS if opened.format in ("JPEG", "MPO") else MAX_PIXELS
    if width * height > limit:
        raise PictureError(f"has {width}×{height} pixels; the maximum is {limit // 10**6} million")


def _on_paper(picture: Image.Image) -> Image.Image:
    """Return a picture as RGB, with transparent areas as paper, of at most about the decoded size.

    It is converted a strip at a time: as floats, a large picture would need gigabytes.
    """
    convert = _rgb
    if "A" in picture.getbands() or "transparency" in picture.info:
        opacity = brightness = 0.0
        for _, strip in _strips(picture, 1):
            colors, alpha = _colors_and_opacity(strip)
            opacity += alpha.sum()
            brightness += (colors.mean(axis=-1, keepdims=True) * alpha).sum()
        is_bright = bool(opacity) and brightness / opacity >= 128
        convert = functools.partial(_blended, paper=0.0 if is_bright else 255.0)
    factor = max(1, max(picture.size) // DECODED_SIZE)
    size = (-(-picture.width // factor), -(-picture.height // factor))
    rgb = Image.new("RGB", size)
    for top, strip in _strips(picture, factor):
        rgb.paste(convert(strip).reduce(factor), (0, top // factor))
    return rgb


def _strips(picture: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    """Yield strips of about 260,000 pixels, each with the number of its first row.

    The number of rows of all but the last is a multiple of ``factor``.
    """
    width, height = picture.size
    rows = max(1, 2**18 // width // factor) * factor
    for top in range(0, height, rows):
        yield top, picture.crop((0, top, width, min(height, top + rows)))


def _rgb(strip: Image.Image) -> Image.Image:
    if strip.mode.startswith("I") or strip.mode == "F":  # 16 bits per pixel, or floats
        values = np.asarray(strip, float) / (1 if strip.mode == "F" else 257)
        strip = Image.fromarray(np.uint8(np.clip(np.nan_to_num(values), 0, 255)))
    return strip.convert("RGB")


def _colors_and_opacity(strip: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(strip.convert("RGBA"), float)
    return values[..., :3], values[..., 3:]


def _blended(strip: Image.Image, *, paper: float) -> Image.Image:
    """Blend a partly transparent strip with paper, which is dark under bright ink."""
    colors, opacity = _colors_and_opacity(strip)
    blended = colors * opacity / 255 + paper * (1 - opacity / 255)
    return Image.fromarray(np.uint8(np.round(blended)))
