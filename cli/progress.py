"""How far a run is: one line that is rewritten on a terminal, plain lines elsewhere; always on stderr."""

import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from xadapt.errors import XadaptError
from xadapt.workflow.attempt import Outcome
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

EVERY = 25
"""Short stages get a plain line only this often."""
LONG = ("train", "encoder")


class Progress:
    """Told of each stage that ends, and while one runs in this process of its steps."""

    def __init__(self, stages: Sequence[Stage], store: Store, quiet: bool) -> None:
        self.store, self.quiet = store, quiet
        self.total, self.done = len(stages), 0
        self.seconds = {} if quiet else _seconds(stages, store)
        self.work, self.spent_work = sum(map(self._work, stages)), 0.0
        self.tokens = 0
        self.started = time.monotonic()
        self.shown = 0.0
        self.live = sys.stderr.isatty() and not quiet
        self.title, self.since = "", self.started
        self.said: set[str] = set()
        """Lines about memory."""

    def facts(self, **facts: Any) -> None:
        """Called by a stage that runs here: `stage=` when it starts, `step= steps= tokens= loss=` later.

        `memory=` says once how it is fitted into what there is.
        """
        if "memory" in facts:
            self._fitted(facts["memory"])
        if "stage" in facts:
            self.title, self.since = facts["stage"], time.monotonic()
        now = time.monotonic()
        if self.live and "step" in facts and now - self.shown > 0.3:
            self.shown = now
            spent = max(1e-6, now - self.since)
            left = spent / facts["step"] * (facts["steps"] - facts["step"])
            rate = facts["tokens"] / spent
            self._write(
                f"[{self.done}/{self.total}] {self.title} step {facts['step']}/{facts['steps']}, "
                f"loss {facts['loss']:.3f}, {rate:,.0f} tokens/s, {_clock(left)} left"
            )

    def outcome(self, outcome: Outcome, reason: str) -> None:
        """One stage is over; `reason` says why it failed."""
        stage = outcome.stage
        self.done += 1
        self.spent_work += self._work(stage)
        if outcome.status == "failed":
            self._write(f"[{self.done}/{self.total}] failed: {stage.title()}: {reason}", keep=True)
        elif not self.quiet:
            self._count(stage)
            if self.live or stage.kind in LONG or self.done % EVERY == 0 or self.done == self.total:
                self._write(f"[{self.done}/{self.total}] {stage.title()} ({self._pace()})")

    def close(self) -> None:
        """Leave the line that was rewritten."""
        if self.live:
            sys.stderr.write("\r\x1b[2K")

    def _work(self, stage: Stage) -> float:
        return self.seconds.get(stage.digest, stage.work)

    def _count(self, stage: Stage) -> None:
        if stage in self.store and stage.kind in (*LONG, "predict"):
            notes = self.store.record(stage.digest).notes
            self.tokens += int(notes.get("tokens", 0))
            # What ran in another process has not said it yet.
            self._fitted(notes.get("memory", {}).get("picked", ""))

    def _fitted(self, line: str) -> None:
        if line and line not in self.said and not self.quiet:
            self.said.add(line)
            self._write(line, keep=True)

    def _pace(self) -> str:
        spent = time.monotonic() - self.started
        left = spent / max(self.spent_work, 1e-6) * (self.work - self.spent_work)
        rate = f"{self.tokens / max(spent, 1e-6):,.0f} tokens/s, " if self.tokens else ""
        ending = f"about {_clock(left)} left" if self.done < self.total else "done"
        return f"{_clock(spent)}, {rate}{ending}"

    def _write(self, text: str, keep: bool = False) -> None:
        if not self.live:
            sys.stderr.write(text + "\n")
        elif keep:
            sys.stderr.write(f"\r\x1b[2K{text}\n")
        else:
            sys.stderr.write(f"\r\x1b[2K{text[: Console(stderr=True).width - 1]}")
        sys.stderr.flush()


def _seconds(stages: Sequence[Stage], store: Store) -> dict[str, float]:
    """By digest, by what was measured here: stages count by their share of it. Empty where nothing was."""
    from xadapt.forecast.device import device
    from xadapt.forecast.reading import Reading
    from xadapt.forecast.work import Forecaster

    try:
        known = device(None, None)
    except XadaptError:
        known = None  # no run ends for want of a time
    forecaster = Forecaster(Reading(store))
    return {} if known is None else {one.digest: known.seconds(forecaster.work(one)) for one in stages}


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
