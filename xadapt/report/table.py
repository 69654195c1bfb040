"""The cells of an experiment with what the store knows of each, and means over them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from xadapt.experiment import Cell
from xadapt.workflow.store import Store

Status = Literal["ok", "limited", "collapsed", "missing", "failed", "undefined"]
COUNTED = ("ok", "limited")
"""Only these enter a mean; a mean over fewer languages than asked for is marked."""


@dataclass(frozen=True)
class Result:
    """One cell; `folder` holds the score."""

    cell: Cell
    status: Status
    value: float | None
    metric: str
    folder: Path | None
    why: str = ""

    @property
    def digest(self) -> str:
        return self.cell.score.digest if self.cell.score else ""

    def as_json(self) -> dict[str, Any]:
        cell = self.cell
        return {
            "task": cell.task,
            "language": cell.language,
            "composition": cell.composition,
            "method": cell.method,
            "seed": cell.seed,
            "metric": self.metric,
            "value": self.value,
            "digest": self.digest,
            "status": self.status,
            "why": self.why,
        }


def results(cells: Iterable[Cell], store: Store) -> list[Result]:
    """Read each cell's score. Raises IntegrityError when a score's files were changed."""
    return [_result(cell, store) for cell in cells]


def _result(cell: Cell, store: Store) -> Result:
    if cell.score is None:
        return Result(cell, "undefined", None, "", None, cell.why)
    if cell.score not in store:
        failure = _failure(cell, store)
        return Result(cell, "failed" if failure else "missing", None, cell.score.metric, None, failure)
    folder = store.path(cell.score)
    facts = json.loads((folder / "score.json").read_text(encoding="utf-8"))
    status: Status = "collapsed" if facts["collapsed"] else "limited" if cell.limited else "ok"
    return Result(cell, status, facts["value"], facts["metric"], folder)


def _failure(cell: Cell, store: Store) -> str:
    """Why this score, or the first stage below it that failed, has no result."""
    waiting: list[Any] = [cell.score]
    while waiting:
        stage = waiting.pop()
        if found := store.failure(stage.digest):
            return str(found["error"])
        waiting.extend(needed for needed in stage.inputs.values() if needed not in store)
    return ""


@dataclass(frozen=True)
class Mean:
    """A row's mean for one task over languages and seeds; `of` asked for, `over` there."""

    value: float | None
    over: int
    of: int
    status: str
    """`ok`, or the worst status of its cells."""
    cells: tuple[Result, ...]

    def text(self) -> str:
        if self.status == "undefined":
            return "n/a"
        if self.value is None:
            return self.status
        mark = "" if self.over == self.of else f" ({self.over}/{self.of})"
        return f"{self.value:.1f}{mark}" + ("*" if self.status in ("limited", "collapsed") else "")


WORST = ("failed", "missing", "collapsed", "undefined", "limited", "ok")


def mean(found: Sequence[Result]) -> Mean:
    """The plain mean over languages and seeds, English included where the task has it."""
    counted = [r.value for r in found if r.status in COUNTED and r.value is not None]
    status = (
        next(status for status in WORST if any(r.status == status for r in found)) if found else "undefined"
    )
    value = sum(counted) / len(counted) if counted else None
    return Mean(value, len(counted), len(found), status, tuple(found))


@dataclass(frozen=True)
class Table:
    """Rows are (composition, method), columns are tasks."""

    rows: tuple[tuple[str, str], ...]
    tasks: tuple[str, ...]
    results: tuple[Result, ...]

    @classmethod
    def of(cls, found: Sequence[Result]) -> "Table":
        rows = dict.fromkeys((r.cell.composition, r.cell.method) for r in found)
        return cls(tuple(rows), tuple(dict.fromkeys(r.cell.task for r in found)), tuple(found))

    def cell(self, row: tuple[str, str], task: str, zero_shot: bool = False) -> Mean:
        """The mean of one row and task; `zero_shot` leaves English out."""
        return mean(
            [
                r
                for r in self.results
                if (r.cell.composition, r.cell.method) == row
                and r.cell.task == task
                and not (zero_shot and r.cell.language == "en")
            ]
        )

    def against(
        self, row: tuple[str, str], other: tuple[str, str], task: str
    ) -> tuple[float, float, float] | None:
        """Zero-shot difference of two rows with its 95 % interval, paired over test items; None when
        either is not complete."""
        first, second = (self.cell(each, task, zero_shot=True) for each in (row, other))
        if first.over != first.of or second.over != second.of or not first.over:
            return None
        from xadapt.metrics import metric
        from xadapt.metrics.interval import difference

        score = first.cells[0].cell.score
        assert score is not None
        return difference(_runs(first), _runs(second), metric(score.metric).scores)


def _runs(found: Mean) -> list[dict[str, Any]]:
    """Per seed, language -> rows of sums."""
    runs: dict[int, dict[str, Any]] = {}
    for result in found.cells:
        assert result.folder is not None
        runs.setdefault(result.cell.seed, {})[result.cell.language] = _items(result.folder)
    return list(runs.values())


@cache
def _items(folder: Path) -> Any:
    import numpy as np

    return np.array(json.loads((folder / "items.json").read_text(encoding="utf-8")), dtype=np.float64)
