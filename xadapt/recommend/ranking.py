"""Scores of modules -> ranks, and the one ranking of several methods."""

from collections.abc import Mapping
from typing import TypeVar

M = TypeVar("M", bound=str)
Scores = Mapping[str, float]
"""Module -> what a method says of it; the higher the better."""
Groups = tuple[tuple[str, ...], ...]
"""Modules, best first; those between which nothing decides are in one group."""


def ranks(scores: Scores) -> dict[str, float]:
    """1 for the best; equal scores have the mean of their places."""
    return {
        name: 1 + sum(other > own for other in scores.values()) + (list(scores.values()).count(own) - 1) / 2
        for name, own in scores.items()
    }


def mean_ranks(methods: Mapping[M, Scores]) -> dict[str, float]:
    """The mean over methods of the rank of each module."""
    every = [ranks(scores) for scores in methods.values()]
    return {name: sum(each[name] for each in every) / len(every) for name in every[0]}


def ordered(scores: Scores, then: Scores | None = None) -> Groups:
    """Best first; equals together, but for those that `then` tells apart where it is given."""
    found: dict[tuple[float, float], list[str]] = {}
    for name, value in scores.items():
        found.setdefault((-value, -(then or {}).get(name, 0.0)), []).append(name)
    return tuple(tuple(found[place]) for place in sorted(found))


def combined(methods: Mapping[M, Scores], decides: M) -> Groups:
    """By the mean of ranks; between equals the method `decides`, where it is there."""
    means = mean_ranks(methods)
    return ordered({name: -value for name, value in means.items()}, methods.get(decides))
