"""An output that may not be replaced is refused before the work for it is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.commands import invoke
from fixtures.keras_files import write_keras_file
from fixtures.random_networks import random_weights
from PIL import Image

from keras_model.data.mnist import sample
from keras_model.networks.network_file import packaged_network


@pytest.mark.parametrize(
    "options",
    [
        ("digits", "{model}", "-o", "own.xlsx"),
        ("digits", "{model}", "-o", "own.html"),
        ("predict", "{model}", "digit.png", "--show", "own.png"),
        ("evaluate", "{model}", "--report", "own.csv"),
    ],
)
def test_nothing_is_said_or_computed_before_a_refusal(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = random_weights(packaged_network("dense"), 3)
    write_keras_file(network.architecture, network.weights, Path("model.keras"))
    Image.fromarray(sample().x_test[0]).save("digit.png")
    own = Path(options[-1])
    own.write_bytes(b"somebody's own")
    result = invoke(*(option.format(model="model.keras") for option in options))
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {own} exists and was not written by this tool")
    assert own.read_bytes() == b"somebody's own"
