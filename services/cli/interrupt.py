"""Ctrl-C, at any moment: one sentence, exit code 130. Imports next to nothing, so that it can come first."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
SENTENCE = "interrupted: what is recorded stays, and the same command goes on from there"
_SHOW_CURSOR = "\x1b[?25h"

_heard = False


def is_interrupted() -> bool:
    """True once Ctrl-C was pressed."""
    return _heard


@contextmanager
def ends_when_interrupted() -> Iterator[None]:
    """Within, the first Ctrl-C raises KeyboardInterrupt, so that what was started is ended.

    A second one ends at once. What the interrupt became on its way out is not told; a block that ends well in
    spite of it is left alone.
    """
    signal.signal(signal.SIGINT, _hear)
    is_well = False
    try:
        yield
        is_well = True
    except SystemExit as ended:
        is_well = not ended.code
        raise
    finally:
        if _heard and not is_well:
            _end()


def _hear(signum: int, frame: FrameType | None) -> None:
    global _heard
    # a module that is half imported turns the interrupt into another error, or swallows it; jobs and services
    # end by themselves when this process is gone
    if _heard or _is_importing(frame):
        _end()
    _heard = True
    raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _end() -> None:
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
    sys.stderr.write(f"\n{SENTENCE}\n" if sys.stderr.isatty() else f"{SENTENCE}\n")
    sys.stderr.flush()
    # not sys.exit: threads of a pool would be waited for, and what they say would be printed
    os._exit(EXIT_CODE)
