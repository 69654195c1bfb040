"""How each row of a report stands on a benchmark, and which published rows may stand beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xadapt.benchmarks import (
    BENCHMARKS,
    Average,
    Averages,
    Benchmark,
    Lacking,
    Published,
    Scores,
    averages,
    worst,
)
from xadapt.experiment import Experiment
from xadapt.report.difference import Interval, difference
from xadapt.report.table import COUNTED, Result, Row, Status, Table
from xadapt.tasks import task

_LACKING: dict[Status, Lacking] = {
    "failed": "failed",
    "collapsed": "collapsed",
    "missing": "missing",
    "undefined": "n/a",
}


@dataclass(frozen=True)
class Gain:
    """Of one row over `alone`, in the mean of the tasks on which both have the same scores."""

    interval: Interval
    over: int
    of: int
    """Scores that entered it, and all of the benchmark."""


@dataclass(frozen=True)
class Standing:
    """One row on the benchmark."""

    row: Row
    averages: Averages
    gain: Gain | None
    limited: frozenset[str]
    """Tasks some of whose rows were left out."""
    comparable: dict[str, float]
    """task -> its mean as the published rows count it, for tasks with every score of a comparable system."""


@dataclass(frozen=True)
class Board:
    """A benchmark with the standing of every row."""

    benchmark: Benchmark
    title: str
    tasks: tuple[str, ...]
    """Those of its tasks that the experiment has."""
    standings: tuple[Standing, ...]
    """Of the rows that have any score, or lack all because they failed or collapsed."""

    @property
    def published(self) -> tuple[Published, ...]:
        """Rows of others, where any number here may be compared with them."""
        return self.benchmark.published if any(each.comparable for each in self.standings) else ()


def board(asked: Experiment, found: Sequence[Result]) -> Board | None:
    """The standings on the benchmark of the experiment; None when it has no task of that."""
    benchmark, table = BENCHMARKS[asked.target.benchmark], Table.of(found)
    own = tuple(name for name in benchmark.tasks if name in table.tasks)
    if not own:
        return None
    languages = {name: len(asked.known(task(name))) for name in benchmark.tasks}
    compared = _as_the_published(asked, benchmark)
    seeds = len(asked.seeds)
    made = (_standing(row, table, languages, seeds, benchmark, compared) for row in table.rows)
    there = tuple(each for each in made if _stands(each.averages.overall))
    toy = " in the toy world" if asked.data.world == "toyworld" else ""
    return Board(benchmark, benchmark.title + toy, own, there)


def _as_the_published(asked: Experiment, benchmark: Benchmark) -> bool:
    """Whether the encoder is that of the published rows, and the data are theirs, every row of them."""
    data = asked.data
    whole = not any(each.train_rows or each.test_rows for each in (data, *data.task.values()))
    own = asked.encoder is None and asked.model.on_hub and data.world == "hub"
    return own and whole and asked.model.name == benchmark.published_model


def _standing(
    row: Row, table: Table, languages: dict[str, int], seeds: int, benchmark: Benchmark, compared: bool
) -> Standing:
    counted = {name: _counted(table, row, name) for name in benchmark.tasks}
    runs = 1 if row.baseline else seeds
    scores = {
        name: Scores([_value(r) for r in cells], runs * languages[name], _lacking(table, row, name))
        for name, cells in counted.items()
    }
    made = averages(benchmark, scores)
    limited = frozenset(name for name, cells in counted.items() if any(r.status == "limited" for r in cells))
    complete = {name: cells for name, cells in counted.items() if len(cells) == scores[name].of}
    comparable = {
        name: sum(map(_as_published, cells)) / len(cells)
        for name, cells in complete.items()
        if compared and not row.baseline and row.selection != "oracle"
    }
    return Standing(row, made, _gain(table, row, counted, made.overall.of), limited, comparable)


def _counted(table: Table, row: Row, name: str) -> list[Result]:
    cells = table.places.get((row, name), [])
    return [r for r in cells if r.status in COUNTED and r.value is not None]


def _lacking(table: Table, row: Row, name: str) -> Lacking:
    """Why cells of a row do not count."""
    cells = table.places.get((row, name), [])
    return worst(_LACKING[r.status] for r in cells if r.status not in COUNTED)


def _stands(overall: Average) -> bool:
    return overall.value is not None or overall.status in ("failed", "collapsed")


def _value(result: Result) -> float:
    assert result.value is not None, "counted cells have one"
    return result.value


def _as_published(result: Result) -> float:
    """Published rows count F1 alone where our main value is the mean of exact match and F1."""
    return result.metrics["f1"] if "exact_match" in result.metrics else _value(result)


def _gain(table: Table, row: Row, counted: dict[str, list[Result]], of: int) -> Gain | None:
    if row.baseline or row == row.alone:
        return None
    pairs = [(cells, _counted(table, row.alone, name)) for name, cells in counted.items()]
    shared = [(mine, theirs) for mine, theirs in pairs if mine and _places(mine) == _places(theirs)]
    interval = difference(shared)
    return None if interval is None else Gain(interval, sum(len(mine) for mine, _ in shared), of)


def _places(found: Sequence[Result]) -> set[tuple[Any, ...]]:
    return {(r.cell.language, r.cell.seed) for r in found}
