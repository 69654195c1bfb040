"""Bootstrap intervals over test items: of a score, and of the difference of two systems on the same items.

A resample draws each language's items with replacement (Efron & Tibshirani 1993); both systems see the
same draw, languages are averaged after scoring, and several runs (seeds) of a system are averaged too.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
Scores = Callable[[np.ndarray], dict[str, np.ndarray]]
Runs = Sequence[Mapping[str, np.ndarray]]
"""Per run (seed), language -> rows of sums [items, k]."""


def _means(runs: Runs, scores: Scores, seed: int) -> np.ndarray:
    """[1 + RESAMPLES]: the mean score as measured, then of each resample."""
    total = np.zeros(1 + RESAMPLES)
    for rows_by_language in runs:
        for language, rows in sorted(rows_by_language.items()):
            # The draw depends on the language and its number of items alone, so that systems are paired.
            random = np.random.default_rng([seed, len(rows), *language.encode()])
            counts = random.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES)
            sums = np.concatenate([rows.sum(0)[None], counts @ rows])
            total += next(iter(scores(sums).values()))
    return total / sum(map(len, runs))


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(values[1:], [tail, 100 - tail])
    return float(values[0]), float(low), float(high)


def interval(runs: Runs, scores: Scores, seed: int = 0) -> tuple[float, float, float]:
    """(mean, low, high) in percent of the main score, over languages and runs."""
    return _interval(_means(runs, scores, seed))


def difference(first: Runs, second: Runs, scores: Scores, seed: int = 0) -> tuple[float, float, float]:
    """(mean, low, high) of first minus second. Raises ValueError when their languages or items differ."""
    sizes = [{language: len(rows) for language, rows in run.items()} for run in (*first, *second)]
    if any(size != sizes[0] for size in sizes):
        raise ValueError("the systems were scored on other items")
    return _interval(_means(first, scores, seed) - _means(second, scores, seed))
