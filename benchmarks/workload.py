"""Encoders of known shapes with random weights, and random examples whose lengths follow the real data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xadapt.modeling.encoder import Encoder
from xadapt.recipe import Architecture
from xadapt.task_types.items import Item, Tokens

LABELS = ("a", "b", "c")
SPREAD = 0.55
"""Standard deviation of lengths over their mean, as in MNLI."""


@dataclass(frozen=True)
class Shape:
    """An XLM-R: `host` is as deep as Large and narrow, so that what remains is work of the host."""

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
    "small": _shape(6, 256, 4, 1_000),
    "mid": _shape(12, 768, 12, 32_000),
    "base": _shape(12, 768, 12, 250_002),
    "large": _shape(24, 1024, 16, 250_002),
}


@dataclass(frozen=True)
class Lengths:
    """Tokens of a sequence: log-normal with this mean, at most `longest`; sequences of one step."""

    mean: int
    longest: int
    rows: int


TASKS = {
    "nli": Lengths(40, 128, 32),
    "pairs": Lengths(32, 128, 32),
    "hellaswag": Lengths(105, 256, 64),
    "cosmosqa": Lengths(120, 256, 64),
    "csqa": Lengths(22, 80, 80),
    "ccg": Lengths(33, 128, 32),
    "udpos": Lengths(33, 128, 32),
    "ner": Lengths(14, 128, 32),
    "squad": Lengths(207, 384, 16),
}
"""Nine intermediate tasks at their recipes' batch sizes; a choice counts each of its sequences."""


def examples(lengths: Lengths, count: int, vocabulary: int, seed: int) -> list[Item]:
    """Sentences of random tokens; the label is that of the second token, so that it can be learned."""
    random = np.random.default_rng(seed)
    spread = math.sqrt(math.log(1 + SPREAD**2))
    drawn = random.lognormal(math.log(lengths.mean) - spread**2 / 2, spread, count)
    sizes = np.clip(np.round(drawn), 8, lengths.longest).astype(int)
    return [item(index, int(size), vocabulary, random) for index, size in enumerate(sizes)]


def item(index: int, size: int, vocabulary: int, random: np.random.Generator) -> Item:
    """One sentence of `size` tokens."""
    ids = random.integers(5, vocabulary, size).astype(np.int32)
    return Item(index, (Tokens(ids),), int(ids[1]) % len(LABELS))


def tokens(items: Sequence[Item]) -> int:
    return sum(each.tokens for each in items)


def step_flops(shape: Shape, lengths: Sequence[int], units: int) -> float:
    """FLOPs that a training step needs: forward and backward of a frozen encoder with bottlenecks of `units`.

    Two for each multiply-add; a frozen matrix counts twice (forward, gradient of its input), a trained one
    three times. Nothing flows below the first module. Padding and what a method wastes do not count.
    """
    a = shape.architecture
    total, squares = sum(lengths), sum(size**2 for size in lengths)
    matrices = 2 * total * (4 * a.hidden**2 + 2 * a.hidden * a.intermediate)
    attention = 4 * squares * a.hidden
    forward = a.layers * (matrices + attention)
    backward = (a.layers - 1) * (matrices + 2 * attention)
    return forward + backward + a.layers * 3 * 2 * total * 2 * a.hidden * units
