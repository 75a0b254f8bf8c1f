"""A picture of what `predict` read: each file with boxes, beside its digits' 28×28 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from gradsheet.files import atomic_write
from keras_model.handwriting.digits import Box

_PROVENANCE = "gradsheet predict"  # in the metadata of pictures that draw_predictions wrote
_SIDE, _GAP, _CAPTION = 224, 16, 30
_PER_ROW = 3
_COLOR = "#c0392b"


@dataclass(frozen=True)
class ShownPicture:
    """A picture file as it is drawn.

    Attributes:
        name: of the file.
        size: width and height of the picture in pixels, which the boxes are in.
        picture: the picture or a smaller copy, RGB.
        digits: each digit's pixels (28, 28) uint8, its box in the picture, and its caption.
    """

    name: str
    size: tuple[int, int]
    picture: Image.Image
    digits: Sequence[tuple[np.ndarray, Box, str]]


def draw_predictions(rows: Sequence[ShownPicture], path: Path, force: bool = False) -> None:
    """Write a PNG of pictures beside the network's inputs, with the predictions below.

    Args:
        path: where to write.
        force: replace a file at ``path`` that this function did not write.

    Raises:
        CannotWriteError: the file cannot be written or must not be replaced.
    """
    per_row = min(len(rows), _PER_ROW)
    width, height = 2 * _SIDE + 3 * _GAP, _SIDE + _CAPTION + _GAP
    lines = -(-len(rows) // per_row)
    canvas = Image.new("RGB", (per_row * width, lines * height + _GAP), "white")
    for number, shown in enumerate(rows):
        row, column = divmod(number, per_row)
        _draw(canvas, shown, column * width + _GAP, row * height + _GAP)
    metadata = PngInfo()
    metadata.add_text("Software", _PROVENANCE)
    with atomic_write(path, force=force, is_replaceable=written_by_gradsheet) as unfinished:
        canvas.save(unfinished, format="PNG", pnginfo=metadata)


def written_by_gradsheet(path: Path) -> bool:
    """Whether a file is one of :func:`draw_predictions`."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return picture.info.get("Software") == _PROVENANCE
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _draw(canvas: Image.Image, shown: ShownPicture, left: int, top: int) -> None:
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    picture = shown.picture.copy()
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    scale = picture.width / shown.size[0], picture.height / shown.size[1]
    canvas.paste(picture, (left, top))
    for _, box, _ in shown.digits:
        corners = [left + box[0] * scale[0] - 2, top + box[1] * scale[1] - 2,
                   left + box[2] * scale[0] + 1, top + box[3] * scale[1] + 1]  # fmt: skip
        draw.rectangle(corners, outline=_COLOR, width=2)
    count = len(shown.digits)
    across = int(np.ceil(np.sqrt(max(1, count))))
    side = _SIDE // across
    for number, (image, _, _) in enumerate(shown.digits):
        row, column = divmod(number, across)
        pixels = Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)
        place = (left + _SIDE + _GAP + column * side, top + row * side)
        canvas.paste(pixels.convert("RGB"), place)
    captions = " ".join(caption for _, _, caption in shown.digits)
    text = f"{shown.name if len(shown.name) <= 28 else shown.name[:27] + '…'}: {captions}"
    while len(text) > 1 and draw.textlength(text, font) > 2 * _SIDE + _GAP:
        text = text[:-2] + "…"
    draw.text((left, top + _SIDE + 6), text, fill="black", font=font)
