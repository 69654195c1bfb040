"""Data: read the rows of a task's sources, check them, write them as plain examples."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

from xadapt import examples, sources
from xadapt.declared import Declared
from xadapt.errors import DataError
from xadapt.examples import Example
from xadapt.sources import Origin
from xadapt.sources.watched import FAULTS, Watched, fault
from xadapt.task import Dropped, Gather, Placed, Task
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.digest import ADDED
from xadapt.workflow.stage import Stage

BAD_SHARE = 0.01
"""Largest share of bad rows that a source may have."""


@dataclass(frozen=True, kw_only=True)
class Data(Stage):
    """Writes `examples.jsonl`; its record's notes say how many rows were read, kept and dropped, and why."""

    task: str | Declared
    task_version: int
    rows: tuple[Origin, ...]
    limit: int | None = None
    """Keep this many rows, chosen by a fixed shuffle, so that smaller limits are subsets of larger ones.

    Of a search this many queries, and every candidate.
    """
    scored: bool = field(default=False, metadata=ADDED)
    """Nothing trains on these: rows at fault for training alone are kept, and counted as `flawed`."""

    def title(self) -> str:
        return f"data {self.task}"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        """Raises DataError naming place, field and value of a bad row, or when there is no row at all."""
        what = task(self.task)
        counts = Counts()
        rows = sources.rows(self.rows, context.data, counts.others)
        found = _unique(_examples(what, rows, counts, self.scored), counts)
        if self.limit is not None:
            found = _subset(found, self.limit, counts.dropped)
        kept = examples.write(found, out / "examples.jsonl")
        dropped = dict(+counts.dropped)  # unary plus leaves out reasons that took no row
        if not kept:
            places = ", ".join(dict.fromkeys(_whole(each, context.data) for each in self.rows))
            why = "no usable row" if counts.read or counts.others else "empty"
            raise DataError(f"{places}: {why}" + (f" ({dropped})" if dropped else ""))
        counts.check([sources.place(each) for each in self.rows])
        notes = {"read": counts.read.total(), "kept": kept, "dropped": dropped}
        notes |= {"flawed": dict(counts.flawed)} if counts.flawed else {}
        notes |= {"others": counts.others.total()} if counts.others else {}
        # Only the name: the rest of the path says where, and a record may be shown to others.
        own = [Path(each.path).name for each in self.rows if isinstance(each, sources.Own)]
        return (
            notes | ({"renamed": counts.renamed} if counts.renamed else {}) | ({"from": own} if own else {})
        )


@dataclass(frozen=True, kw_only=True)
class Dev:
    """Development data on which weights are selected, by the main value of a metric."""

    data: Data
    metric: str


@dataclass
class Counts:
    """What became of the rows; read and bad ones by the number of their source."""

    read: Counter[int] = field(default_factory=Counter)
    bad: Counter[int] = field(default_factory=Counter)
    first: dict[int, str] = field(default_factory=dict)
    """Where the first bad row of a source stands, and what is wrong with it."""
    dropped: Counter[str] = field(default_factory=Counter)
    flawed: Counter[str] = field(default_factory=Counter)
    """Kept to be scored, by what forbids to train on them."""
    renamed: int = 0
    others: Counter[Origin] = field(default_factory=Counter)
    """Rows of the same files that are of another source: neither read nor dropped."""

    def drop(self, row: Placed, why: Dropped) -> None:
        self.dropped[str(why)] += 1
        if why.bad:
            self.bad[row.source] += 1
            self.first.setdefault(row.source, f"{row.place}: {why}")

    def check(self, places: Sequence[str]) -> None:
        """Raises DataError when too many rows of one source were bad."""
        for number, place in enumerate(places):
            bad, read = self.bad[number], self.read[number]
            if bad > BAD_SHARE * read:
                share = f"{bad} of {read} rows are bad, more than {BAD_SHARE:.0%}"
                raise DataError(f"{place}: {share}; the first is {self.first[number]}")


def _whole(one: Origin, data: Path | None) -> str:
    """The place of an origin, a local one with its folder."""
    place = sources.place(one)
    return str(data / place) if data is not None and isinstance(one, sources.Folder) else place


def _examples(what: Task, rows: Iterable[Placed], counts: Counts, scored: bool) -> Iterator[Example]:
    if what.gather is not None:
        yield from _gathered(what.gather, rows, counts)
        return
    assert what.read is not None, "a task has one of both"
    for number, row in enumerate(rows):
        counts.read[row.source] += 1
        try:
            example = what.read(row.row, str(number))
        except Dropped as why:
            if scored and why.example is not None:
                counts.flawed[str(why)] += 1
                yield why.example
            else:
                counts.drop(row, why)
            continue
        except FAULTS as error:
            said = fault(what.read, row.row, str(number), error)
            raise DataError(f"{row.place}: {said}") from error
        if example is None:
            counts.dropped["no label"] += 1
        else:
            yield example


def _gathered(gather: Gather, rows: Iterable[Placed], counts: Counts) -> Iterator[Example]:
    """An error names the row that was read last."""
    place, row = "", Watched()

    def watched() -> Iterator[Placed]:
        nonlocal place, row
        for each in rows:
            counts.read[each.source] += 1
            place, row = each.place, Watched(each.row)
            yield each._replace(row=row)

    try:
        yield from gather(watched(), counts.drop)
    except FAULTS as error:
        raise DataError(f"{place}: {row.fault(error)}") from error


def _unique(found: Iterable[Example], counts: Counts) -> Iterator[Example]:
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
            counts.renamed += 1
            example = changed(example, id=name)
        yield example


def _subset(found: Iterable[Example], limit: int, dropped: Counter[str]) -> Iterator[Example]:
    """The `limit` examples whose numbers hash lowest, in order, behind all candidates of a search.

    No more than these are held in memory.
    """
    kept: list[tuple[int, int, Example]] = []
    for number, example in enumerate(found):
        if not examples.asked([example]):
            yield example
            continue
        rank = int.from_bytes(hashlib.sha256(b"%d" % number).digest(), "big")
        heapq.heappush(kept, (-rank, number, example))
        if len(kept) > limit:
            heapq.heappop(kept)
            dropped["limit"] += 1
    yield from (example for _, _, example in sorted(kept, key=lambda each: each[1]))
