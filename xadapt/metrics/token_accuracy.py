"""Token accuracy: the share of words whose tag is right, over all sentences together (jiant's CCG)."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(right words, words) per sentence; None predicts nothing.

    Raises ValueError when a sentence has more or fewer predictions than words.
    """
    return [_item(right, mine) for right, mine in zip(gold, predicted, strict=True)]


def _item(right: Sequence[str], mine: Sequence[str] | None) -> tuple[float, ...]:
    same = 0 if mine is None else sum(a == b for a, b in zip(right, mine, strict=True))
    return float(same), float(len(right))


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    return {"token_accuracy": 100 * sums[..., 0] / np.maximum(sums[..., 1], 1)}
