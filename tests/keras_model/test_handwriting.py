"""Digits in photographs: what lies around does not matter, several are found in reading order."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.everyday_photographs import EVERYDAY
from fixtures.photographs import SITUATIONS, several
from fixtures.sampling import some_of
from PIL import Image, ImageDraw

from keras_model.data.mnist import sample
from keras_model.handwriting.constants import PREPARATION
from keras_model.handwriting.digits import find_digits
from keras_model.handwriting.sheet import without_table

DIGITS = sample()


def correlation(found: np.ndarray, digit: np.ndarray) -> float:
    """How alike two digits are, the first moved by up to two pixels."""
    return max(
        float(np.corrcoef(np.roll(found, (y, x), (0, 1)).ravel(), digit.ravel())[0, 1])
        for y in range(-2, 3)
        for x in range(-2, 3)
    )


@pytest.mark.parametrize("name", [*some_of(SITUATIONS, 4), *some_of(EVERYDAY, 1)])
def test_what_surrounds_a_digit_does_not_matter(name: str) -> None:
    """Of a digit in each situation, the same pixels come to the network."""
    rng = np.random.default_rng(len(name))
    alike = []
    for number in rng.integers(0, len(DIGITS.x_test), 4):
        digit = DIGITS.x_test[number]
        found = find_digits((SITUATIONS | EVERYDAY)[name](digit, rng))
        alike.append(len(found) == 1 and correlation(found[0].image, digit) > 0.7)
    assert sum(alike) >= 3


@pytest.mark.parametrize("lines", [1, 2])
def test_several_digits_are_found_line_by_line(lines: int) -> None:
    rng = np.random.default_rng(lines)
    digits = [DIGITS.x_test[index] for index in (5, 205, 405, 605, 805)]
    picture, boxes = several(digits, rng, lines)
    found = find_digits(picture)
    assert len(found) == len(digits)
    for digit, box, original in zip(found, boxes, digits, strict=True):
        assert np.abs(np.subtract(digit.box, box)).max() <= 8
        assert correlation(digit.image, original) > 0.7
        assert not digit.may_touch


def test_digits_that_touch_may_touch() -> None:
    page = np.full((120, 200, 3), 255, np.uint8)
    for left in (20, 82):
        page[30:90, left : left + 60] = 0
        page[38:82, left + 8 : left + 52] = 255
    page[56:64, 70:90] = 0
    (found,) = find_digits(Image.fromarray(page))
    assert found.may_touch and not found.is_dash


@pytest.mark.parametrize("points", [[(60, 150), (340, 150)], [(60, 120), (340, 180)],
                                    [(60, 140), (150, 156), (250, 144), (340, 158)]])  # fmt: skip
def test_a_dash_is_no_digits_that_touch(points: list[tuple[int, int]]) -> None:
    page = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(page).line(points, fill="black", width=14)
    (found,) = find_digits(page)
    assert found.is_dash and not found.may_touch


@pytest.mark.parametrize("kind", ["white", "dark", "noise", "gradient", "ruled", "one pixel"])
def test_an_empty_page_has_no_digit(kind: str) -> None:
    page = np.full((300, 400, 3), 235.0)
    match kind:
        case "dark":
            page[:] = 30
        case "noise":
            page += np.random.default_rng(1).normal(0, 8, page.shape)
        case "gradient":
            page *= np.linspace(0.4, 1, 400)[:, None]
        case "ruled":
            page[20::40] = (120, 150, 200)
        case "one pixel":
            page = page[:1, :1]
    assert find_digits(Image.fromarray(np.uint8(page.clip(0, 255)))) == []


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 2])
def test_a_picture_of_noise_has_few_parts(seed: int) -> None:
    """Thousands of parts: only those with the most ink are looked at."""
    dots = np.random.default_rng(seed).random((900, 900)) > 0.9
    found = find_digits(Image.fromarray(np.uint8(255 * ~dots)).convert("RGB"))
    assert len(found) <= PREPARATION.most_parts


def test_a_small_digit_is_read_from_the_original() -> None:
    page = Image.new("L", (2500, 2500), 255)
    page.paste(Image.fromarray(255 - DIGITS.x_test[100]), (1700, 300))
    (found,) = find_digits(page.convert("RGB"))
    assert correlation(found.image, DIGITS.x_test[100]) > 0.9
    assert 1700 <= found.box[0] < found.box[2] <= 1732 and 300 <= found.box[1] < found.box[3] <= 332


def test_what_is_pale_beside_a_digit_is_left_out() -> None:
    page = Image.new("L", (400, 300), 240)
    draw = ImageDraw.Draw(page)
    draw.line([(120, 60), (120, 240)], fill=30, width=18)
    draw.line([(260, 100), (330, 200)], fill=170, width=12)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[2] < 150
    draw.line([(260, 100), (330, 200)], fill=100, width=12)
    assert len(find_digits(page.convert("RGB"))) == 2


def test_pieces_of_a_thin_stroke_are_one_digit() -> None:
    """A slanted 1 of a fine pen, whose upper end is apart."""
    page = Image.new("L", (560, 560), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(240, 460), (300, 250)], fill=0, width=3)
    draw.line([(308, 222), (320, 190)], fill=0, width=3)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[1] <= 192 and found.box[3] >= 458


def test_what_is_joined_reaches_further_pieces() -> None:
    """A 2 of a fine pen in four pieces: its right side is near enough only to both ends."""
    page = Image.new("L", (560, 560), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(200, 120), (380, 110)], fill=0, width=12)
    draw.line([(405, 140), (405, 250)], fill=0, width=12)
    draw.line([(390, 280), (330, 330)], fill=0, width=12)
    draw.line([(280, 350), (150, 470), (420, 470)], fill=0, width=12)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[1] <= 112 and found.box[3] >= 468


def test_thin_digits_side_by_side_are_not_pieces_of_one() -> None:
    """Near a wide one, small ones are digits, too: together they would be too wide for one."""
    page = Image.new("L", (640, 300), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(40, 60), (260, 60), (120, 240)], fill=0, width=5)
    for left in (290, 340, 390):
        draw.line([(left, 110), (left, 190)], fill=0, width=5)
    assert len(find_digits(page.convert("RGB"))) == 4


@pytest.mark.parametrize(("width", "left", "right"), [(3, 250, 325), (16, 226, 330)])
def test_the_bar_of_a_5_may_be_apart(width: int, left: int, right: int) -> None:
    """It is far above the rest, which is hardly larger; that of a fine pen is also beside it."""
    page = Image.new("L", (500, 500), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(left, 150), (right, 145)], fill=0, width=width)
    below = [(200, 188), (200, 225), (240, 235), (245, 275), (190, 290)]
    draw.line([(x, y - (25 if width < 5 else 0)) for x, y in below], fill=0, width=width)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] <= 200 and found.box[2] >= right - 1


def test_thin_digits_of_two_lines_are_not_pieces_of_one() -> None:
    """The lower one is below and beside the upper one, nearer than pieces may be."""
    page = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(250, 70), (303, 70), (270, 174)], fill=0, width=7)
    draw.line([(182, 222), (246, 222), (200, 312)], fill=0, width=7)
    assert len(find_digits(page.convert("RGB"))) == 2


def test_the_halves_of_a_1_are_one_digit() -> None:
    """They are nearer to each other than a share of both together, not of each."""
    page = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(200, 60), (200, 180)], fill=0, width=18)
    draw.line([(200, 195), (200, 360)], fill=0, width=18)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[1] <= 61 and found.box[3] >= 360


def test_crumbs_between_the_pieces_of_a_digit_join_them() -> None:
    """A 3 whose middle is a row of dots; its strokes are not thin."""
    page = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(130, 60), (200, 60), (230, 110)], fill=0, width=20)
    for x, y in ((229, 140), (230, 160), (236, 180), (242, 200)):
        draw.ellipse([x, y, x + 6, y + 9], fill=0)
    draw.line([(246, 232), (240, 280), (150, 290)], fill=0, width=20)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[1] <= 60 and found.box[3] >= 290


def a_sheet_on_a_textured_table() -> Image.Image:
    rng = np.random.default_rng(1)
    texture = Image.fromarray(rng.integers(5, 120, (180, 200), dtype=np.uint8))
    table = texture.resize((600, 540), Image.Resampling.BICUBIC)
    table.paste(236, (120, 110, 470, 420))
    return table


def test_the_texture_of_a_dark_table_is_left_out() -> None:
    table = a_sheet_on_a_textured_table()
    draw = ImageDraw.Draw(table)
    draw.line([(250, 200), (330, 200), (270, 340)], fill=40, width=14)
    (found,) = find_digits(table.convert("RGB"))
    assert np.abs(np.subtract(found.box, (249, 193, 338, 345))).max() <= 6


def a_sheet_on_a_checked_cloth() -> Image.Image:
    y, x = np.mgrid[:400, :500] // 25
    colors = np.array([(190, 40, 40), (225, 150, 145), (240, 235, 230)])
    cloth = Image.fromarray(np.uint8(colors[x % 2 + y % 2]))
    cloth.paste((236, 236, 228), (130, 100, 370, 330))
    ImageDraw.Draw(cloth).line([(215, 150), (285, 150), (230, 280)], fill=(40, 40, 90), width=14)
    return cloth


def test_the_pattern_of_a_cloth_is_left_out() -> None:
    (found,) = find_digits(a_sheet_on_a_checked_cloth())
    assert np.abs(np.subtract(found.box, (214, 143, 293, 284))).max() <= 6


@pytest.mark.parametrize("what", ["lines", "shadow"])
def test_a_sheet_on_a_cloth_goes_on_behind_lines_and_in_a_shadow(what: str) -> None:
    cloth = a_sheet_on_a_checked_cloth()
    if what == "lines":
        for y in (126, 136, 300):
            ImageDraw.Draw(cloth).line([(130, y), (369, y)], fill=(150, 170, 215), width=2)
    else:
        shadow = np.where(np.arange(500) < 245, 0.5, 1)[None, :, None]
        cloth = Image.fromarray(np.uint8(np.asarray(cloth) * shadow))
    (found,) = find_digits(cloth)
    assert np.abs(np.subtract(found.box, (214, 143, 293, 284))).max() <= 6


def test_squared_paper_in_the_light_is_no_pattern_beside_the_shadow() -> None:
    """In the shadow, its faint lines are as flat as noise."""
    page = Image.new("RGB", (500, 400), (236, 236, 228))
    draw = ImageDraw.Draw(page)
    for at in range(0, 500, 24):
        draw.line([(at, 0), (at, 400)], fill=(200, 205, 215), width=2)
        draw.line([(0, at), (500, at)], fill=(200, 205, 215), width=2)
    light = np.where(np.arange(500) < 240, 0.2, 1)[None, :, None]
    picture = Image.fromarray(np.uint8(np.asarray(page) * light))
    assert without_table(picture) is picture


def test_only_what_lies_around_a_sheet_is_left_out() -> None:
    """Squared paper with a plain margin has one color, a shadow no pattern."""
    page = Image.new("RGB", (500, 400), (236, 236, 228))
    draw = ImageDraw.Draw(page)
    for at in range(0, 500, 16):
        draw.line([(at, 140), (at, 400)], fill=(110, 150, 215), width=2)
        draw.line([(0, at + 140), (500, at + 140)], fill=(110, 150, 215), width=2)
    assert without_table(page) is page
    shadow = np.where(np.arange(500) < 260, 0.5, 1)[:, None]
    plain = Image.fromarray(np.uint8(np.full((400, 500, 3), 230) * shadow))
    assert without_table(plain) is plain


def test_a_digit_in_a_deep_shadow_is_on_the_same_paper() -> None:
    page = Image.new("L", (600, 400), 240)
    draw = seven(page)
    draw.line([(400, 100), (480, 100), (420, 240)], fill=0, width=14)
    shadow = np.where(np.arange(600) < 340, 1, 0.3)
    picture = Image.fromarray(np.uint8(np.asarray(page) * shadow)).convert("RGB")
    assert [digit.box[0] // 100 for digit in find_digits(picture)] == [2, 4]


def test_a_digit_in_the_corner_of_a_sheet_is_whole() -> None:
    """There, most of what surrounds it is the table."""
    table = a_sheet_on_a_textured_table()
    draw = ImageDraw.Draw(table)
    draw.line([(145, 128), (207, 128), (157, 230)], fill=40, width=12)
    (found,) = find_digits(table.convert("RGB"))
    assert np.abs(np.subtract(found.box, (144, 122, 214, 234))).max() <= 6


def test_an_open_box_around_a_digit_that_goes_beyond_is_left_out() -> None:
    page = Image.new("L", (500, 400), 255)
    draw = seven(page)
    draw.line([(170, 150), (170, 270), (310, 270), (310, 150)], fill=40, width=5)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] >= 190 and found.box[2] <= 290 and found.box[3] <= 255


def test_a_printed_line_below_a_digit_is_left_out() -> None:
    page = Image.new("L", (500, 400), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(200, 100), (280, 100), (220, 240)], fill=0, width=14)
    draw.line([(100, 262), (400, 258)], fill=60, width=4)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[3] < 250


def seven(page: Image.Image) -> ImageDraw.ImageDraw:
    draw = ImageDraw.Draw(page)
    draw.line([(200, 100), (280, 100), (220, 240)], fill=0, width=14)
    return draw


@pytest.mark.parametrize("lines", ["box", "three sides", "underline", "cells"])
def test_printed_lines_that_touch_a_digit_are_left_out(lines: str) -> None:
    page = Image.new("L", (500, 400), 255)
    draw = seven(page)
    (alone,) = find_digits(page.convert("RGB"))
    match lines:
        case "box":
            draw.rectangle([190, 85, 270, 236], outline=60, width=5)
        case "three sides":
            draw.line([(190, 85), (190, 236), (276, 236), (276, 85)], fill=60, width=6)
        case "underline":
            draw.line([(150, 242), (330, 240)], fill=60, width=9)
        case "cells":
            for left in (100, 195, 290):
                draw.rectangle([left, 90, left + 95, 238], outline=60, width=4)
    (found,) = find_digits(page.convert("RGB"))
    assert correlation(found.image, alone.image) > 0.9


def test_the_bar_of_a_4_is_no_printed_line() -> None:
    """It goes beyond the other strokes on both sides, but they go on above and below."""
    page = Image.new("L", (500, 400), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(230, 90), (215, 205)], fill=0, width=4)
    draw.line([(180, 205), (310, 205)], fill=0, width=4)
    draw.line([(280, 110), (262, 290)], fill=0, width=4)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] <= 182 and found.box[2] >= 309


THIN_STROKES = {
    "4": ([(200, 90), (170, 220)], [(262, 100), (255, 300)], [(158, 222), (310, 226)]),
    "2": ([(180, 100), (250, 96), (262, 150), (180, 270)], [(168, 277), (330, 280)]),
    "7": ([(292, 104), (220, 280)], [(180, 100), (300, 96)]),
}


@pytest.mark.parametrize("name", THIN_STROKES)
def test_a_straight_thin_stroke_is_no_printed_line(name: str) -> None:
    """It is less than half as thick as the others, and ends at one of them, at least on a side."""
    page = Image.new("L", (500, 400), 255)
    draw = ImageDraw.Draw(page)
    *strokes, thin = THIN_STROKES[name]
    for stroke in strokes:
        draw.line(stroke, fill=0, width=24, joint="curve")
    draw.line(thin, fill=0, width=9)
    (found,) = find_digits(page.convert("RGB"))
    left, right = min(x for x, _ in thin), max(x for x, _ in thin)
    assert found.box[0] <= left + 2 and found.box[2] >= right - 2


def test_dust_is_tiny() -> None:
    """Unless the picture is small, too, as those of MNIST."""
    page = Image.new("L", (560, 560), 255)
    ImageDraw.Draw(page).line([(300, 230), (303, 246)], fill=0, width=3)
    (found,) = find_digits(page.convert("RGB"))
    assert found.is_tiny
    (found,) = find_digits(page.crop((280, 220, 330, 260)).convert("RGB"))
    assert not found.is_tiny


def test_the_strokes_of_a_dithered_digit_are_no_printed_lines() -> None:
    """Black and white pixels in turn are no thin lines."""
    page = Image.new("L", (160, 200), 255)
    for stroke in ([(78, 60), (68, 94), (122, 94)], [(113, 60), (109, 124)]):
        ImageDraw.Draw(page).line(stroke, fill=90, width=8)
    (digit,) = find_digits(page.convert("1").convert("RGB"))
    assert np.abs(np.subtract(digit.box, (66, 59, 123, 125))).max() <= 3


def test_a_frame_around_the_page_is_left_out() -> None:
    """However small the digit is beside it."""
    page = Image.new("L", (620, 400), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(100, 80), (140, 80), (110, 140)], fill=0, width=8)
    draw.rectangle([22, 22, 598, 378], outline=0, width=9)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] >= 90 and found.box[2] <= 150


def test_lines_that_are_thinner_than_a_digit_and_longer_are_left_out() -> None:
    page = Image.new("L", (500, 400), 255)
    draw = seven(page)
    for left in (60, 160, 400):
        draw.line([(left, 80), (left, 260)], fill=0, width=4)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] >= 190 and found.box[2] <= 290
    draw.line([(330, 100), (330, 250)], fill=0, width=14)  # a 1 of the same pen
    assert len(find_digits(page.convert("RGB"))) == 2


def test_lines_that_begin_and_end_together_are_left_out() -> None:
    """Those between the cells of a form, here as thick as the digit; not two 1."""
    page = Image.new("L", (500, 400), 255)
    draw = seven(page)
    for left, top in ((60, 80), (160, 81), (330, 80)):
        draw.line([(left, top), (left, top + 180)], fill=0, width=14)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] >= 190 and found.box[2] <= 290
    page = Image.new("L", (500, 400), 255)
    draw = seven(page)
    for left, top in ((60, 80), (400, 90)):
        draw.line([(left, top), (left, top + 180)], fill=0, width=14)
    assert len(find_digits(page.convert("RGB"))) == 3


def test_a_0_in_two_pieces_is_no_frame_around_the_smaller_one() -> None:
    page = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(page)
    draw.arc([120, 100, 260, 300], 215, 165, fill=0, width=16)
    draw.line([(130, 154), (130, 208)], fill=0, width=8)
    found = find_digits(page.convert("RGB"))
    assert min(digit.box[1] for digit in found) < 105
    assert max(digit.box[3] for digit in found) > 295


def test_digits_of_two_lines_that_hardly_overlap_are_two() -> None:
    """Each is as high as the other; together they are as high and wide as a digit may be."""
    page = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(page)
    for left, top in ((200, 80), (148, 180)):
        draw.line([(left, top), (left + 60, top), (left + 20, top + 66)], fill=0, width=9)
    assert len(find_digits(page.convert("RGB"))) == 2


def test_a_0_is_no_frame_around_the_rest_of_a_line() -> None:
    """As is left of squared paper: thin and half as dark."""
    page = Image.new("L", (400, 400), 240)
    draw = ImageDraw.Draw(page)
    draw.line([(190, 160), (190, 240)], fill=130, width=2)
    draw.ellipse([130, 100, 250, 300], outline=20, width=14)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] <= 132 and found.box[2] >= 249


def test_pale_specks_beside_thin_strokes_are_left_out() -> None:
    page = Image.new("L", (500, 500), 240)
    draw = ImageDraw.Draw(page)
    for at in range(220, 400, 30):
        draw.rectangle([at, at % 90 + 190, at + 1, at % 90 + 191], fill=180)
    draw.line([(330, 150), (230, 150), (225, 230), (300, 250), (210, 320)], fill=20, width=8)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[2] <= 333


def test_a_stroke_may_go_on_in_a_shadow() -> None:
    """The paper there is hardly brighter than its ink is in the light."""
    page = Image.new("L", (470, 360), 220)
    draw = ImageDraw.Draw(page)
    draw.line([(270, 110), (210, 240), (300, 280)], fill=62, width=16)
    shadow = np.where(np.arange(360) < 158, 0.42, 1)[:, None]
    picture = Image.fromarray(np.uint8(np.asarray(page) * shadow)).convert("RGB")
    (found,) = find_digits(picture)
    assert found.box[1] <= 112 and found.box[3] >= 280


def test_what_is_below_a_digit_of_two_parts_is_another() -> None:
    """Further pieces may be nearer to it than digits are, but not as high and beside it."""
    page = Image.new("L", (300, 300), 255)
    draw = ImageDraw.Draw(page)
    draw.rectangle([123, 88, 131, 97], fill=0)
    for left, top in ((121, 76), (70, 168)):
        draw.line([(left + 3, top), (left + 39, top), (left + 16, top + 54)], fill=0, width=7)
    assert len(find_digits(page.convert("RGB"))) == 2


@pytest.mark.parametrize("upright", [False, True])
def test_long_lines_beside_a_digit_are_left_out(upright: bool) -> None:
    page = Image.new("L", (420, 420), 255)
    draw = seven(page)
    for place in (60, 340):
        ends = [(30, place), (390, place + 12)]
        draw.line([end[::-1] for end in ends] if upright else ends, fill=0, width=8)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] >= 190 and found.box[2] <= 290


def test_holes_beside_a_digit_are_left_out() -> None:
    page = Image.new("L", (500, 400), 255)
    draw = ImageDraw.Draw(page)
    for y in (60, 160, 260, 360):
        draw.ellipse([20, y - 15, 50, y + 15], fill=60)
    (blot, *_) = find_digits(page.convert("RGB"))
    assert blot.box[0] <= 21
    draw.line([(250, 100), (320, 100), (270, 240)], fill=0, width=14)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] > 200


def test_dust_beside_strokes_that_are_not_thin_is_left_out() -> None:
    page = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(page)
    draw.line([(150, 100), (250, 100), (190, 300)], fill=0, width=18)
    draw.ellipse([120, 190, 132, 202], fill=0)
    (found,) = find_digits(page.convert("RGB"))
    assert found.box[0] >= 145
