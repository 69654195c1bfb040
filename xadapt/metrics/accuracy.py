"""Accuracy: the share of items whose prediction equals the label (XTREME `evaluate.accuracy`).

For retrieval the label is the index of the right line, so this is also accuracy at 1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(right, 1) per item; raises ValueError when the lengths differ."""
    return [(float(g == p), 1.0) for g, p in zip(gold, predicted, strict=True)]


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    return {"accuracy": 100 * sums[..., 0] / sums[..., 1]}
