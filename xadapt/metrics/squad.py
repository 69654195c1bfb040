"""Exact match and F1 of answers: the SQuAD v1.1 script, which XTREME uses for XQuAD and TyDiQA.

The normalisation is English whatever the language (articles a, an, the; ASCII punctuation; words between
spaces, so a Thai or Chinese answer is one word), because the published numbers are made so. An item
scores the best over its gold answers. The main value is XTREME's: the mean of both.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and extra space - in this order."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, gold: str) -> float:
    return float(normalised(answer) == normalised(gold))


def f1(answer: str, gold: str) -> float:
    """F1 over the words of both. SQuAD v2.0 gives two empty answers 1, which `items` sees to."""
    return overlap(normalised(answer).split(), normalised(gold).split())


def overlap(mine: Sequence[str], right: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over words, repeated words counted; 0 when either is empty."""
    same = sum((Counter(mine) & Counter(right)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(mine), same / len(right)
    return 2 * precision * recall / (precision + recall)


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(exact match, F1, 1) per question; a prediction of None scores 0.

    A question without gold answers is unanswerable (SQuAD v2.0): an empty answer scores 1, any other 0.
    """
    return [_item(answers, mine) for answers, mine in zip(gold, predicted, strict=True)]


def _item(answers: Sequence[str], mine: str | None) -> tuple[float, float, float]:
    if mine is None:
        return 0.0, 0.0, 1.0
    if not answers:
        right = float(not normalised(mine))
        return right, right, 1.0
    return max(exact_match(mine, a) for a in answers), max(f1(mine, a) for a in answers), 1.0


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    exact, overlap = (100 * sums[..., column] / sums[..., 2] for column in (0, 1))
    return {"em_f1": (exact + overlap) / 2, "exact_match": exact, "f1": overlap}
