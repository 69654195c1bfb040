"""What goes to stdout and stderr: data and documents there, progress and errors here."""

import json
import os
import sys
import time
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


class Progress:
    """One line per stage, and on a terminal a line that is rewritten while a stage runs."""

    def __init__(self, total: int, quiet: bool) -> None:
        self.total, self.quiet = total, quiet
        self.done = self.failed = 0
        self.started = self.shown = time.monotonic()
        self.live = sys.stderr.isatty() and not quiet
        self.tokens: dict[str, Any] = {}

    def facts(self, **facts: Any) -> None:
        """Called while a stage runs in this process."""
        if "stage" in facts:
            self.tokens = {"stage": facts["stage"], "since": time.monotonic()}
        if not self.live or "step" not in facts or time.monotonic() - self.shown < 0.5:
            return
        self.shown = time.monotonic()
        spent = max(1e-6, time.monotonic() - self.tokens.get("since", self.started))
        rate, left = facts["tokens"] / spent, spent / facts["step"] * (facts["steps"] - facts["step"])
        line = (
            f"{self.tokens.get('stage', '')} step {facts['step']}/{facts['steps']} loss {facts['loss']:.3f}"
        )
        self._line(f"{line} {rate:,.0f} tokens/s {left:,.0f} s left", end="")

    def outcome(self, title: str, status: str, error: str = "") -> None:
        """One stage is over."""
        self.done += 1
        self.failed += status == "failed"
        if status == "failed":
            self._line(f"[{self.done}/{self.total}] failed: {title}: {error}", always=True)
        elif not self.quiet and (
            self.live or self.done % 25 == 0 or "train" in title or self.done == self.total
        ):
            spent = time.monotonic() - self.started
            left = spent / self.done * (self.total - self.done)
            line = f"[{self.done}/{self.total}] {title} ({spent:,.0f} s, about {left:,.0f} s left)"
            self._line(line, end="" if self.live and self.done < self.total else "\n")

    def _line(self, text: str, end: str = "\n", always: bool = False) -> None:
        if self.quiet and not always:
            return
        width = Console(stderr=True).width
        start = "\r\x1b[2K" if self.live else ""
        sys.stderr.write(start + (text[: width - 1] if self.live and not always else text) + end)
        sys.stderr.flush()
