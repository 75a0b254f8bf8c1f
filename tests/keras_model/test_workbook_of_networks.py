"""Workbooks of random networks: LibreOffice computes their logits, and they keep Office's rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.random_networks import random_network, random_weights
from oracles.libreoffice import calculated_rows, needs_libreoffice
from oracles.open_xml import errors_of

from keras_model.data.mnist import sample
from keras_model.data.scaling import SCALINGS
from keras_model.export.workbook import write_digits
from keras_model.trained.network import TrainedNetwork

pytestmark = pytest.mark.thorough
SEEDS = range(200, 212)


def written(seed: int, path: Path) -> TrainedNetwork:
    network = random_weights(random_network(seed), seed)
    images = sample().x_test[::500][:2]
    write_digits(network, SCALINGS["unit"], images, np.array([0, 1]), path)
    return network


@needs_libreoffice
def test_libreoffice_computes_the_logits_of_numpy(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.xlsx" for seed in SEEDS]
    networks = [written(seed, path) for seed, path in zip(SEEDS, paths, strict=True)]
    image = SCALINGS["unit"](sample().x_test[:1])
    sheets = calculated_rows(paths, tmp_path / "calculated", "Draw")
    for seed, network, rows in zip(SEEDS, networks, sheets, strict=True):
        (header,) = (number for number, row in enumerate(rows) if "logit" in row)
        column = rows[header].index("logit")
        table = np.array(
            [row[column : column + 2] for row in rows[header + 1 : header + 11]], float
        )
        logits = network.logits(image)
        np.testing.assert_allclose(
            table[:, 0], logits[0], atol=2e-4, rtol=1e-4, err_msg=f"seed {seed}"
        )
        np.testing.assert_allclose(
            table[:, 1], network.probabilities(logits)[0], atol=2e-4, err_msg=f"seed {seed}"
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_workbook_keeps_the_rules_of_office_files(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "digits.xlsx"
    written(seed, path)
    assert not errors_of(path)
