"""The means and differences of a report as plain data, for other programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from xadapt.benchmarks import Average
from xadapt.report.difference import Interval
from xadapt.report.standing import Board, Standing
from xadapt.report.statistics import Gain, Gains, gains
from xadapt.report.table import Result, Row, Table


def summary(found: Sequence[Result]) -> list[dict[str, Any]]:
    """One entry per composition, recipe and task that has any number."""
    table = Table.of(found)
    return list(_entries(table, gains(table, "zero-shot"), gains(table, "en")))


def benchmark(board: Board) -> dict[str, Any]:
    """The averages of every row on the benchmark, and published rows where they may be compared."""
    published = [
        {"name": each.name, "values": dict(each.values), "as": board.benchmark.published_as}
        for each in board.published
    ]
    rows = [_standing(each) for each in board.standings]
    return {
        "name": board.title,
        "rule": board.benchmark.rule,
        "rows": rows,
        "published": published,
    }


def _standing(each: Standing) -> dict[str, Any]:
    found, gain = each.averages, each.gain
    return {
        **each.row._asdict(),
        "overall": _average(found.overall),
        "groups": {name: _average(average) for name, average in found.groups.items()},
        "tasks": {name: _average(average) for name, average in found.tasks.items()},
        "over_alone": gain and {**_interval(gain.interval), "scores": gain.over, "scores_asked": gain.of},
        "limited": sorted(each.limited),
        "as_published": each.comparable,
    }


def _average(found: Average) -> dict[str, Any]:
    lacking = {} if found.value is not None else {"status": found.status}
    return {"value": found.value, "scores": found.over, "scores_asked": found.of} | lacking


def _entries(table: Table, gained: Gains, in_english: Gains) -> Iterator[dict[str, Any]]:
    for row in table.rows:
        for task in table.tasks:
            every, zero_shot = table.cell(row, task), table.cell(row, task, "zero-shot")
            if every.value is not None:
                yield {
                    **row._asdict(),
                    "task": task,
                    "mean": every.value,
                    "mean_interval": every.interval and _interval(every.interval),
                    "zero_shot": zero_shot.value,
                    "zero_shot_interval": zero_shot.interval and _interval(zero_shot.interval),
                    "cells": every.over,
                    "cells_asked": every.of,
                    "over_alone": _over_alone(gained.get((row, task))),
                    "over_alone_english": _over_alone(in_english.get((row, task))),
                    "over_baseline": _against(table, row, table.baseline(task), task),
                    "baseline": table.baseline(task).composition,
                }


def _over_alone(found: Gain | None) -> dict[str, Any] | None:
    """`p_holm` is corrected for all gains zero-shot, or all in English."""
    if found is None:
        return None
    tested = {"p": found.p, "p_holm": found.adjusted, "significant": found.significant}
    seeds = {"by_seed": list(found.by_seed), "deviation": found.deviation}
    return _interval(found.interval) | tested | seeds


def _against(table: Table, row: Row, other: Row, task: str) -> dict[str, float] | None:
    """Zero-shot; None of a row against itself, and of a baseline against anything."""
    found = None if row.baseline or row == other else table.against(row, other, task)
    return found and _interval(found)


def _interval(found: Interval) -> dict[str, float]:
    return dict(zip(("value", "low", "high"), found, strict=True))
