"""Encoded examples: token sequences with what the head and the decoder need beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tokenizers
import torch

BLOCK = 1024
"""Texts or pairs that are encoded at a time."""


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of a batch: a sentence, a pair, one window of a document, or all choices of one question."""

    example: int
    """Index of its example."""
    sequences: tuple[np.ndarray, ...]
    """Token ids, int32, special tokens included."""
    target: Any = None
    detail: Any = None
    """What `decode` needs: offsets of a window, word numbers of a sentence."""

    @property
    def tokens(self) -> int:
        return sum(len(sequence) for sequence in self.sequences)


@dataclass
class Batch:
    """Items laid out one after another; nothing is padded."""

    items: Sequence[Item]
    ids: torch.Tensor
    """[tokens], int64."""
    lengths: tuple[int, ...]
    """Tokens of each sequence."""
    targets: dict[str, torch.Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> "Batch":
        targets = {name: tensor.to(device, non_blocking=True) for name, tensor in self.targets.items()}
        return Batch(self.items, self.ids.to(device, non_blocking=True), self.lengths, targets)


def lay_out(items: Sequence[Item]) -> Batch:
    """Concatenate the sequences of `items` in order."""
    sequences = [sequence for item in items for sequence in item.sequences]
    ids = torch.from_numpy(np.concatenate(sequences).astype(np.int64))
    return Batch(items, ids, tuple(len(sequence) for sequence in sequences))


def token_ids(encoding: tokenizers.Encoding) -> np.ndarray:
    return np.asarray(encoding.ids, dtype=np.int32)


def encode_pairs(
    tokenizer: tokenizers.Tokenizer,
    pairs: Iterable[tuple[str, str | None]],
    max_length: int,
    direction: str = "right",
) -> list[np.ndarray]:
    """Token ids of texts `<s> a </s>` or pairs `<s> a </s></s> b </s>`, cut to `max_length` tokens.

    Tokens go from the longer text first, at its end, or at its start when `direction` is "left".
    """
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="longest_first", direction=direction)
    inputs = [text if pair is None else (text, pair) for text, pair in pairs]
    # Not all at once: an encoding takes many times the memory of its ids.
    blocks = (inputs[start : start + BLOCK] for start in range(0, len(inputs), BLOCK))
    return [token_ids(encoding) for block in blocks for encoding in tokenizer.encode_batch(block)]
