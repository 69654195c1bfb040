"""The cheapest method that could explain a score, per task type: word forms alone, no encoder.

Each learns from the task's English training examples only. An accuracy means something when it beats
these, not when it beats chance.
"""

import math
import random
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xadapt.errors import ConfigError, DataError
from xadapt.examples import Choice, Classification, Pairing, Passage, Question, Tagging, asked

NAMES = {
    "classification": "overlap regression",
    "choice": "word overlap",
    "tagging": "English word list",
    "span": "random span",
    "retrieval": "shared words",
    "ranking": "shared rare words",
    "mining": "shared rare words",
}
_LEARNED = ("classification", "tagging")
STEPS, RATE = 400, 0.5
RARE = 50
"""Most candidates that may hold a word by which pairs are mined: others say little, and cost much."""


def predict(kind: str, train: Sequence[Any], test: Sequence[Any], seed: int) -> list[Any]:
    """One prediction per test example.

    Raises ConfigError for a task type without a baseline, DataError for one with nothing to learn from.
    """
    if kind not in _METHODS:
        raise ConfigError(f"task type {kind!r} has no baseline")
    if kind in _LEARNED and not train:
        raise DataError(f"the baseline {NAMES[kind]!r} needs training examples")
    return _METHODS[kind](train, test, random.Random(seed))


def words(text: str) -> list[str]:
    """Lower-case words; in scripts without spaces the characters."""
    found = re.findall(r"\w+", text.lower())
    return found if len(found) > 1 or len(text) < 8 else list(found[0] if found else text)


def _overlap(example: Classification) -> list[float]:
    """What two texts share, in words and in letter triples, and how long they are."""
    first, second = words(example.text), words(example.pair or "")
    a, b = set(first), set(second)
    x, y = (
        {"".join(t) for t in zip(s, s[1:], s[2:], strict=False)} for s in (example.text, example.pair or "")
    )
    same_order = sum(p == q for p, q in zip(first, second, strict=False))
    return [
        1.0,
        len(a & b) / max(1, len(a | b)),
        len(a & b) / max(1, len(b)),
        len(a & b) / max(1, len(a)),
        len(x & y) / max(1, len(x | y)),
        (len(first) - len(second)) / max(1, len(first) + len(second)),
        same_order / max(1, min(len(first), len(second))),
        float(len(a - b)),
        float(len(b - a)),
    ]


def _classification(
    train: Sequence[Classification], test: Sequence[Classification], rng: random.Random
) -> list[str]:
    """Multinomial logistic regression on overlap; at worst it learns the majority label."""
    labels = sorted({example.label for example in train})
    x = np.array([_overlap(example) for example in train])
    scale = np.maximum(np.abs(x).max(0), 1e-9)
    gold = np.eye(len(labels))[[labels.index(example.label) for example in train]]
    weights = np.zeros((x.shape[1], len(labels)))
    for _ in range(STEPS):
        weights -= RATE * (x / scale).T @ (_softmax(x / scale @ weights) - gold) / len(x)
    scores = np.array([_overlap(example) for example in test]) / scale @ weights
    return [labels[number] for number in scores.argmax(1)]


def _softmax(x: np.ndarray) -> np.ndarray:
    raised = np.exp(x - x.max(1, keepdims=True))
    shares: np.ndarray = raised / raised.sum(1, keepdims=True)
    return shares


def _choice(train: Sequence[Choice], test: Sequence[Choice], rng: random.Random) -> list[int]:
    """The choice of which most words stand in the context; ties are drawn."""
    answers = []
    for example in test:
        context = set(words(example.context))
        shares = [sum(w in context for w in words(c)) / max(1, len(words(c))) for c in example.choices]
        answers.append(rng.choice([n for n, share in enumerate(shares) if share == max(shares)]))
    return answers


def _tagging(train: Sequence[Tagging], test: Sequence[Tagging], rng: random.Random) -> list[list[str]]:
    """The tag that each word form has most often in English; an unknown form gets the commonest tag."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for example in train:
        for word, tag in zip(example.words, example.tags, strict=True):
            seen[word][tag] += 1
    best = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    common = sum(seen.values(), Counter()).most_common(1)[0][0]
    return [[best.get(word, common) for word in example.words] for example in test]


def _shape(text: str) -> str:
    return "number" if text[:1].isdigit() else "name" if text[:1] != text[:1].lower() else "other"


def _span(train: Sequence[Question], test: Sequence[Question], rng: random.Random) -> list[str]:
    """A random span: length and shape (number, capitalised, other) as training answers have them,
    made of words that the question does not contain where there are such.

    Where questions may have no answer, none: that is right for every one of those.
    """
    if not all(example.answers for example in train):
        return [""] * len(test)
    answered = [e.answers[0] for e in train if e.answers] or [""]
    sizes = [len(answer.split()) for answer in answered]
    shapes = [_shape(answer) for answer in answered]
    results = []
    for example in test:
        asked = set(words(example.question))
        tokens = [m.group().strip(".,;:!?") for m in re.finditer(r"\S+", example.context)]
        size = max(1, min(rng.choice(sizes), len(tokens)))
        shape = rng.choice(shapes)
        spans = [tokens[n : n + size] for n in range(max(1, len(tokens) - size + 1))]
        fresh = [s for s in spans if s and not asked.intersection(w.lower() for w in s)] or spans
        fitting = [s for s in fresh if s and _shape(s[0]) == shape] or fresh
        results.append(" ".join(rng.choice(fitting)))
    return results


def _retrieval(train: Sequence[Any], test: Sequence[Pairing], rng: random.Random) -> list[int]:
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


def _parts(text: str) -> list[str]:
    """Lower-case words, with numbers and Latin letters apart from what they stand in, as in Chinese."""
    return re.findall(r"[0-9]+|[a-z]+|[^\W0-9a-z]+", text.lower())


def _mining(train: Sequence[Any], test: Sequence[Passage], rng: random.Random) -> list[dict[str, Any] | None]:
    """For each query the candidate that shares the rarest words with it, and how rare these are together."""
    holders: dict[str, list[str]] = defaultdict(list)
    candidates = [example for example in test if example.side == "candidate"]
    for example in candidates:
        for word in set(_parts(example.text)):
            holders[word].append(example.id)
    found: list[dict[str, Any] | None] = []
    for query in asked(test):
        scores: dict[str, float] = defaultdict(float)
        for word in sorted(set(_parts(query.text))):
            if len(holders.get(word, ())) in range(1, RARE + 1):
                for name in holders[word]:
                    scores[name] += math.log(1 + len(candidates) / len(holders[word]))
        best = max(scores, key=scores.__getitem__, default=None)
        found.append(None if best is None else {"targets": [best], "score": scores[best]})
    return found


def _ranking(train: Sequence[Any], test: Sequence[Passage], rng: random.Random) -> list[list[str]]:
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


_METHODS: dict[str, Callable[[Any, Any, random.Random], list[Any]]] = {
    "classification": _classification,
    "choice": _choice,
    "tagging": _tagging,
    "span": _span,
    "retrieval": _retrieval,
    "ranking": _ranking,
    "mining": _mining,
}
