"""The command line in a process of its own, as a user starts it, and in this one."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from unittest import mock

from xadapt.cli import main


def xadapt(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_line(words), capture_output=True, text=True, env=os.environ | env, check=False)


def here(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The same without a start and its imports, for tables of cases that differ only in what is said."""
    out, errors = io.StringIO(), io.StringIO()
    asked = mock.patch.object(sys, "argv", ["xadapt", *words]), mock.patch.dict(os.environ, env)
    with asked[0], asked[1], redirect_stdout(out), redirect_stderr(errors):
        code = main._run()
    return subprocess.CompletedProcess(words, code, out.getvalue(), errors.getvalue())


@contextmanager
def background(*words: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """The same while it runs; ended with the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(_line(words), stdout=pipe, stderr=pipe, text=True, env=os.environ | env) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def on_a_terminal(*words: str) -> Iterator[tuple[subprocess.Popen[bytes], Iterator[str]]]:
    """The same while it runs, with what it says to a terminal as it comes; ended with the block."""
    ours, its = os.openpty()
    env = os.environ | {"COLUMNS": "300"}
    with subprocess.Popen(_line(words), stdout=subprocess.DEVNULL, stderr=its, env=env) as running:
        os.close(its)
        try:
            yield running, _read(ours)
        finally:
            running.kill()
            os.close(ours)


def _read(terminal: int) -> Iterator[str]:
    # Linux says by an error that no one is left on the other side.
    with suppress(OSError):
        while part := os.read(terminal, 4096):
            yield part.decode(errors="replace")


def _line(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-c", "from xadapt.cli.main import main; main()", *words]
