"""The digits workbook on paper: a few pages, and a note where the rest is left out."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest
from fixtures.random_networks import random_weights
from openpyxl.worksheet.worksheet import Worksheet
from oracles.libreoffice import convert, needs_libreoffice

from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS
from keras_model.export.workbook import write_digits
from keras_model.networks.network_file import packaged_network, parse_network

MAX_PAGES = 2  # of a sheet


STACKS = """layers = [
  { type = "AveragePooling2D", pool_size = 2 },
  { type = "Conv2D", filters = 40, kernel_size = 5, strides = 2 },
  { type = "Conv2D", filters = 12, kernel_size = 3 },
  { type = "GlobalAveragePooling2D" },
  { type = "Dense", units = 10 },
]"""
NETWORKS = {"one hidden layer": packaged_network("dense"), "stacked maps": parse_network(STACKS)}


def workbook_of(network: str, folder: Path) -> Path:
    digits, path = sample(), folder / "digits.xlsx"
    trained = random_weights(NETWORKS[network], 1)
    write_digits(trained, SCALINGS["unit"], digits.x_test[::500], digits.y_test[::500], path)
    return path


def is_cut(sheet: Worksheet) -> bool:
    """Whether the area that is printed leaves out something of a sheet."""
    if not sheet.print_area:
        return False
    area = sheet[sheet.print_area.rpartition("!")[2].replace("$", "")]
    return len(area) < sheet.max_row or len(area[0]) < sheet.max_column


@pytest.mark.parametrize("network", NETWORKS)
def test_no_sheet_takes_many_pages_and_what_is_left_out_is_said(
    network: str, tmp_path: Path
) -> None:
    book = openpyxl.load_workbook(workbook_of(network, tmp_path))
    cut = set()
    for sheet in book:
        assert sheet.page_setup.fitToWidth in (None, 1)
        assert sheet.page_setup.fitToHeight in (None, 1, MAX_PAGES), sheet.title
        notes = [str(sheet.cell(row, 1).value or "") for row in range(1, 6)]
        says_so = any(note.startswith("Only the first rows") for note in notes)
        assert says_so == is_cut(sheet), sheet.title
        cut |= {sheet.title} if says_so else set()
    if network == "stacked maps":  # kernels of 40 maps
        assert {"Weights 1", "Weights 2"} <= cut
    else:  # its 784 pixels in a column
        assert cut == {"Output", "Weights 1"}, cut
        area = book["Output"].print_area.rpartition(":")[2].replace("$", "")
        assert 50 <= book["Output"][area].row <= 100


@needs_libreoffice
@pytest.mark.thorough
def test_libreoffice_prints_as_many(tmp_path: Path) -> None:
    path = workbook_of("one hidden layer", tmp_path)
    (printed,) = convert([path], tmp_path, "pdf")
    pages = re.findall(rb"/Type\s*/Page\b", printed.read_bytes())
    assert len(pages) == len(openpyxl.load_workbook(path).sheetnames) + 1
