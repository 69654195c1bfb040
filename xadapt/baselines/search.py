"""What is found by shared rare words: a translation in order, in a pool, or the best of a ranking."""

import math
import random
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from xadapt.baselines.words import parts, words
from xadapt.examples import Pairing, Passage, asked

RARE = 50
"""Most candidates that may hold a word by which pairs are mined: others say little, and cost much."""


def retrieval(train: Sequence[Any], test: Sequence[Pairing], rng: random.Random) -> list[int]:
    """For each English sentence the foreign one that shares the rarest words."""
    holders: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(test):
        for word in set(words(example.source)):
            holders[word].append(number)
    answers = []
    for example in test:
        scores: Counter[int] = Counter()
        # Sorted: the order of a set differs between processes, and with it the last digit of a sum.
        for word in sorted(set(words(example.target)) & holders.keys()):
            for number in holders[word]:
                scores[number] += math.log(1 + len(test) / len(holders[word]))  # type: ignore[assignment]
        top = max(scores.values(), default=0)
        best = sorted(number for number, score in scores.items() if score == top)
        answers.append(rng.choice(best) if best else rng.randrange(len(test)))
    return answers


def mining(train: Sequence[Any], test: Sequence[Passage], rng: random.Random) -> list[dict[str, Any] | None]:
    """For each query the candidate that shares the rarest words with it, and how rare these are together."""
    holders: dict[str, list[str]] = defaultdict(list)
    candidates = [example for example in test if example.side == "candidate"]
    for example in candidates:
        for word in set(parts(example.text)):
            holders[word].append(example.id)
    found: list[dict[str, Any] | None] = []
    for query in asked(test):
        scores: dict[str, float] = defaultdict(float)
        for word in sorted(set(parts(query.text))):
            if len(holders.get(word, ())) in range(1, RARE + 1):
                for name in holders[word]:
                    scores[name] += math.log(1 + len(candidates) / len(holders[word]))
        best = max(scores, key=scores.__getitem__, default=None)
        found.append(None if best is None else {"targets": [best], "score": scores[best]})
    return found


def ranking(train: Sequence[Any], test: Sequence[Passage], rng: random.Random) -> list[list[str]]:
    """For each query the 20 candidates that share the rarest words with it, by BM25; ties are drawn.

    k1 = 1.2 and b = 0.75 (Robertson and Zaragoza 2009); how often a query has a word does not count.
    """
    pool = [example for example in test if example.side == "candidate"]
    holders: dict[str, tuple[array[int], array[int]]] = defaultdict(lambda: (array("i"), array("i")))
    sizes = np.zeros(len(pool))
    for number, example in enumerate(pool):
        found = Counter(words(example.text))
        sizes[number] = found.total()
        for word, times in found.items():
            holders[word][0].append(number)
            holders[word][1].append(times)
    damp = 1.2 * (0.25 + 0.75 * sizes / max(1.0, sizes.mean()))
    answers = []
    for example in asked(test):
        scores = np.zeros(len(pool))
        for word in sorted(set(words(example.text)) & holders.keys()):
            at, often = map(np.array, holders[word])
            rare = math.log(1 + (len(pool) - len(at) + 0.5) / (len(at) + 0.5))
            scores[at] += rare * often * 2.2 / (often + damp[at])
        answers.append([pool[number].id for number in _first(scores, rng)])
    return answers


def _first(scores: np.ndarray, rng: random.Random, best: int = 20) -> list[int]:
    """The places of the `best` highest scores; equal ones in an order that is drawn."""
    least = np.partition(scores, -best)[-best] if len(scores) > best else 0.0
    near = np.flatnonzero(scores >= least).tolist()
    return sorted(rng.sample(near, len(near)), key=lambda place: -scores[place])[:best]
