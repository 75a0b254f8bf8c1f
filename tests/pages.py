"""Pictures of pages with one digit, as a user might provide them."""

from __future__ import annotations

import numpy as np
from PIL import Image


def on_a_page(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Scale a digit ×2 to ×8 and place it anywhere on a page, dark on light or light on dark."""
    side = 28 * int(rng.integers(2, 9))
    filters = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    drawn = Image.fromarray(digit).resize((side, side), filters[rng.integers(3)])
    width, height = (int(side * rng.uniform(1, 3)) for _ in range(2))
    page = Image.new("L", (width, height), 0)
    at = (int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1)))
    page.paste(drawn, at)
    return Image.fromarray(255 - np.asarray(page)) if rng.random() < 0.5 else page
