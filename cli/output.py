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
