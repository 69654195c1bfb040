"""Exact match and F1 where a question may have no answer: the SQuAD v2.0 script (Rajpurkar et al. 2018).

The normalisation is that of v1.1. A gold answer of which it leaves nothing does not count; a question without
one is answered by nothing. The main value is the mean of both, as for v1.1. The threshold that decides
between an answer and none is 0: the script's `best_exact` and `best_f1` choose it on the scored data.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xadapt.metrics import squad


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(exact match, F1, 1, exact match where there is an answer, F1 there, 1 there) per question.

    A prediction of None scores 0.
    """
    return [_item(answers, mine) for answers, mine in zip(gold, predicted, strict=True)]


def _item(answers: Sequence[str], mine: str | None) -> tuple[float, ...]:
    real = [answer for answer in answers if squad.normalised(answer)]
    exact, overlap = (0.0, 0.0) if mine is None else _best(real, mine)
    there = float(bool(real))
    return exact, overlap, 1.0, exact * there, overlap * there, there


def _best(answers: Sequence[str], mine: str) -> tuple[float, float]:
    if not answers:
        nothing = float(not squad.normalised(mine))
        return nothing, nothing
    return max(squad.exact_match(mine, a) for a in answers), max(squad.f1(mine, a) for a in answers)


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Beside both over all questions, both over those with an answer, and accuracy over those without."""
    exact, overlap, count, exact_there, overlap_there, there = np.moveaxis(sums, -1, 0)
    em, f1 = 100 * exact / count, 100 * overlap / count
    return {
        "em_f1": (em + f1) / 2,
        "exact_match": em,
        "f1": f1,
        "answered_exact_match": _percent(exact_there, there),
        "answered_f1": _percent(overlap_there, there),
        "unanswerable_accuracy": _percent(exact - exact_there, count - there),
    }


def _percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    percent: np.ndarray = 100 * part / np.maximum(whole, 1)
    return percent
