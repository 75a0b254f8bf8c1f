"""Pictures of digits, converted to MNIST's format and classified."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fixtures.commands import ROOT
from fixtures.pages import on_a_page
from PIL import Image, ImageDraw

pytest.importorskip("tensorflow")

import keras

import cli
from keras_model.data.mnist import normalized, sample
from keras_model.handwriting.decoding import PictureError, read_picture
from keras_model.handwriting.digits import find_digits
from keras_model.handwriting.drawing import ShownPicture, draw_predictions

DIGITS = sample()


def as_digit(picture: Image.Image) -> np.ndarray:
    """The only digit of a picture, in MNIST's format."""
    (found,) = find_digits(picture.convert("RGB"))
    return found.image


def read_digit(path: Path) -> np.ndarray:
    """The only digit of a file."""
    return as_digit(read_picture(path).image)


@pytest.mark.thorough
def test_scaled_and_moved_digits_are_converted_back_to_mnists_format(model):
    rng = np.random.default_rng(1)
    images, labels = DIGITS.x_test[::4], DIGITS.y_test[::4]
    found = [find_digits(on_a_page(image, rng).convert("RGB")) for image in images]
    assert np.mean([len(digits) == 1 for digits in found]) > 0.97  # some 5s are in two pieces
    converted = np.stack([digits[0].image for digits in found])
    assert converted.shape == images.shape and converted.dtype == np.uint8
    # MNIST's digits are in this format already, so the conversion must return the original digit.
    before, after = (x.reshape(len(x), -1).astype(float) for x in (images, converted))
    correlations = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(before, after, strict=True)])
    assert np.median(correlations) > 0.97 and np.mean(correlations > 0.7) > 0.95
    network = keras.saving.load_model(model, compile=False)
    accuracy, converted_accuracy = (
        np.mean(network.predict(normalized(x), verbose=0).argmax(axis=1) == labels)
        for x in (images, converted)
    )
    assert converted_accuracy > accuracy - 0.03


def stroke(size: tuple[int, int], width: int) -> np.ndarray:
    """A seven of thin lines, 0 … 1, not centered."""
    w, h = size
    picture = Image.new("L", size, 0)
    points = [(0.42 * w, 0.3 * h), (0.6 * w, 0.3 * h), (0.5 * w, 0.7 * h)]
    ImageDraw.Draw(picture).line(points, fill=255, width=width, joint="curve")
    return np.asarray(picture) / 255


def test_a_photo_of_a_pen_stroke_in_uneven_light(tmp_path):
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:900, :1200]
    paper = 210 - 70 * x / 1200 - 40 * y / 900
    photo = paper * (1 - 0.65 * stroke((1200, 900), 12)) + rng.normal(0, 5, (900, 1200))
    photo[100:103, 200:203] = 30  # a speck of dust
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.uint8(np.clip(photo, 0, 255))).convert("RGB").save(path, quality=80)
    clean = as_digit(Image.fromarray(np.uint8(255 * stroke((1200, 900), 30))))
    digit = read_digit(path)
    assert np.corrcoef(clean.ravel(), digit.ravel())[0, 1] > 0.8
    rows, columns = np.flatnonzero(digit.max(axis=1)), np.flatnonzero(digit.max(axis=0))
    # The bounding box does not include the dust.
    assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22
    assert digit[digit > 0].mean() > 60 and digit.max() == 255


@pytest.mark.parametrize(
    "kind", ["gray", "color", "palette", "transparent", "16 bits", "1 bit", "jpeg"]
)
def test_every_kind_of_picture_gives_the_same_digit(tmp_path, kind):
    ink = stroke((160, 200), 14)
    dark = Image.fromarray(np.uint8(255 * (1 - ink)))
    path = tmp_path / ("a.jpg" if kind == "jpeg" else "a.png")
    match kind:
        case "gray":
            picture = dark
        case "color":
            rgb = [np.uint8(255 - ink * (255 - c)) for c in (20, 60, 150)]
            picture = Image.merge("RGB", [Image.fromarray(band) for band in rgb])
        case "palette":
            picture = dark.convert("P")
        case "transparent":
            black = Image.new("L", dark.size, 0)
            picture = Image.merge("LA", [black, Image.fromarray(np.uint8(255 * ink))])
        case "16 bits":
            picture = Image.fromarray(np.uint16(65535 * (1 - ink)))
        case "1 bit":
            picture = dark.convert("1")
        case _:
            picture = dark.convert("RGB")
    picture.save(path)
    expected = as_digit(dark).astype(float)
    assert np.abs(read_digit(path) - expected).mean() < 4


