"""Signals during training wait for the end of the batch."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import signal

import pytest

pytest.importorskip("tensorflow")

from keras_model.training.deferred_signals import DeferredSignals

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.fixture(autouse=True)
def usual_handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end"])
def test_ctrl_c_waits_for_the_end_of_a_batch_or_an_epoch(hook: str):
    after_signal = False
    with pytest.raises(KeyboardInterrupt), DeferredSignals() as deferred:
        getattr(deferred, hook)(0)
        signal.raise_signal(signal.SIGINT)
        after_signal = True
        getattr(deferred, hook)(0)
    assert after_signal
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_one_does_not_wait():
    with pytest.raises(KeyboardInterrupt), DeferredSignals():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("not reached")


def test_what_came_after_the_last_batch_is_not_lost():
    with pytest.raises(KeyboardInterrupt), DeferredSignals():
        signal.raise_signal(signal.SIGINT)


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with DeferredSignals():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
