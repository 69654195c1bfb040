"""Cheap methods that could explain a score, per task type: word forms alone, no encoder.

Each learns from the task's English training examples only. An accuracy means something when it beats
these, not when it beats chance.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from xadapt.baselines import learned, read, search
from xadapt.errors import ConfigError, DataError

NAMES = {
    "classification": "overlap regression",
    "choice": "word overlap",
    "tagging": "English word list",
    "span": "random span",
    "retrieval": "shared words",
    "ranking": "shared rare words",
    "mining": "shared rare words",
}
"""The method of each task type that is meant where none is named."""
_LEARNED = ("classification", "tagging")


def predict(kind: str, train: Sequence[Any], test: Sequence[Any], seed: int, method: str = "") -> list[Any]:
    """One prediction per test example, by a further method of the task type where one is named.

    Raises ConfigError for a task type without such a baseline, DataError for one with nothing to learn from.
    """
    found = FURTHER.get((kind, method)) if method else _METHODS.get(kind)
    if found is None:
        raise ConfigError(f"task type {kind!r} has no baseline {method}".rstrip())
    if (method or kind in _LEARNED) and not train:
        raise DataError(f"the baseline {method or NAMES[kind]!r} needs training examples")
    return found(train, test, random.Random(seed))


_METHODS: dict[str, Callable[[Any, Any, random.Random], list[Any]]] = {
    "classification": learned.overlap_regression,
    "choice": read.most_shared,
    "tagging": learned.word_list,
    "span": read.random_span,
    "retrieval": search.retrieval,
    "ranking": search.ranking,
    "mining": search.mining,
}
FURTHER: dict[tuple[str, str], Callable[[Any, Any, random.Random], list[Any]]] = {
    ("classification", "majority"): learned.majority,
    ("classification", "hypothesis-only"): learned.hypothesis_only,
    ("choice", "majority"): learned.majority,
    ("choice", "hypothesis-only"): learned.choices_alone,
    ("tagging", "majority"): learned.commonest_tag,
}
"""(task type, method) -> what it predicts; every one learns from training examples."""
