"""One module per metric, each equal to the official scorer; nothing here imports anything else of ours.

Each has `items`, which gives one row of sums per test item, and `scores`, which turns added rows into
numbers in percent, the main one first. A score over any resample of the items is then a sum away.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol, cast

import numpy as np

Rows = list[tuple[float, ...]]
"""One row of sums per test item."""


class Metric(Protocol):
    """What each metric module offers."""

    def items(self, gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> Rows:
        """One row per item, in order; a prediction of None scores nothing."""

    def scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Rows added up, [..., k] -> name -> percent, [...]; the first name is the main one."""


class Tuned(Metric, Protocol):
    """A metric that counts predictions from a threshold on, which is set on other data than the scored."""

    def threshold(self, gold: Sequence[Any], predicted: Sequence[Any]) -> float:
        """The best threshold on these data."""

    def above(self, predicted: Sequence[Any], limit: float) -> list[Any]:
        """The predictions that count; None in place of the others."""


@cache
def metrics() -> tuple[str, ...]:
    """The names of all metrics, sorted."""
    names = (module.name for module in iter_modules(__path__))
    return tuple(sorted(name for name in names if name != "interval"))


def metric(name: str) -> Metric:
    """The module of this name; raises KeyError with the known ones."""
    if name not in metrics():
        raise KeyError(f"no metric {name!r}; known are {', '.join(metrics())}")
    return cast(Metric, import_module(f"{__name__}.{name}"))


def tuned(name: str) -> Tuned | None:
    """The module of this name where it has a threshold."""
    found = metric(name)
    return cast(Tuned, found) if hasattr(found, "threshold") else None


def summary(name: str, rows: Sequence[Sequence[float]]) -> dict[str, float]:
    """The scores of all rows together; raises ValueError when there are none."""
    if not rows:
        raise ValueError("no items to score")
    sums = np.asarray(rows, dtype=np.float64).sum(0)
    return {key: float(value) for key, value in metric(name).scores(sums).items()}


COUNTS_RIGHT = ("accuracy", "accuracy_f1", "token_accuracy")
"""Metrics for which one and the same answer everywhere has a score worth a comparison."""


def at_chance(name: str, gold: Sequence[Any], rows: Sequence[Sequence[float]]) -> bool:
    """Whether the 95 % interval of a score reaches what the most frequent answer, given everywhere, scores.

    Of tags that is the most frequent tag. `rows` are those of `items`; false for metrics of another kind.
    """
    if name not in COUNTS_RIGHT:
        return False
    from xadapt.metrics.interval import resampled, spread

    found = metric(name)
    constant = summary(name, found.items(gold, _constant(gold)))
    low = spread(resampled(np.asarray(rows, dtype=np.float64), found.scores))[1]
    return low <= next(iter(constant.values()))


def _constant(gold: Sequence[Any]) -> list[Any]:
    """The most frequent answer everywhere; of equally frequent ones the first."""
    if all(isinstance(each, tuple) for each in gold):
        (tag, _), *_ = Counter(tag for each in gold for tag in each).most_common(1)
        return [(tag,) * len(each) for each in gold]
    (answer, _), *_ = Counter(gold).most_common(1)
    return [answer] * len(gold)
