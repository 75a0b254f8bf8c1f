"""Limits of processor time and memory."""

from __future__ import annotations

import signal
import sys
import threading
import time

import pytest

from gradsheet.resource_limits import TimeLimitReached, limited

MUCH = 1e6
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no limits")
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(1000))


def test_a_block_within_its_limits_is_left_alone():
    before = signal.getsignal(signal.SIGPROF)
    with limited(60, MUCH):
        assert len(bytearray(10**6)) == 10**6
    assert signal.getsignal(signal.SIGPROF) is before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_too_much_time_ends_a_block():
    before = signal.getsignal(signal.SIGPROF)
    with pytest.raises(TimeLimitReached), limited(0.1, MUCH):
        work(60)
    assert signal.getsignal(signal.SIGPROF) is before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_waiting_costs_no_time():
    with limited(0.2, MUCH):
        time.sleep(0.5)


def test_code_that_handles_every_exception_is_ended_too():
    with pytest.raises(TimeLimitReached), limited(0.1, MUCH):
        end = time.process_time() + 60
        while time.process_time() < end:
            try:
                work(0.01)
            except Exception:
                continue


@linux
def test_too_much_memory_ends_a_block_and_nothing_after_it():
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(MemoryError), limited(60, 100):
        bytearray(2**30)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(200 * 2**20)) == 200 * 2**20


def test_other_errors_stay_what_they_are():
    with pytest.raises(ZeroDivisionError), limited(60, MUCH):
        raise ZeroDivisionError


def test_another_thread_has_no_limit():
    ended = []

    def run() -> None:
        with limited(0.01, MUCH):
            work(0.1)
        ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended
