"""Examples through one job of a model -> plain answers, one dict an example (a vector: one array)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xadapt.task_types import span
from xadapt.task_types.items import Item, encode_pairs
from xadapt.training.answering import Answering

DIGITS = 6
"""Of a probability, as it is shown."""
Outputs = Sequence[np.ndarray]


def answers(kind: str, answering: Answering, examples: Sequence[Any]) -> list[Any]:
    """One per example. classification: `label`, `probabilities` by label. choice: `choice` (from 0), its
    `text`, `probabilities` in order. tagging: `words`, `tags`. span: `answer`, `start` and `end` in
    characters of the context, an empty one where there is none. vector: [width], float32.
    """
    items = _sentences(answering, examples) if kind == "vector" else answering.encode(examples)
    outputs = [answer.output for answer in answering.forward(items)]
    return ANSWERS[kind](outputs, items, examples, answering)


def _sentences(answering: Answering, examples: Sequence[Any]) -> list[Item]:
    """One item per example; a retrieval task would encode both sides of a pair."""
    texts = ((example.source, None) for example in examples)
    ids = encode_pairs(answering.ground.tokenizer, texts, answering.recipe.max_length)
    return [Item(index, (sequence,)) for index, sequence in enumerate(ids)]


def _softmax(logits: np.ndarray) -> list[float]:
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    return [round(float(share), DIGITS) for share in shifted / shifted.sum()]


def _classification(
    outputs: Outputs, items: Sequence[Item], examples: Sequence[Any], answering: Answering
) -> list[Any]:
    found = answering.kind.decode(outputs, items, examples, answering.labels)
    shares = (dict(zip(answering.labels, _softmax(row), strict=True)) for row in outputs)
    return [{"label": label, "probabilities": each} for label, each in zip(found, shares, strict=True)]


def _choice(
    outputs: Outputs, items: Sequence[Item], examples: Sequence[Any], answering: Answering
) -> list[Any]:
    found = answering.kind.decode(outputs, items, examples, answering.labels)
    each = zip(found, outputs, examples, strict=True)
    return [{"choice": at, "text": e.choices[at], "probabilities": _softmax(row)} for at, row, e in each]


def _tagging(
    outputs: Outputs, items: Sequence[Item], examples: Sequence[Any], answering: Answering
) -> list[Any]:
    found = answering.kind.decode(outputs, items, examples, answering.labels)
    return [{"words": list(e.words), "tags": tags} for e, tags in zip(examples, found, strict=True)]


def _span(
    outputs: Outputs, items: Sequence[Item], examples: Sequence[Any], answering: Answering
) -> list[Any]:
    found = span.places(outputs, items, examples, answering.labels)
    return [
        {"answer": example.context[start:end], "start": start, "end": end}
        for example, (start, end) in zip(examples, found, strict=True)
    ]


def _vector(
    outputs: Outputs, items: Sequence[Item], examples: Sequence[Any], answering: Answering
) -> list[Any]:
    return list(outputs)


ANSWERS: dict[str, Callable[[Outputs, Sequence[Item], Sequence[Any], Answering], list[Any]]] = {
    "classification": _classification,
    "choice": _choice,
    "tagging": _tagging,
    "span": _span,
    "vector": _vector,
}
