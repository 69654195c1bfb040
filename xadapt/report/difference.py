"""Means and differences of rows of a report with their intervals, over the items that were scored."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xadapt.report.table import Result

Interval = tuple[float, float, float]
"""Value, and the ends of its 95 % interval."""


def difference(tasks: "Sequence[tuple[Sequence[Result], Sequence[Result]]]") -> Interval | None:
    """First minus second in the mean of tasks, each a mean over languages and seeds, paired over items.

    None for no task, and where the two were scored on other items.
    """
    drawn = differences(tasks)
    return None if drawn is None else spread(drawn)


def differences(tasks: "Sequence[tuple[Sequence[Result], Sequence[Result]]]") -> Any:
    """[1 + RESAMPLES] of that difference, as measured first; None like `difference`."""
    if not tasks or any(_sizes(first) != _sizes(second) for first, second in tasks):
        return None
    return sum(_mean(first) - _mean(second) for first, second in tasks) / len(tasks)


def mean_interval(tasks: "Sequence[Sequence[Result]]") -> Interval | None:
    """The mean of tasks, each a mean over languages and seeds; None for no task, or one without a result."""
    if not tasks or not all(tasks):
        return None
    return spread(sum(map(_mean, tasks)) / len(tasks))


def spread(drawn: Any) -> Interval:
    # numpy takes a while to import, which an empty report does without.
    from xadapt.metrics import interval

    return interval.spread(drawn)


def _sizes(found: "Sequence[Result]") -> dict[str, int]:
    return {result.cell.language: result.items for result in found}


def _mean(found: "Sequence[Result]") -> Any:
    return sum(map(_resampled, found)) / len(found)


def _resampled(result: "Result") -> Any:
    score = result.cell.score
    assert score is not None and result.folder is not None
    return _of_folder(result.folder, score.metric, result.cell.task)


@cache
def _of_folder(folder: Path, name: str, task: str) -> Any:
    """Kept: every row is compared with more than one other."""
    import numpy as np

    from xadapt.metrics import metric
    from xadapt.metrics.interval import resampled

    rows = np.array(json.loads((folder / "items.json").read_text(encoding="utf-8")), dtype=np.float64)
    return resampled(rows, metric(name).scores, task)
