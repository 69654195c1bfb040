"""F1 over mined pairs of sentences: the BUCC 2018 shared task (Zweigenbaum et al. 2018), as XTREME scores it.

A prediction is what was mined for one source sentence, `{"targets": [ids], "score": number}`, or None. Pairs
count from a threshold on: the one with the best F1 on other pairs whose translations are known (LASER's
`bucc.py`), half way between its last pair and the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

Mined = Mapping[str, Any] | None


def threshold(gold: Sequence[Sequence[str]], predicted: Sequence[Mined]) -> float:
    """The score from which pairs are to be kept: where F1 is best, and of equal ones the highest.

    Pairs of one score stand or fall together. After the last pair there is no next, so its own score is the
    threshold; where no pair is right nothing tells one, and 0 keeps all.
    """
    cuts = list(_cuts(gold, predicted))
    best = max((f1 for _, f1 in cuts), default=0.0)
    if best == 0:
        return 0.0
    place = next(index for index, (_, f1) in enumerate(cuts) if f1 == best)
    here = cuts[place][0]
    following = cuts[place + 1][0] if place + 1 < len(cuts) else here
    return (here + following) / 2


def _cuts(gold: Sequence[Sequence[str]], predicted: Sequence[Mined]) -> Iterator[tuple[float, float]]:
    """(score, F1 of all pairs that score as much or more), from the highest score down."""
    there = sum(map(len, gold))
    mined = [
        (each["score"], *_counts(right, each)) for right, each in zip(gold, predicted, strict=True) if each
    ]
    right = made = 0
    for score, group in groupby(sorted(mined, reverse=True), key=lambda each: each[0]):
        for _, same, targets in group:
            right, made = right + same, made + targets
        yield score, 2 * right / (made + there)


def above(predicted: Sequence[Mined], limit: float) -> list[Mined]:
    """The predictions with those below the threshold taken back."""
    return [each if each and each["score"] >= limit else None for each in predicted]


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(right pairs, mined pairs, gold pairs) per source sentence; most have none of these."""
    return [(*_counts(right, mine), len(right)) for right, mine in zip(gold, predicted, strict=True)]


def _counts(right: Sequence[str], mine: Mined) -> tuple[int, int]:
    """(right pairs, mined pairs)"""
    return (len(set(right) & set(mine["targets"])), len(mine["targets"])) if mine else (0, 0)


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """F1, precision and recall over pairs; 0 where there are none."""
    right, mine, gold = np.moveaxis(sums, -1, 0)
    return {
        "f1": _percent(2 * right, mine + gold),
        "precision": _percent(right, mine),
        "recall": _percent(right, gold),
    }


def _percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    percent: np.ndarray = 100 * part / np.maximum(whole, 1)
    return percent
