"""Extractive question answering: start and end of the answer in a context that slides with a stride."""

from collections.abc import Iterator, Sequence

import numpy as np
import tokenizers
import torch

from xadapt.examples import Question
from xadapt.modeling.encoder import Dropout, Encoder
from xadapt.modeling.encoder import no_dropout as _no_dropout
from xadapt.modeling.heads import TokenHead, pad_segments
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, lay_out, token_ids

MAX_QUESTION = 64
MAX_ANSWER = 30
N_BEST = 20
"""Tokens of a question, tokens of an answer, candidates per side: the settings of SQuAD and XTREME."""


def encode(
    examples: Sequence[Question], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """One item per window; `target` is its (start, end) token, (0, 0) where the answer is not inside.

    `detail` holds each token's character span in the context, -1 outside it.
    """
    tokenizer.no_padding()
    items = []
    for index, example in enumerate(examples):
        for encoding in _windows(example, tokenizer, recipe):
            spans = _context_spans(encoding)
            items.append(Item(index, (token_ids(encoding),), _target(example, spans), spans))
    return items


def _windows(
    example: Question, tokenizer: tokenizers.Tokenizer, recipe: Recipe
) -> Iterator[tokenizers.Encoding]:
    tokenizer.no_truncation()
    question = tokenizer.encode(example.question, add_special_tokens=False)
    text = example.question
    if len(question.ids) > MAX_QUESTION:
        text = text[: question.offsets[MAX_QUESTION - 1][1]]
    room = recipe.max_length - min(len(question.ids), MAX_QUESTION) - 4
    stride = max(0, min(recipe.stride, room - 1))
    tokenizer.enable_truncation(recipe.max_length, stride=stride, strategy="only_second")
    first = tokenizer.encode(text, example.context)
    yield first
    yield from first.overflowing


def _context_spans(encoding: tokenizers.Encoding) -> np.ndarray:
    """[tokens, 2] character offsets in the context; (-1, -1) for the question and special tokens."""
    spans = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    inside = np.asarray([part == 1 for part in encoding.sequence_ids])
    spans[~inside | (spans[:, 0] == spans[:, 1])] = -1
    return spans


def _target(example: Question, spans: np.ndarray) -> tuple[int, int]:
    if not example.answers:
        return 0, 0
    start, end = example.starts[0], example.starts[0] + len(example.answers[0])
    inside = np.flatnonzero((spans[:, 0] >= 0) & (spans[:, 0] < end) & (spans[:, 1] > start))
    whole = len(inside) and spans[inside[0], 0] <= start and spans[inside[-1], 1] >= end
    return (int(inside[0]), int(inside[-1])) if whole else (0, 0)


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
    return TokenHead.initial(encoder.config, 2, seed)


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    made = lay_out(items)
    made.targets["span"] = torch.tensor([item.target for item in items])
    return made


def loss(
    head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe, dropout: Dropout
) -> torch.Tensor:
    """Mean of the start and the end loss; pads are minus infinity, so they never enter the softmax."""
    logits = pad_segments(head(hidden, dropout).float(), batch.lengths, float("-inf"))
    starts = torch.nn.functional.cross_entropy(logits[..., 0], batch.targets["span"][:, 0])
    ends = torch.nn.functional.cross_entropy(logits[..., 1], batch.targets["span"][:, 1])
    return (starts + ends) / 2


def outputs(head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    """Per window [tokens, 2] logits of start and end."""
    logits = head(hidden, _no_dropout).float().cpu()
    return [part.numpy() for part in logits.split(list(batch.lengths))]


def decode(
    outputs: Sequence[np.ndarray],
    items: Sequence[Item],
    examples: Sequence[Question],
    labels: Sequence[str],
) -> list[str]:
    """The text of the best span over all windows of each example; empty when a context has no tokens.

    Where the task has questions without an answer, also empty when the lowest score of "no answer" over the
    windows, both ends at the first token, exceeds the best span's (Devlin et al. 2019, threshold 0).
    """
    best: dict[int, tuple[float, str]] = {}
    none: dict[int, float] = {}
    for logits, item in zip(outputs, items, strict=True):
        if labels:
            none[item.example] = min(none.get(item.example, np.inf), float(logits[0].sum()))
        score, start, end = _best_span(logits, item.detail)
        if score > best.get(item.example, (-np.inf, ""))[0]:
            text = examples[item.example].context[item.detail[start, 0] : item.detail[end, 1]]
            best[item.example] = score, text.strip()
    found = (best.get(index, (-np.inf, "")) for index in range(len(examples)))
    return ["" if none.get(index, -np.inf) > score else text for index, (score, text) in enumerate(found)]


def _best_span(logits: np.ndarray, spans: np.ndarray) -> tuple[float, int, int]:
    """Highest start + end among the `N_BEST` of each side, both in the context, at most `MAX_ANSWER` long."""
    inside = spans[:, 0] >= 0
    masked = np.where(inside[:, None], logits, -np.inf)
    starts = np.argsort(-masked[:, 0], kind="stable")[:N_BEST]
    ends = np.argsort(-masked[:, 1], kind="stable")[:N_BEST]
    length = ends[None] - starts[:, None]
    scores = masked[starts, 0][:, None] + masked[ends, 1][None]
    scores = np.where((length >= 0) & (length < MAX_ANSWER), scores, -np.inf)
    i, j = np.unravel_index(int(scores.argmax()), scores.shape)
    return float(scores[i, j]), int(starts[i]), int(ends[j])
