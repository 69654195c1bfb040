"""Mean average precision of the first 20 candidates (XTREME-R's mAP@20 of LAReQA).

The precision at the place of each right candidate, added up and divided by the number of right candidates, or
by 20 when there are more. LAReQA's own script has no cut.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

CUT = 20


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(average precision, 1) per query; a candidate named twice counts where it stands first."""
    return [(_average_precision(right, mine), 1.0) for right, mine in zip(gold, predicted, strict=True)]


def _average_precision(right: Sequence[str], mine: Sequence[str] | None) -> float:
    found: set[str] = set()
    total = 0.0
    for place, name in enumerate((mine or ())[:CUT], 1):
        if name in right and name not in found:
            found.add(name)
            total += len(found) / place
    return total / max(1, min(len(right), CUT))


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    return {"map@20": 100 * sums[..., 0] / sums[..., 1]}
