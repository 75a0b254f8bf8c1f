"""Ctrl-C and a request to end (SIGTERM, SIGHUP): one line, and no temporary file is left."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 128 + signal.SIGINT  # the exit code, as shells have it
_IMPORTS = "<frozen importlib._bootstrap>"


class Terminated(SystemExit):
    """The process was asked to end. ``code`` is its exit code."""


def handle_signals() -> None:
    """Let Ctrl-C and requests to end clean up; what the process was told to ignore stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    for number in _requests_to_end():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_handle_in_child)


def end_at_once_on_signals() -> None:
    """From now on, when the work is done, a signal ends the process without a word."""
    for number in (signal.SIGINT, *_requests_to_end()):
        if signal.getsignal(number) in (_interrupt, _terminate):
            signal.signal(number, lambda number, _: os._exit(128 + number))


def _requests_to_end() -> list[signal.Signals]:
    names = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    if _is_importing(frame):
        _end_at_once(128 + number)
    raise KeyboardInterrupt


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    if _is_importing(frame):
        _end_at_once(128 + number)
    raise Terminated(128 + number)


def _is_importing(frame: FrameType | None) -> bool:
    """Return whether a module is being imported, where libraries make other errors of a stop."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            return True
        frame = frame.f_back
    return False


def _end_at_once(code: int) -> NoReturn:
    from gradsheet.unfinished import delete_all_of_this_process

    delete_all_of_this_process()
    with suppress(Exception):
        print("Stopped.", file=sys.stderr, flush=True)
    os._exit(code)


def _handle_in_child() -> None:
    """A child of a pool would report an exception to its parent and go on."""
    for number in _requests_to_end():
        if signal.getsignal(number) is _terminate:
            signal.signal(number, _end_child)


def _end_child(number: int, _: FrameType | None) -> None:
    from gradsheet.unfinished import delete_all_of_this_process

    delete_all_of_this_process()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
