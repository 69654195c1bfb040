"""The command line in a process of its own, as a user starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def xadapt(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_line(words), capture_output=True, text=True, env=os.environ | env, check=False)


@contextmanager
def background(*words: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """The same while it runs; ended with the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(_line(words), stdout=pipe, stderr=pipe, text=True, env=os.environ | env) as running:
        try:
            yield running
        finally:
            running.kill()


def _line(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-c", "from xadapt.cli.main import main; main()", *words]
