"""The page's constants are Python's: each is defined once."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
from fixtures.random_networks import random_weights

from keras_model.data.mnist import DEVIATION, MEAN
from keras_model.data.scaling import SCALINGS
from keras_model.export import web_page
from keras_model.handwriting.constants import PREPARATION
from keras_model.networks.network_file import packaged_network


def test_the_page_has_the_constants_of_python(tmp_path: Path) -> None:
    network = random_weights(packaged_network(), 1)
    path = tmp_path / "page.html"
    gallery = np.zeros((1, 28, 28), np.uint8), np.zeros(1, int)
    web_page.write_page(network, SCALINGS["mnist"], gallery, "x", path)
    script = re.search(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert script is not None
    data = json.loads(script[1])
    assert data["scaling"] == {"divisor": 255, "mean": MEAN, "deviation": DEVIATION}
    assert data["preparation"] == json.loads(json.dumps(asdict(PREPARATION)))


def test_the_scripts_use_all_of_the_constants_and_have_no_others() -> None:
    folder = Path(web_page.__file__).with_name("page")
    names = (
        "sheet.js",
        "ink.js",
        "printed_lines.js",
        "parts.js",
        "mnist_format.js",
        "find_digits.js",
    )
    text = "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
    assert set(re.findall(r"\bpreparation\.(\w+)", text)) == set(asdict(PREPARATION))
