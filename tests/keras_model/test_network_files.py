"""Mistakes in network files, each told in one line with its layer's number and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.commands import click_run

from keras_model.networks.network_file import FOLDER, read_network

END = '{ type = "Flatten" }, { type = "Dense", units = 10 }'
CONV = 'type = "Conv2D", filters = 4, kernel_size = 3'

OF_A_LAYER = {
    'type = "Conv2d"': "layer 2 has the type 'Conv2d'; the types are Conv2D, DepthwiseConv2D, ",
    "filters = 4": 'layer 2 needs a type, for example "Conv2D"',
    'type = "Normalization"': "layer 2 has the type 'Normalization'; the types are ",
    'type = "Conv\\u001b2D"': "layer 2 has the type 'Conv\\\\x1b2D'",
    'type = "Conv2D", filters = 4': "layer 2 (Conv2D) needs kernel_size",
    CONV.replace("4", "-4"): "filters must be 1 to 100,000, got -4",
    CONV.replace("4", "4.0"): "filters must be 1 to 100,000, a whole number, got 4.0",
    CONV.replace("4", '"4"'): "filters must be 1 to 100,000, a whole number, got '4'",
    CONV.replace("4", "true"): "filters must be 1 to 100,000, a whole number, got true",
    CONV.replace("3", "[3, 3, 3]"): "kernel_size must be one number or two, got [3, 3, 3]",
    f"{CONV}, padding = 1": "padding must be 'valid' or 'same', got 1",
    f'{CONV}, activation = "Relu"': "activation must be one of linear, relu, ",
    f'{CONV}, use_bias = "no"': "use_bias must be true or false, got 'no'",
    f"{CONV}, groups = 2": "groups must be 1, got 2",
    f"{CONV}, stride = 2": "has no argument 'stride': its arguments are filters, kernel_size, ",
    'type = "Dropout", rate = nan': "rate must be 0 to 1, got nan",
    'type = "BatchNormalization", axis = 1': "axis must be the channels (-1), got 1",
    'type = "MaxPooling2D", pool_size = 27': "a window of 27×27, but its input is only 26×26×4",
    'type = "Reshape", target_shape = [5, 5, 1]': "cannot give (5, 5, 1), because its input is ",
}
OF_A_FILE = {
    "layers = [": "is not valid TOML: ",
    "layers = []": "must have 1 to 500 layers, got 0",
    'layers = ["Flatten"]': "needs layers: a list like [{",
    f"layer = [{END}]": "has the unknown key 'layer': use title, recipe, layers",
    f'recipe = "fast"\nlayers = [{END}]': "names the recipe 'fast': the recipes are best, ",
    'layers = [{ type = "Flatten" }, { type = "Dense", units = 9 }]': "must end with 10 outputs, ",
    f'layers = [{END}, {{ type = "MaxPooling2D" }}]': "layer 3 (MaxPooling2D) needs maps (height, ",
    f'layers = [{{ type = "Flatten" }}, {{ type = "Dense", units = 20_000 }}, {END}]': (
        "has more than 10,000,000 parameters"
    ),
}


def refusal(text: str, folder: Path) -> str:
    path = folder / "network.toml"
    path.write_text(text, "utf-8")
    error = click_run("summary", "--network", path, code=2)
    assert error.startswith(f"Error: {path} ") and len(error.splitlines()) == 1
    return error


@pytest.mark.parametrize("layer", OF_A_LAYER)
def test_a_wrong_layer_is_told_with_its_number(layer: str, tmp_path: Path) -> None:
    error = refusal(f"layers = [{{ {CONV} }}, {{ {layer} }}, {END}]", tmp_path)
    assert OF_A_LAYER[layer] in error
    assert "layer 2 " in error


@pytest.mark.parametrize("text", OF_A_FILE)
def test_a_wrong_file_is_told(text: str, tmp_path: Path) -> None:
    assert OF_A_FILE[text] in refusal(text, tmp_path)


def test_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "network.toml"
    path.write_bytes(f"layers = [{END}]".encode("utf-16"))
    error = click_run("summary", "--network", path, code=2)
    assert error == f"Error: {path} is not a text file in UTF-8\n"
    path.write_bytes(f"layers = [\r\n{END}]\r\n".encode("utf-8-sig"))
    assert len(read_network(path).layers) == 2


def test_the_printed_file_of_a_network_describes_it(tmp_path: Path) -> None:
    path = tmp_path / "copy.toml"
    path.write_text(click_run("networks", "small"), "utf-8")
    assert read_network(path) == read_network(FOLDER / "small.toml")
