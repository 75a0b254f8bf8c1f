"""Parameters and receptive fields: published tables, the gradient, and the workbook's formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pytest
from fixtures.commands import click_run
from fixtures.published_networks import PUBLISHED, Published
from fixtures.random_networks import random_network, random_weights
from oracles.ironcalc import Engine
from oracles.open_xml import errors_of

from keras_model.export.receptive_field_table import write_table
from keras_model.networks.architecture import Architecture
from keras_model.networks.network_file import packaged_network, parse_network
from keras_model.networks.receptive_field import receptive_fields

SEEDS = range(40)
MOVING = ("Conv2D", "MaxPooling2D", "GlobalAveragePooling2D")


@pytest.mark.parametrize("published", PUBLISHED.values(), ids=PUBLISHED)
def test_published_tables(published: Published) -> None:
    network = parse_network(published.text)
    assert network.trainable == published.parameters
    moving = [place for place in network.places if place.layer.kind in MOVING]
    sides = [place.output_shape[0] if len(place.output_shape) > 1 else 1 for place in moving]
    assert tuple(sides) == published.sides
    if published.fields:
        fields = receptive_fields(network)
        found = [fields[place.number - 1] for place in moving]
        expected = [((size, size), (jump, jump)) for size, jump in published.fields]
        assert [(field.size, field.jump) for field in found] == expected


def depends_on(architecture: Architecture, layer: int) -> tuple[int, int]:
    """The rows and columns of pixels that change the middle number of a layer's output."""
    network = random_weights(architecture, 1)
    digit = np.random.default_rng(1).uniform(0.2, 1, (1, 28, 28, 1))

    def output(x: np.ndarray) -> np.ndarray:
        for each, weights in list(zip(architecture.layers, network.weights, strict=True))[:layer]:
            x = each.compute(x, {name: value.astype(float) for name, value in weights.items()})
        return x[:, x.shape[1] // 2, x.shape[2] // 2]

    changed = np.repeat(digit, 56, axis=0)
    for line in range(28):
        changed[line, line] += 100  # enough to win in every max pooling
        changed[28 + line, :, line] += 100
    differs = (np.abs(output(changed) - output(digit)) > 1e-9).any(axis=-1)
    rows, columns = np.flatnonzero(differs[:28]), np.flatnonzero(differs[28:])
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize(
    "text",
    [
        '{ type = "Conv2D", filters = 2, kernel_size = [3, 5] }, { type = "AveragePooling2D" }',
        '{ type = "Conv2D", filters = 2, kernel_size = 3, dilation_rate = 2 }, '
        '{ type = "Conv2D", filters = 2, kernel_size = 2, strides = 2 }, '
        '{ type = "Conv2D", filters = 2, kernel_size = 3 }',
        '{ type = "AveragePooling2D", pool_size = 3, strides = 2 }, '
        '{ type = "SeparableConv2D", filters = 2, kernel_size = [2, 3] }, '
        '{ type = "DepthwiseConv2D", kernel_size = 3 }',
    ],
)
def test_the_field_is_what_a_number_depends_on(text: str) -> None:
    rest = '{ type = "GlobalAveragePooling2D" }, { type = "Dense", units = 10 }'
    network = parse_network(f"layers = [{text}, {rest}]")
    fields = receptive_fields(network)
    for number in range(1, len(network.layers) - 1):
        assert depends_on(network, number) == fields[number - 1].size


@pytest.mark.parametrize("seed", SEEDS)
def test_the_workbook_computes_the_sizes_and_fields(seed: int, tmp_path: Path) -> None:
    network = random_network(seed)
    path = tmp_path / "table.xlsx"
    write_table(network, "random", path)
    engine, stored = Engine(path), openpyxl.load_workbook(path, data_only=True)
    fields = receptive_fields(network)
    axes = {"Receptive field": 0, "Along rows": 1, "Along columns": 0}
    assert stored.sheetnames in ([*axes][:1], [*axes][1:])
    for name in stored.sheetnames:
        rows = engine.rows(name)
        header = next(index for index, row in enumerate(rows) if "r_out" in row)
        n_out, j_out, r_out, parameters = (
            rows[header].index(word) for word in ("n_out", "j_out", "r_out", "parameters")
        )
        for place, field, row in zip(network.places, fields, rows[header + 2 :], strict=False):
            if field.size is None or field.jump is None:
                assert row[r_out] == "all"
                continue
            axis = axes[name]
            side = place.output_shape[axis] if len(place.output_shape) > 1 else 1
            assert (row[n_out], row[j_out], row[r_out]) == (
                side, field.jump[axis], field.size[axis]
            )  # fmt: skip
        assert [network.trainable] == [
            row[parameters] for row in rows if "trainable parameters" in row
        ]
        for line, cells in enumerate(stored[name].iter_rows(values_only=True)):
            for column, value in enumerate(cells):
                if isinstance(value, int | float):
                    assert rows[line][column] == value, (name, line, column)
    assert not errors_of(path)


def test_a_typed_kernel_changes_what_follows(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    write_table(packaged_network("strong"), "strong", path)
    engine = Engine(path)
    rows = engine.rows("Receptive field")
    header = next(index for index, row in enumerate(rows) if "k" in row)
    column = rows[header].index("k")
    engine.type_number("Receptive field", f"{'ABCDEFGH'[column]}{header + 3}", 5)
    changed = engine.rows("Receptive field")
    r_out, n_out = rows[header].index("r_out"), rows[header].index("n_out")
    for row, before in zip(changed[header + 2 : header + 5], rows[header + 2 :], strict=False):
        assert row[r_out] == before[r_out] + 2
        assert row[n_out] == before[n_out] - 2


def test_summary_writes_the_table_and_replaces_only_its_own(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    for _ in range(2):
        printed = click_run("summary", "--network", "small", "-o", path)
        assert printed.endswith(f"Written to {path}\n")
    assert "fewer than 20,000, 10,000, 8,000" in printed
    path.write_bytes(b"mine")
    assert "--force" in click_run("summary", "-o", path, code=1)
    click_run("summary", "-o", path, "--force")
    assert "must end in .xlsx" in click_run("summary", "-o", tmp_path / "table.csv", code=2)
