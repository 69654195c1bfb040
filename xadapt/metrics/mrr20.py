"""Mean reciprocal rank of the right candidate among the first 20 (XTREME-R's Mewsli-X, `evaluate_mewslix`).

With one right candidate this is also mAP@20, as which the official script prints it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

CUT = 20


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(1 / place of the first right candidate, 1) per query; 0 where none is among the first 20."""
    return [(_reciprocal_rank(right, mine), 1.0) for right, mine in zip(gold, predicted, strict=True)]


def _reciprocal_rank(right: Sequence[str], mine: Sequence[str] | None) -> float:
    places = (place for place, name in enumerate((mine or ())[:CUT], 1) if name in right)
    return 1 / next(places, np.inf)


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    return {"mrr@20": 100 * sums[..., 0] / sums[..., 1]}
