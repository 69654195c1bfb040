"""What a choice among modules would have cost, against the gains that were measured.

Regret@k is the best gain of all less the best gain among the first k of a ranking, in points: k trainings of
the target are done, and the best of them is kept (as in Poth et al. 2021, there relative). Between equals
chance decides, so that no order of a file does: what is said then is expected, and exact.
"""

from collections.abc import Mapping
from math import comb

from xadapt.recommend.ranking import Groups


def regret(gains: Mapping[str, float], order: Groups, k: int) -> float:
    """Of the first `k` of `order`, which ranks the modules of `gains`; in points, 0 or more."""
    best = -float("inf")
    for group in order:
        own = [gains[name] for name in group]
        if k <= len(own):
            return max(gains.values()) - _best_of(k, [max(best, gain) for gain in own])
        best, k = max(best, *own), k - len(own)
    return max(gains.values()) - best


def random_regret(gains: Mapping[str, float], k: int) -> float:
    """What is expected of `k` modules drawn without replacement."""
    return regret(gains, (tuple(gains),), k)


def _best_of(k: int, values: list[float]) -> float:
    """The expected highest of `k` that are drawn without replacement.

    The i-th smallest of n is the highest of C(i - 1, k - 1) of the C(n, k) draws.
    """
    ways = (comb(place, k - 1) * value for place, value in enumerate(sorted(values)))
    return sum(ways) / comb(len(values), k)
