"""Resizing as the web page does it, to the last bit."""

from __future__ import annotations

from PIL import Image


def resized(picture: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """Return a picture of another size, resized across, then down.

    Pillow may do this in either order, or reduce the picture first, each with other roundings.
    """
    return picture.resize((size[0], picture.height), resample).resize(size, resample)


def thumbnail(picture: Image.Image, side: int) -> Image.Image:
    """Return a picture whose longer side is at most ``side``; itself, if it is small."""
    longer = max(picture.size)
    if longer <= side:
        return picture
    width, height = (max(1, round(side * length / longer)) for length in picture.size)
    return resized(picture, (width, height), Image.Resampling.BOX)
