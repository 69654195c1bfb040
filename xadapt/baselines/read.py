"""What is read off the test example itself: the choice of most shared words, a random span."""

import random
import re
from collections.abc import Sequence

from xadapt.baselines.words import words
from xadapt.examples import Choice, Question


def most_shared(train: Sequence[Choice], test: Sequence[Choice], rng: random.Random) -> list[int]:
    """The choice of which most words stand in the context; ties are drawn."""
    answers = []
    for example in test:
        context = set(words(example.context))
        shares = [sum(w in context for w in words(c)) / max(1, len(words(c))) for c in example.choices]
        answers.append(rng.choice([n for n, share in enumerate(shares) if share == max(shares)]))
    return answers


def random_span(train: Sequence[Question], test: Sequence[Question], rng: random.Random) -> list[str]:
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


def _shape(text: str) -> str:
    return "number" if text[:1].isdigit() else "name" if text[:1] != text[:1].lower() else "other"
