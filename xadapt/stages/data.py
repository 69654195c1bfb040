"""Data: read the rows of a task's sources, check them, write them as plain examples."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

from xadapt import examples, sources
from xadapt.errors import DataError
from xadapt.examples import Example
from xadapt.sources import Origin
from xadapt.task import Dropped, Placed, Task
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage

BAD_SHARE = 0.01
"""Largest share of bad rows that a source may have."""


@dataclass(frozen=True, kw_only=True)
class Data(Stage):
    """Writes `examples.jsonl`; its record's notes say how many rows were read, kept and dropped, and why."""

    task: str
    task_version: int
    rows: tuple[Origin, ...]
    limit: int | None = None
    """Keep this many rows, chosen by a fixed shuffle, so that smaller limits are subsets of larger ones."""

    def title(self) -> str:
        return f"data {self.task}"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        """Raises DataError naming place, field and value of a bad row, or when there is no row at all."""
        what = task(self.task)
        counts = Counts()
        found = _unique(_examples(what, sources.rows(self.rows, context.data), counts), counts.dropped)
        if self.limit is not None:
            found = iter(_subset(found, self.limit, counts.dropped))
        kept = examples.write(found, out / "examples.jsonl")
        places = ", ".join(dict.fromkeys(map(sources.place, self.rows)))
        dropped = dict(+counts.dropped)  # unary plus leaves out reasons that took no row
        if not kept:
            raise DataError(f"{places}: no usable row" + (f" ({dropped})" if dropped else ""))
        counts.check(places)
        return {"read": counts.read, "kept": kept, "dropped": dropped}


@dataclass
class Counts:
    """What became of the rows."""

    read: int = 0
    bad: int = 0
    first: str = ""
    """Where the first bad row stands, and what is wrong with it."""
    dropped: Counter[str] = field(default_factory=Counter)

    def drop(self, place: str, why: Dropped) -> None:
        self.dropped[str(why)] += 1
        self.bad += why.bad
        if why.bad and not self.first:
            self.first = f"{place}: {why}"

    def check(self, places: str) -> None:
        """Raises DataError when too many rows were bad."""
        if self.bad > BAD_SHARE * self.read:
            share = f"{self.bad} of {self.read} rows are bad, more than {BAD_SHARE:.0%}"
            raise DataError(f"{places}: {share}; the first is {self.first}")


def _examples(what: Task, rows: Iterable[Placed], counts: Counts) -> Iterator[Example]:
    if what.gather is not None:
        yield from what.gather(_counted(rows, counts), counts.dropped)
        return
    assert what.read is not None, "a task has one of both"
    for number, (_, place, row) in enumerate(_counted(rows, counts)):
        try:
            example = what.read(row, str(number))
        except Dropped as why:
            counts.drop(place, why)
            continue
        except KeyError as error:
            raise DataError(f"{place}: field {error.args[0]!r} is missing") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{place}: {error}") from error
        if example is None:
            counts.dropped["no label"] += 1
        else:
            yield example


def _counted(rows: Iterable[Placed], counts: Counts) -> Iterator[Placed]:
    for row in rows:
        counts.read += 1
        yield row


def _unique(found: Iterable[Example], counts: Counter[str]) -> Iterator[Example]:
    """Ids made unique by a suffix: predictions are joined to gold by id, and mirrors repeat some."""
    times: Counter[str] = Counter()
    used: set[str] = set()
    for example in found:
        name = example.id
        # A made name may itself be an id of the source.
        while name in used:
            times[example.id] += 1
            name = f"{example.id}~{times[example.id] + 1}"
        used.add(name)
        if name != example.id:
            counts["renamed"] += 1
            example = changed(example, id=name)
        yield example


def _subset(found: Iterable[Example], limit: int, dropped: Counter[str]) -> list[Example]:
    """The `limit` examples whose numbers hash lowest, in order; no more than these are held in memory."""

    def numbered() -> Iterator[tuple[int, Example]]:
        for number, example in enumerate(found):
            dropped["limit"] += 1
            yield number, example

    kept = heapq.nsmallest(limit, numbered(), key=lambda each: hashlib.sha256(b"%d" % each[0]).digest())
    dropped["limit"] -= len(kept)
    return [example for _, example in sorted(kept, key=lambda each: each[0])]
