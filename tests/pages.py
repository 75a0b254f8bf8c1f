"""Pages with a digit somewhere on them, as a user might bring them."""

from __future__ import annotations

import numpy as np
from PIL import Image


def on_a_page(digit: np.ndarray, chance: np.random.Generator) -> Image.Image:
    """A digit scaled ×2 to ×8, somewhere on a page, dark on light or light on dark."""
    side = 28 * int(chance.integers(2, 9))
    how = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    drawn = Image.fromarray(digit).resize((side, side), how[chance.integers(3)])
    width, height = (int(side * chance.uniform(1, 3)) for _ in range(2))
    page = Image.new("L", (width, height), 0)
    at = (int(chance.integers(0, width - side + 1)), int(chance.integers(0, height - side + 1)))
    page.paste(drawn, at)
    return Image.fromarray(255 - np.asarray(page)) if chance.random() < 0.5 else page
