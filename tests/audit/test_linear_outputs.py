"""A linear output whose sum and activation are one column is complete."""

from __future__ import annotations

import json

import pytest
from fixtures.commands import invoke
from fixtures.other_networks import NetworkBook

EXERCISE = """
title = "A line"
[network]
neurons = [1, 1]
activations = ["linear"]
bias = "neuron"
[parameters]
weights = [0.5]
biases = [0.1]
[[samples]]
inputs = [0.75]
targets = [0.77]
[training]
loss = "squared_error"
"""
HEADERS = {
    "x1": "i1", "t1": "t1", "w1.1.1": "w1", "b1.1": "b1", "E1": "E_total", "d1.1": "δ",
    "g w1.1.1": "dE/dw1", "g b1.1": "dE/db1",
}  # fmt: skip


@pytest.mark.parametrize("output", ["a_o1", "o1", "ŷ"])
@pytest.mark.parametrize("formula", ["right", "wrong"])
def test_one_column_is_enough(output, formula, tmp_path):
    file = tmp_path / "line.toml"
    file.write_text(EXERCISE, encoding="utf-8")
    changes = {"a1.1": lambda book, row: f"{book.ref('w1.1.1', row)}*{book.ref('x1', row)}"}
    book = NetworkBook(
        (1, 1), ("identity",), "neuron", "squared", rate=0.1,
        header=lambda name: HEADERS.get(name, output),
        changes=changes if formula == "wrong" else {},
    )  # fmt: skip
    path = book.write(tmp_path / "line.xlsx")
    result = invoke("check", path, "--exercise", file, "--json")
    [table] = json.loads(result.stdout)
    assert not any("missing" in note for note in table["warnings"])
    if formula == "right":
        assert table["verdict"] == "right", table
    else:
        [fault] = table["faults"]
        assert fault["first_cell"] == book.cell("a1.1", 0)
        assert "b1 is left out" in fault["cause"]