def test_a_rotated_photo_is_turned_upright(tmp_path):
    upright = Image.fromarray(np.uint8(255 * (1 - stroke((160, 200), 14))))
    exif = Image.Exif()
    exif[0x0112] = 6  # display rotated by 90° clockwise
    upright.rotate(90, expand=True).save(tmp_path / "rotated.jpg", exif=exif, quality=95)
    difference = read_digit(tmp_path / "rotated.jpg") - as_digit(upright).astype(float)
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize("size", [(5000, 60), (60, 5000), (3000, 3000)])
def test_a_small_digit_on_a_large_page(size):
    digit = Image.fromarray(np.uint8(255 * (1 - stroke((52, 52), 5))))
    alone, page = Image.new("L", (104, 104), 255), Image.new("L", size, 255)
    alone.paste(digit, (26, 26))
    page.paste(digit, (min(1801, size[0] - 56), min(2203, size[1] - 56)))
    assert np.corrcoef(as_digit(page).ravel(), as_digit(alone).ravel())[0, 1] > 0.95


@pytest.mark.parametrize("kind", ["16 bits", "transparent", "transparent color", "palette"])
def test_a_large_picture_needs_little_memory(tmp_path, kind):
    """Pictures of 9 million pixels; as one array of floats, each needs 72 MB or more."""
    size = (3000, 3000)
    dark = Image.fromarray(np.uint8(255 * (1 - stroke(size, 200))))
    match kind:
        case "16 bits":
            picture = Image.fromarray(np.uint16(np.asarray(dark)) * 257)
        case "transparent":
            opacity = Image.fromarray(255 - np.asarray(dark))
            picture = Image.merge("LA", [Image.new("L", size, 0), opacity])
        case "transparent color":
            opacity = Image.fromarray(255 - np.asarray(dark))
            picture = Image.merge("RGBA", [Image.new("L", size, 0)] * 3 + [opacity])
        case _:
            picture = dark.convert("P")
    path, output = tmp_path / "a.png", tmp_path / "seen.png"
    picture.save(path, compress_level=1, **({"transparency": 255} if kind == "palette" else {}))
    expected = as_digit(dark)
    del dark, picture
    tracemalloc.start()
    try:
        picture = read_picture(path)
        (found,) = find_digits(picture.image)
        digits = [(found.image, (0, 0, 1, 1), "7")]
        draw_predictions([ShownPicture("a.png", picture.size, picture.image, digits)], output)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 70 * 2**20
    assert picture.size == size and np.abs(found.image - expected.astype(float)).mean() < 2
    with Image.open(output) as seen:
        shown = np.asarray(seen.convert("L"), float)[16:240, 16:240]
    reference = np.asarray(Image.fromarray(np.uint8(255 * (1 - stroke((224, 224), 15)))), float)
    assert np.corrcoef(shown.ravel(), reference.ravel())[0, 1] > 0.9


def test_show_replaces_only_its_own_pictures(tmp_path, model):
    own = tmp_path / "three.png"
    Image.fromarray(DIGITS.x_test[350]).resize((112, 112)).save(own)
    before, output = own.read_bytes(), tmp_path / "predictions.png"
    for target, code in ((own, 1), (output, 0), (output, 0)):
        arguments = ["predict", str(model), str(own), "--show", str(target)]
        result = CliRunner().invoke(cli.main, arguments)
        assert result.exit_code == code, result.output
    assert own.read_bytes() == before and output.exists()


