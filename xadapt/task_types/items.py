"""Encoded examples: token sequences with what the head and the decoder need beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tokenizers
import torch

from xadapt.modeling.packed import Packed
from xadapt.modeling.transfer import sent

BLOCK = 1024
"""Texts or pairs that are encoded at a time."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One sequence as the encoder reads it, special tokens included."""

    ids: np.ndarray
    """int32."""
    types: np.ndarray | None = None
    """uint8: which text of a pair each token is of, as the tokenizer says; None where it says 0 of all."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def key(self) -> bytes:
        """The same for the same tokens."""
        return self.ids.tobytes() + (b"" if self.types is None else self.types.tobytes())


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of a batch: a sentence, a pair, one window of a document, or all choices of one question."""

    example: int
    """Index of its example."""
    sequences: tuple[Tokens, ...]
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
    types: torch.Tensor | None = None
    """[tokens], int64; None where all are 0."""
    targets: dict[str, torch.Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> "Batch":
        targets = {name: sent(tensor, device) for name, tensor in self.targets.items()}
        types = None if self.types is None else sent(self.types, device)
        return replace(self, ids=sent(self.ids, device), types=types, targets=targets)


def lay_out(items: Sequence[Item]) -> Batch:
    """Concatenate the sequences of `items` in order."""
    sequences = [sequence for item in items for sequence in item.sequences]
    ids = np.concatenate([sequence.ids for sequence in sequences])
    lengths = tuple(len(sequence) for sequence in sequences)
    return Batch(items, torch.from_numpy(ids.astype(np.int64)), lengths, _types(sequences))


def _types(sequences: Sequence[Tokens]) -> torch.Tensor | None:
    if all(sequence.types is None for sequence in sequences):
        return None
    each = (np.zeros(len(one)) if one.types is None else one.types for one in sequences)
    return torch.from_numpy(np.concatenate(list(each)).astype(np.int64))


def pack(batches: Sequence[Batch]) -> Packed:
    """The batches one after another, each a group of its own."""
    types = None
    if any(batch.types is not None for batch in batches):
        each = (torch.zeros_like(one.ids) if one.types is None else one.types for one in batches)
        types = torch.cat(list(each))
    return Packed(
        torch.cat([batch.ids for batch in batches]),
        tuple(length for batch in batches for length in batch.lengths),
        tuple(len(batch.lengths) for batch in batches),
        types,
    )


def tokens(encoding: tokenizers.Encoding) -> Tokens:
    types = np.asarray(encoding.type_ids, dtype=np.uint8)
    return Tokens(np.asarray(encoding.ids, dtype=np.int32), types if types.any() else None)


def special(tokenizer: tokenizers.Tokenizer, name: str) -> int:
    """The id of the special token "unk" or "mask", however the vocabulary writes it."""
    forms = (f"<{name}>", f"[{name.upper()}]")
    known: list[int] = [number for number in map(tokenizer.token_to_id, forms) if number is not None]
    return known[0]


def encode_pairs(
    tokenizer: tokenizers.Tokenizer,
    pairs: Iterable[tuple[str, str | None]],
    max_length: int,
    direction: str = "right",
) -> list[Tokens]:
    """Texts and pairs in the tokenizer's own template, cut to `max_length` tokens.

    That is `<s> a </s>` and `<s> a </s></s> b </s>`, or `[CLS] a [SEP]` and `[CLS] a [SEP] b [SEP]`. Tokens
    go from the longer text first, at its end, or at its start when `direction` is "left".
    """
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="longest_first", direction=direction)
    inputs = [text if pair is None else (text, pair) for text, pair in pairs]
    # Not all at once: an encoding takes many times the memory of its ids.
    blocks = (inputs[start : start + BLOCK] for start in range(0, len(inputs), BLOCK))
    return [tokens(encoding) for block in blocks for encoding in tokenizer.encode_batch(block)]
