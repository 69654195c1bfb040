"""The means and differences of a report as plain data, for other programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from xadapt.report.difference import Interval
from xadapt.report.table import BASELINE, Result, Row, Table


def summary(found: Sequence[Result]) -> list[dict[str, Any]]:
    """One entry per composition, recipe and task that has any number."""
    table = Table.of(found)
    return list(_entries(table))


def _entries(table: Table) -> Iterator[dict[str, Any]]:
    for row in table.rows:
        for task in table.tasks:
            every, zero_shot = table.cell(row, task), table.cell(row, task, "zero-shot")
            if every.value is not None:
                yield {
                    "composition": row[0],
                    "recipe": row[1],
                    "task": task,
                    "mean": every.value,
                    "zero_shot": zero_shot.value,
                    "cells": every.over,
                    "cells_asked": every.of,
                    "over_alone": _interval(_against(table, row, ("alone", row[1]), task)),
                    "over_baseline": _interval(_against(table, row, BASELINE, task)),
                }


def _against(table: Table, row: Row, other: Row, task: str) -> Interval | None:
    """Zero-shot; None of a row against itself, and of a baseline against anything."""
    return None if row in (other, BASELINE) else table.against(row, other, task)


def _interval(found: Interval | None) -> dict[str, float] | None:
    return None if found is None else dict(zip(("value", "low", "high"), found, strict=True))