def a_huge_png(path: Path) -> None:
    """Write a small PNG file with a header that declares 60,000×60,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))))


def test_unreadable_pictures_are_reported_and_the_others_are_classified(tmp_path, model):
    good = tmp_path / "good.png"
    Image.fromarray(DIGITS.x_test[0]).resize((140, 140)).save(good)
    bad = {
        "text.png": b"hello",
        "cut.png": good.read_bytes()[:200],
        "none.png": None,
        "empty.png": None,
        "huge.png": None,
    }
    for name, content in bad.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    Image.new("RGB", (90, 90), "#f4f1e8").save(tmp_path / "empty.png")
    a_huge_png(tmp_path / "huge.png")
    (tmp_path / "folder.png").mkdir()
    names = [*bad, "folder.png"]
    for name in names:
        if name != "empty.png":
            with pytest.raises(PictureError):
                read_picture(tmp_path / name)
    output = tmp_path / "predictions.png"
    options = ["--json", "--show", str(output)]
    result = CliRunner().invoke(
        cli.main,
        ["predict", str(model), *(str(tmp_path / name) for name in names), str(good), *options],
    )
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert list(row) == ["file", "digit", "probability", "probabilities", "unsure", "box"]
    assert row["file"] == str(good) and row["probability"] == max(row["probabilities"])
    assert row["digit"] == int(np.argmax(row["probabilities"])) and len(row["probabilities"]) == 10
    assert abs(sum(row["probabilities"]) - 1) < 1e-6
    note, *lines = result.stderr.splitlines()
    assert note.startswith("Note: pixels are ") and len(lines) == len(names)
    for name, line in zip(names, lines, strict=True):
        assert line.startswith(f"Error: {tmp_path / name} ")
    with Image.open(output) as picture:
        assert picture.format == "PNG" and picture.width > 400


def test_the_table(tmp_path, model):
    for digit in (3, 8):
        index = int(np.flatnonzero(DIGITS.y_test == digit)[0])
        image = Image.fromarray(255 - DIGITS.x_test[index]).resize((112, 112))
        image.save(tmp_path / f"{digit}.png")
    paths = [str(tmp_path / f"{digit}.png") for digit in (3, 8)]
    result = CliRunner().invoke(cli.main, ["predict", str(model), *paths])
    assert result.exit_code == 0
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["file", "digit", "probability", "runner-up"]
    assert [row.split()[0] for row in rows] == paths and all("%" in row for row in rows)


def test_bad_use(tmp_path, model):
    for arguments in (
        ["predict", str(model)],
        ["predict", str(tmp_path / "none.keras"), "a.png"],
        ["predict", str(model), "a.png", "--show", "seen.gif"],
    ):
        result = CliRunner().invoke(cli.main, arguments)
        assert result.exit_code == 2 and "Error" in result.output


@pytest.mark.parametrize("suffix", ["webp", "gif", "bmp", "tiff", "avif", "heic", "jpg"])
def test_every_format_is_read(tmp_path, suffix):
    picture = Image.fromarray(np.uint8(255 * (1 - stroke((160, 200), 14)))).convert("RGB")
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.from_pillow(picture).save(path, quality=90)
    else:
        picture.save(path)
    assert np.abs(read_digit(path) - as_digit(picture).astype(float)).mean() < 5


def test_a_gif_is_its_first_frame(tmp_path):
    seven = Image.fromarray(np.uint8(255 * (1 - stroke((160, 200), 14))))
    seven.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("L", (160, 200), 0)])
    assert np.abs(read_digit(tmp_path / "a.gif") - as_digit(seven).astype(float)).mean() < 5


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process's memory")
def test_a_photograph_of_108_megapixels_takes_little_memory(tmp_path):
    photo = Image.new("L", (12_000, 9_000), 230)
    digit = Image.fromarray(255 - DIGITS.x_test[100]).resize((2800, 2800), Image.Resampling.BICUBIC)
    photo.paste(digit, (4000, 3000))
    photo.convert("RGB").save(tmp_path / "a.jpg", quality=60)
    script = (
        "import re, sys; from pathlib import Path\n"
        "from keras_model.handwriting.decoding import read_picture\n"
        "from keras_model.handwriting.digits import find_digits\n"
        "picture = read_picture(Path(sys.argv[1]))\n"
        "print(len(find_digits(picture.image)), picture.size)\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())\n"
        "print(int(peak[1]) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.jpg")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    count, width, height, megabytes = re.findall(r"\d+", done.stdout)
    assert (count, width, height) == ("1", "12000", "9000") and int(megabytes) < 300


def test_boxes_are_in_pixels_of_the_upright_file(tmp_path, model):
    page = Image.new("L", (4000, 3000), 245)
    digit = Image.fromarray(255 - DIGITS.x_test[100]).resize((560, 560), Image.Resampling.BICUBIC)
    page.paste(digit, (2800, 400))
    exif = Image.Exif()
    exif[0x0112] = 6  # display rotated by 90° clockwise
    page.rotate(90, expand=True).save(tmp_path / "a.jpg", exif=exif)
    result = CliRunner().invoke(
        cli.main, ["predict", str(model), str(tmp_path / "a.jpg"), "--json", "--scale", "mnist"]
    )
    (row,) = json.loads(result.stdout)
    left, top, right, bottom = row["box"]
    rows, columns = (np.flatnonzero(DIGITS.x_test[100].max(axis) > 100) for axis in (1, 0))
    expected = (
        2800 + 20 * columns[0], 400 + 20 * rows[0],
        2800 + 20 * (columns[-1] + 1), 400 + 20 * (rows[-1] + 1),
    )  # fmt: skip
    assert np.abs(np.subtract((left, top, right, bottom), expected)).max() < 40


def _dash(draw: ImageDraw.ImageDraw) -> None:
    draw.line([(60, 150), (340, 160)], fill=20, width=24)


def _touching_zeros(draw: ImageDraw.ImageDraw) -> None:
    draw.ellipse((50, 70, 200, 230), outline=20, width=20)
    draw.ellipse((190, 70, 340, 230), outline=20, width=20)


@pytest.mark.parametrize(
    ("draw", "words"), [(_dash, "no digit?"), (_touching_zeros, "two digits that touch?")]
)
def test_what_may_be_no_digit_is_unsure(draw, words, tmp_path, model):
    """So is said in the table, in JSON and by --show."""
    page = Image.new("L", (400, 300), 245)
    draw(ImageDraw.Draw(page))
    page.save(tmp_path / "a.png")
    arguments = ["predict", str(model), str(tmp_path / "a.png"), "--scale", "mnist"]
    assert f"unsure: {words}" in CliRunner().invoke(cli.main, arguments).stdout
    (row,) = json.loads(CliRunner().invoke(cli.main, [*arguments, "--json"]).stdout)
    assert row["unsure"] is True
