"""What a choice among modules would have cost, against the gains that were measured.

Regret@k is the best gain of all less the best gain among the first k of a ranking, in points: k trainings of
the target are done, and the best of them is kept (as in Poth et al. 2021, there relative).
"""

from collections.abc import Mapping, Sequence
from math import comb


def regret(gains: Mapping[str, float], order: Sequence[str], k: int) -> float:
    """Of the first `k` of `order`, which ranks the modules of `gains`; in points, 0 or more."""
    return max(gains.values()) - max(gains[name] for name in order[:k])


def random_regret(gains: Mapping[str, float], k: int) -> float:
    """What is expected of `k` modules drawn without replacement, exact.

    The i-th smallest of n gains is the best of C(i - 1, k - 1) of the C(n, k) draws.
    """
    every = sorted(gains.values())
    k = min(k, len(every))
    ways = (comb(place, k - 1) * gain for place, gain in enumerate(every))
    return every[-1] - sum(ways) / comb(len(every), k)
