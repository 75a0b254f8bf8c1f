"""Ctrl-C and a request to end (SIGTERM, SIGHUP): one line, and no temporary file is left."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 128 + signal.SIGINT  # the exit code, as shells have it
_IMPORTS = "<frozen importlib._bootstrap>"
_AGAIN_AFTER = 0.05  # seconds: by then, the destructor or callback is left


class Terminated(SystemExit):
    """The process was asked to end by a signal. ``code`` is its exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def handle_signals() -> None:
    """Let Ctrl-C and requests to end clean up; what the process was told to ignore stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    for number in _requests_to_end():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_handle_in_child)


def signal_again(error: BaseException | None) -> bool:
    """Send a signal once more if its exception came where Python ignores exceptions.

    That is so in destructors and in callbacks of the garbage collector. A signal that comes during
    a long computation in C is often handled there, because they run first when it ends.

    Args:
        error: what was ignored, as ``sys.unraisablehook`` has it.

    Returns:
        Whether the error is that of a signal.
    """
    if not isinstance(error, KeyboardInterrupt | Terminated):
        return False
    number = error.number if isinstance(error, Terminated) else signal.SIGINT
    # Not a threading.Timer: what was interrupted may hold the locks of the module threading.
    _thread.start_new_thread(_send_later, (number,))
    return True


def _send_later(number: int) -> None:
    time.sleep(_AGAIN_AFTER)
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


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
    raise Terminated(number)


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
