"""Bootstrap intervals over test items: of a score, and of the difference of two systems on the same items.

A resample draws items with replacement (Efron & Tibshirani 1993). Both systems see the same draw, and so do
all languages of a test set with as many items: in a parallel test set they are the same items, which would
count several times if they were drawn apart. Languages are averaged after scoring, runs (seeds) too.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
Scores = Callable[[np.ndarray], dict[str, np.ndarray]]
Runs = Sequence[Mapping[str, np.ndarray]]
"""Per run (seed), language -> rows of sums [items, k]."""


def resampled(rows: np.ndarray, scores: Scores, of: str = "", seed: int = 0) -> np.ndarray:
    """[1 + RESAMPLES]: the main score of one run in one language as measured, then of each resample.

    `of` names the test set, whatever the language: others are drawn apart.
    """
    # Of a hundred thousand sentences that are mined most add nothing.
    counted = rows.any(1)
    drawn = _draw(of, len(rows), seed)[:, counted].astype(np.float64) @ rows[counted]
    return next(iter(scores(np.concatenate([rows.sum(0)[None], drawn])).values()))


@lru_cache(maxsize=48)
def _draw(of: str, size: int, seed: int) -> np.ndarray:
    """[RESAMPLES, size]: how often each item is drawn; of set and size alone, so scores are paired."""
    random = np.random.default_rng([seed, size, *of.encode()])
    # Kept for some forty sets, so one byte an item: counts are Poisson of mean one, never near 255.
    return random.multinomial(size, np.full(size, 1 / size), RESAMPLES).astype(np.uint8)


def _means(runs: Runs, scores: Scores, seed: int) -> np.ndarray:
    total = np.zeros(1 + RESAMPLES)
    for rows_by_language in runs:
        for rows in rows_by_language.values():
            total += resampled(rows, scores, seed=seed)
    return total / sum(map(len, runs))


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """(as measured, low, high) of what `resampled` gives, or of means and differences of it."""
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(values[1:], [tail, 100 - tail])
    return float(values[0]), float(low), float(high)


def interval(runs: Runs, scores: Scores, seed: int = 0) -> tuple[float, float, float]:
    """(mean, low, high) in percent of the main score, over languages and runs."""
    return spread(_means(runs, scores, seed))


def difference(first: Runs, second: Runs, scores: Scores, seed: int = 0) -> tuple[float, float, float]:
    """(mean, low, high) of first minus second. Raises ValueError when their languages or items differ."""
    sizes = [{language: len(rows) for language, rows in run.items()} for run in (*first, *second)]
    if any(size != sizes[0] for size in sizes):
        raise ValueError("the systems were scored on other items")
    return spread(_means(first, scores, seed) - _means(second, scores, seed))
