"""Encoders of known shapes with random weights, and random examples as long as those of the real data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xadapt.modeling.encoder import Encoder
from xadapt.recipe import Architecture, Bottleneck, LoRA, Method
from xadapt.task_types.items import Item, Tokens

LABELS = ("a", "b", "c")


@dataclass(frozen=True)
class Shape:
    """An XLM-R: `host` and `deep` have the layers of Large, `host` so narrow that host work remains."""

    architecture: Architecture
    vocabulary: int

    def encoder(self, seed: int = 0) -> Encoder:
        made = Encoder.fresh(self.architecture, self.vocabulary, seed)
        made.config.hidden_dropout_prob = made.config.attention_probs_dropout_prob = 0.0
        return made


def _shape(layers: int, hidden: int, heads: int, vocabulary: int) -> Shape:
    made = Architecture(layers=layers, hidden=hidden, heads=heads, intermediate=4 * hidden, max_length=512)
    return Shape(made, vocabulary)


SHAPES = {
    "tiny": _shape(2, 64, 4, 500),
    "host": _shape(24, 64, 4, 500),
    "deep": _shape(24, 256, 4, 1_000),
    "small": _shape(6, 256, 4, 1_000),
    "mid": _shape(12, 768, 12, 32_000),
    "base": _shape(12, 768, 12, 250_002),
    "large": _shape(24, 1024, 16, 250_002),
}


@dataclass(frozen=True)
class Lengths:
    """Tokens of a sequence: sizes at equal steps from the shortest to the longest, cut to `longest`."""

    sizes: tuple[int, ...]
    longest: int
    rows: int
    """Sequences of one step."""

    def drawn(self, count: int, random: np.random.Generator) -> list[int]:
        """`count` sizes at equal steps, in random order: the mean of few is near that of the data."""
        steps = (random.permutation(count) + 0.5) / count
        found = np.interp(steps, np.linspace(0, 1, len(self.sizes)), self.sizes)
        return [int(size) for size in np.clip(np.round(found), 3, self.longest)]


MEASURED = json.loads((Path(__file__).parent / "token_lengths.json").read_text(encoding="utf-8"))
"""By `token_lengths.py`."""


def _task(name: str, longest: int, rows: int) -> Lengths:
    return Lengths(tuple(MEASURED["train"][name]), longest, rows)


TASKS = {
    "nli": _task("mnli", 128, 32),
    "pairs": _task("qqp", 128, 32),
    "hellaswag": _task("hellaswag", 256, 64),
    "cosmosqa": _task("cosmos_qa", 256, 64),
    "csqa": _task("commonsense_qa", 80, 80),
    "ccg": _task("ccg_substitute", 128, 32),
    "udpos": _task("udpos", 128, 32),
    "ner": _task("panx", 128, 32),
    "squad": _task("squad", 384, 16),
}
"""Nine intermediate tasks at their recipes' batch sizes; a choice counts each of its sequences."""


def examples(lengths: Lengths, count: int, vocabulary: int, seed: int) -> list[Item]:
    """Sentences of random tokens; the label is that of the second token, so that it can be learned."""
    random = np.random.default_rng(seed)
    sizes = lengths.drawn(count, random)
    return [item(index, size, vocabulary, random) for index, size in enumerate(sizes)]


def item(index: int, size: int, vocabulary: int, random: np.random.Generator) -> Item:
    """One sentence of `size` tokens."""
    ids = random.integers(5, vocabulary, size).astype(np.int32)
    return Item(index, (Tokens(ids),), int(ids[1]) % len(LABELS))


def tokens(items: Sequence[Item]) -> int:
    return sum(each.tokens for each in items)


def step_flops(shape: Shape, lengths: Sequence[int], method: Method) -> float:
    """FLOPs that a training step needs: forward and backward of the encoder with a module of `method`.

    Two for each multiply-add; a frozen matrix counts twice (forward, gradient of its input), a trained one
    three times. Nothing flows below the first module. Padding and what a method wastes do not count.
    """
    a = shape.architecture
    total, squares = sum(lengths), sum(size**2 for size in lengths)
    projections, others = 3 * a.hidden**2, a.hidden**2 + 2 * a.hidden * a.intermediate
    matrices, attention = 2 * total * (projections + others), 4 * squares * a.hidden
    forward = a.layers * (matrices + attention)
    backward = (a.layers - 1) * (matrices + 2 * attention)
    if isinstance(method, Bottleneck):
        units = int(a.hidden // method.reduction_factor)
        return forward + backward + a.layers * 3 * 2 * total * 2 * a.hidden * units
    if isinstance(method, LoRA):
        # Of the first layer, all that follows its updates.
        backward += 2 * total * others + 2 * attention
        return (
            forward + backward + a.layers * 3 * 2 * total * len(method.targets) * 2 * a.hidden * method.rank
        )
    return 3 * forward
