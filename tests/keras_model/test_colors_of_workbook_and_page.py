"""The workbook shows digits and maps in the colors of the page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import openpyxl
from fixtures.random_networks import random_weights

from gradsheet.page.style import light_color, shared_style
from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS
from keras_model.export.workbook import write_digits
from keras_model.networks.network_file import parse_network

NETWORK = """
layers = [
  { type = "Conv2D", filters = 2, kernel_size = 3, strides = 3 },
  { type = "Flatten" },
  { type = "Dense", units = 10 },
]
"""


def test_digits_are_ink_on_paper_and_maps_blue_and_orange(tmp_path: Path) -> None:
    path = tmp_path / "digits.xlsx"
    network = random_weights(parse_network(NETWORK), 1)
    images = sample().x_test[:2]
    write_digits(network, SCALINGS["unit"], images, np.zeros(2, int), path)
    style = shared_style().partition("@media")[0]
    color = {name: code.upper() for name, code in re.findall(r"--scale-(\w+): #(\w{6})", style)}
    opened = openpyxl.load_workbook(path)
    for name, expected in (
        ("Gallery", ("paper", "ink")),
        ("Input", ("paper", "ink")),
        ("Conv 1", ("negative", "zero", "positive")),
    ):
        rules = [rule for area in opened[name].conditional_formatting for rule in area.rules]
        assert rules
        for rule in rules:
            codes = [one.rgb[-6:] for one in rule.colorScale.color]
            assert codes == [color[end] for end in expected], name
    # Both ends of the maps' scale are equally far from 0.
    ((scale,),) = (list(area.rules) for area in opened["Conv 1"].conditional_formatting)
    low, middle, high = (value.val for value in scale.colorScale.cfvo)
    assert middle == 0 and low == f"-{high}"


def test_a_color_of_the_page_is_found_by_its_name() -> None:
    assert re.fullmatch("#[0-9A-F]{6}", light_color("scale-ink"))
