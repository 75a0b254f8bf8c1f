"""The picture of the network is drawn with fonts that the package has."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image, ImageFont

from backprop_sheet.equations.system import system_of
from backprop_sheet.exercise.exercise_file import load_exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.workbook import network_diagram
from backprop_sheet.workbook.network_diagram import draw_network

SIGNS = "∂ηβμρελσ½²₀₁₉→←−…·′"


def has_glyph(font: ImageFont.FreeTypeFont, character: str) -> bool:
    missing = bytes(font.getmask("\N{CJK UNIFIED IDEOGRAPH-4E00}"))  # the box of a missing glyph
    return bytes(font.getmask(character)) != missing


@pytest.mark.parametrize("bold", [False, True])
def test_the_fonts_have_all_letters_and_signs(monkeypatch, bold):
    drawn: set[str] = set(SIGNS)

    def note(canvas, x, y, text, *rest, **style) -> None:
        drawn.update(text)

    monkeypatch.setattr(network_diagram._Canvas, "text", note)
    for name in packaged_exercises():
        draw_network(system_of(load_exercise(name)))
    assert {"w", "_", "1", "E"} <= drawn
    font = network_diagram._font(40, bold)
    assert [sign for sign in sorted(drawn - {" "}) if not has_glyph(font, sign)] == []


def test_the_picture_is_the_same_without_matplotlib(tmp_path):
    """The process finds no package matplotlib, and no font of the system."""
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from backprop_sheet.equations.system import system_of\n"
        "from backprop_sheet.exercise.exercise_file import load_exercise\n"
        "from backprop_sheet.workbook.network_diagram import draw_network\n"
        "sys.stdout.buffer.write(draw_network(system_of(load_exercise('deep'))).png)\n"
    )
    environment = {"XDG_DATA_DIRS": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=environment
    )
    picture = draw_network(system_of(load_exercise("deep"))).png
    assert done.stdout == picture
    assert Image.open(BytesIO(picture)).width > 500
