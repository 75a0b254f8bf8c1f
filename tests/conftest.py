"""What several tests need: the package's digits as a user's file, and a trained run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from commands import QUICK, run

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """The package's sample as a user's own .npz, so that no test asks a network."""
    from keras_model.mnist import sample

    digits = sample()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    names = ("x_train", "y_train", "x_test", "y_test")
    # The sample is sorted by class: every other digit, so that all classes are there.
    step = {"x_train": 2, "y_train": 2, "x_test": 1, "y_test": 1}
    np.savez_compressed(path, **{name: getattr(digits, name)[:: step[name]] for name in names})
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory, data) -> tuple[Path, str]:
    """An uninterrupted run, and what it printed."""
    folder = tmp_path_factory.mktemp("run") / "whole"
    done = run("train", *QUICK, "--deterministic", "--data", data, "--out", folder)
    return folder, done.stdout


@pytest.fixture(scope="session")
def model(finished) -> Path:
    """A network that reads most digits."""
    return finished[0] / "model.keras"
