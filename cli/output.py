"""What goes to stdout and stderr: data and documents there, notes and errors here."""

import errno
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from xadapt.errors import DiskFull, Unwritable

SCHEMA_VERSION = 1
PIPE_WIDTH = 200


def stdout() -> Console:
    """A file or a pipe has no width of its own: lines stay whole there unless COLUMNS says otherwise."""
    whole = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=PIPE_WIDTH if whole else None, soft_wrap=whole, highlight=False)


def document(facts: dict[str, Any]) -> None:
    """One JSON document with its schema version."""
    sys.stdout.write(
        json.dumps({"schema_version": SCHEMA_VERSION} | facts, ensure_ascii=False, indent=2) + "\n"
    )


@contextmanager
def written(what: str, hint: str) -> Iterator[None]:
    """Raises Unwritable, or DiskFull, beginning with `what`, for what the disk refuses inside the block."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind, reason = DiskFull if full else Unwritable, os.strerror(error.errno or 0)
        place = "" if error.filename is None or str(error.filename) in what else f" ({error.filename})"
        raise kind(f"{what}: {reason}{place}", hint) from error


def prepare(folder: Path) -> None:
    """Make the folder of `--output` before anything is computed that could not be kept. Raises Unwritable."""
    with written(f"--output {folder}", "choose another --output"):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def note(text: str) -> None:
    """A line for people, beside the data."""
    sys.stderr.write(text + "\n")


def note_lock(experiment: str, changed: bool) -> None:
    """Where the lock of an experiment lies, and what to do with it."""
    from xadapt.shipped import shipped
    from xadapt.sources.lock import beside

    place = str(beside(experiment))
    where = " in the current folder, found when you run from here" if experiment in shipped() else ""
    note(f"lock: {place}{where}" + ("; it is new or has grown: commit it" if changed else ""))
