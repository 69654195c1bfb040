"""What is learned of labels: overlap, the second text or the choices alone, a word list, the commonest."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from xadapt.baselines.words import words
from xadapt.examples import Choice, Classification, Tagging

STEPS, RATE = 400, 0.5
WORDS, ROWS = 300, 3_000
"""Most words that one text alone is known by, and most training examples that they are weighed on."""


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


def overlap_regression(
    train: Sequence[Classification], test: Sequence[Classification], rng: random.Random
) -> list[str]:
    """Multinomial logistic regression on overlap; at worst it learns the majority label."""
    return _labelled(train, map(_overlap, train), map(_overlap, test))


def hypothesis_only(
    train: Sequence[Classification], test: Sequence[Classification], rng: random.Random
) -> list[str]:
    """The same regression on the second text alone; without one it learns the majority label."""
    few = _few(train, rng)
    known, unread = ([example.pair or "" for example in each] for each in (few, test))
    return _labelled(few, _alone(known, known), _alone(known, unread))


def _labelled(train: Sequence[Classification], x: Iterable[Any], asked_of: Iterable[Any]) -> list[str]:
    labels = sorted({example.label for example in train})
    scores = _regression(x, [labels.index(example.label) for example in train], asked_of)
    return [labels[number] for number in scores.argmax(1)]


def _regression(known: Iterable[Any], gold: Sequence[int], asked_of: Iterable[Any]) -> np.ndarray:
    """(asked, classes) scores by weights that fit the classes of what is known."""
    x = np.array(list(known))
    scale = np.maximum(np.abs(x).max(0), 1e-9)
    x /= scale
    right = np.eye(max(gold) + 1)[list(gold)]
    weights = np.zeros((x.shape[1], right.shape[1]))
    for _ in range(STEPS):
        weights -= RATE * x.T @ (_softmax(x @ weights) - right) / len(x)
    scores: np.ndarray = np.array(list(asked_of)) / scale @ weights
    return scores


def _softmax(x: np.ndarray) -> np.ndarray:
    raised = np.exp(x - x.max(1, keepdims=True))
    shares: np.ndarray = raised / raised.sum(1, keepdims=True)
    return shares


def choices_alone(train: Sequence[Choice], test: Sequence[Choice], rng: random.Random) -> list[int]:
    """The choice whose own words, without the context, look most like those of right ones; ties are drawn."""
    few = _few(train, rng)
    known = [choice for example in few for choice in example.choices]
    gold = [int(n == example.label) for example in few for n in range(len(example.choices))]
    unread = [choice for example in test for choice in example.choices]
    scores = _regression(_alone(known, known), gold, _alone(known, unread))
    margins = iter((scores[:, 1] - scores[:, 0]).tolist())
    answers = []
    for example in test:
        own = [next(margins) for _ in example.choices]
        answers.append(rng.choice([n for n, margin in enumerate(own) if margin == max(own)]))
    return answers


def _few(train: Sequence[Any], rng: random.Random) -> Sequence[Any]:
    return rng.sample(train, ROWS) if len(train) > ROWS else train


def _alone(known: Sequence[str], texts: Sequence[str]) -> list[list[float]]:
    """Which of the commonest words of the texts that are `known` each text has, and how long it is."""
    common = [word for word, _ in Counter(chain.from_iterable(map(words, known))).most_common(WORDS)]
    split = map(words, texts)
    return [[1.0, float(len(own)), *(float(word in own) for word in common)] for own in split]


def majority(train: Sequence[Any], test: Sequence[Any], rng: random.Random) -> list[Any]:
    """The commonest label, or place of the right choice, everywhere."""
    return [Counter(example.gold for example in train).most_common(1)[0][0]] * len(test)


def commonest_tag(train: Sequence[Tagging], test: Sequence[Tagging], rng: random.Random) -> list[list[str]]:
    tag = Counter(chain.from_iterable(example.tags for example in train)).most_common(1)[0][0]
    return [[tag] * len(example.words) for example in test]


def word_list(train: Sequence[Tagging], test: Sequence[Tagging], rng: random.Random) -> list[list[str]]:
    """The tag that each word form has most often in English; an unknown form gets the commonest tag."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for example in train:
        for word, tag in zip(example.words, example.tags, strict=True):
            seen[word][tag] += 1
    best = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    common = sum(seen.values(), Counter()).most_common(1)[0][0]
    return [[best.get(word, common) for word in example.words] for example in test]
