"""Accuracy and F1 of the positive class, and as the main value their mean (jiant's QQP, as in GLUE)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

POSITIVE = ("duplicate", "1")
"""The class that F1 is of: QQP's, or that of a task whose labels are 0 and 1."""


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(right, right and positive, predicted positive, positive, 1) per item; None predicts nothing."""
    return [_item(right, mine) for right, mine in zip(gold, predicted, strict=True)]


def _item(right: str, mine: str | None) -> tuple[float, ...]:
    is_right, positive, called = right == mine, right in POSITIVE, mine in POSITIVE
    return float(is_right), float(is_right and positive), float(called), float(positive), 1.0


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """In percent; F1 is 0 where nothing is positive."""
    right, both, called, positive, count = np.moveaxis(sums, -1, 0)
    accuracy = 100 * right / count
    f1 = 200 * both / np.maximum(called + positive, 1)
    return {"accuracy_f1": (accuracy + f1) / 2, "accuracy": accuracy, "f1": f1}
