"""What several tests need: the package's digits as a user's file, and a trained run."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from filelock import FileLock
from fixtures.commands import QUICK, run
from hypothesis import settings

if TYPE_CHECKING:
    from fixtures.handing_out import Handout
    from oracles.browser import Browser

# No test measures time: a busy machine must not fail one.
settings.register_profile("gradsheet", deadline=None)
settings.load_profile("gradsheet")

# Many tests start commands: where Python may not keep what it compiled, each compiles all modules.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As the commands do, which is too late where a test has imported TensorFlow before.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def pytest_collection_finish() -> None:
    """Exclude imported modules from garbage collection, which saves a few percent of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, worker_id) -> Callable[[str, Callable[[Path], None]], Path]:
    """A function that makes a folder once for all workers of pytest-xdist.

    Its arguments are the folder's name and a function that creates and fills the folder.
    https://pytest-xdist.readthedocs.io/en/stable/how-to.html#making-session-scoped-fixtures-execute-only-once
    """
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder, unfinished = shared / name, shared / f"{name}.unfinished"
        with FileLock(shared / f"{name}.lock"):
            if not folder.is_dir():
                shutil.rmtree(unfinished, ignore_errors=True)
                fill(unfinished)
                unfinished.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def data(made_once) -> Path:
    """The package's sample as a user's own .npz, so that no test asks a network."""

    def write(folder: Path) -> None:
        from keras_model.data.mnist import sample

        folder.mkdir()
        digits = sample()
        # The sample is sorted by class: every other digit, so that all classes are there.
        step = {"x_train": 2, "y_train": 2, "x_test": 1, "y_test": 1}
        arrays = {name: getattr(digits, name)[::every] for name, every in step.items()}
        np.savez_compressed(folder / "digits.npz", **arrays)

    return made_once("digits", write) / "digits.npz"


@pytest.fixture(scope="session")
def small(made_once, data) -> Path:
    """A few digits, for trainings that only have to come to an end.

    Their number is a multiple of the batch sizes of the tests, because XLA compiles for each size
    of a batch.
    """

    def write(folder: Path) -> None:
        folder.mkdir()
        with np.load(data) as file:
            arrays = {name: file[name][::10] for name in file.files}
        np.savez(folder / "small.npz", **arrays)

    return made_once("small", write) / "small.npz"


@pytest.fixture(scope="session")
def finished(made_once, data) -> tuple[Path, str]:
    """An uninterrupted run, and what it printed. No test may change it."""

    def train(folder: Path) -> None:
        whole = folder / "whole"
        done = run("train", *QUICK, "--deterministic", "--data", data, "--out", whole)
        (folder / "printed.txt").write_text(done.stdout, encoding="utf-8")

    folder = made_once("run", train)
    return folder / "whole", (folder / "printed.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def model(finished) -> Path:
    """A network that reads most digits."""
    return finished[0] / "model.keras"


@pytest.fixture(scope="session")
def small_class(made_once) -> Path:
    """Two workbooks with mistakes, a right one, and a file that is none. No test may change it."""
    from fixtures.class_run import make_small_class

    return made_once("small_class", make_small_class)


@pytest.fixture(scope="session")
def class_handout(made_once) -> Handout:
    """A class of ten, each with own numbers and a worksheet. No test may change it."""
    from fixtures.handing_out import Handout, make_class_handout

    def make(folder: Path) -> None:
        folder.mkdir()
        make_class_handout(folder)

    return Handout(made_once("handout", make) / "out", "")


@pytest.fixture
def handed_in(small_class, tmp_path) -> Path:
    """A copy of the small class for one test."""
    return Path(shutil.copytree(small_class, tmp_path / "handed in"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that the tests of a file share."""
    from oracles.browser import AVAILABLE, chromium

    if not AVAILABLE:
        pytest.skip("Chromium, its driver or selenium is not installed")
    with chromium() as opened:
        yield opened
