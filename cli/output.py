"""What goes to stdout and stderr: data and documents there, notes and errors here."""

import json
import os
import sys
from typing import Any

from rich.console import Console

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
