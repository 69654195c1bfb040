"""Ctrl-C and SIGTERM end a command; that they came is remembered.

A library whose import is interrupted may raise an error of its own in place of KeyboardInterrupt, and a
stage must not count as failed for it.
"""

import signal
from typing import Any

_came = False


def listen() -> None:
    """From now on both signals raise KeyboardInterrupt in the main thread."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(*_: Any) -> None:
    global _came
    _came = True
    raise KeyboardInterrupt


def came() -> bool:
    """Whether one of them has come since `listen`."""
    return _came
