"""What is set before the backend is imported."""

from __future__ import annotations

import os

import pytest

from keras_model.backend import prepare_backend

VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without a user's settings; the log level keeps standard error as it is."""
    monkeypatch.setattr(os, "environ", {"TF_CPP_MIN_LOG_LEVEL": "3"})


@pytest.mark.parametrize(("for_training", "expected"), [(False, ["1", None]), (True, ["1", "1"])])
def test_onednn_is_on_and_operations_have_one_thread_in_training(for_training, expected):
    prepare_backend("auto", for_training=for_training)
    assert [os.environ.get(name) for name in VARIABLES] == expected


def test_the_settings_of_the_user_are_kept():
    os.environ.update(dict.fromkeys(VARIABLES, "0"))
    prepare_backend("auto", for_training=True)
    assert [os.environ[name] for name in VARIABLES] == ["0", "0"]


def test_the_cpu_hides_gpus():
    prepare_backend("cpu")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
