"""Exact attention over packed sequences: each token sees its own sequence and nothing else.

On CUDA in half precision the variable-length kernel runs on the packed tokens as they are. Elsewhere
sequences of similar length are padded together around one masked call, and those of one length need no mask;
pads are cut off again at once.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from xadapt.modeling.transfer import sent

SLACK = 1.3
"""A bucket may hold this many times its real tokens before a new one is opened."""
AMPERE = (8, 0)
"""The first GPUs that have the variable-length kernel."""
LARGEST_HEAD = 192
"""Width of a head in it, for which every such GPU has the backward too."""


class Attention:
    """Attention over sequences of these lengths; made once per batch, used in every layer."""

    def __init__(self, lengths: Sequence[int], heads: int, device: torch.device) -> None:
        self.heads = heads
        self.lengths = lengths
        self.equal = len(set(lengths)) == 1
        self.device = device
        self._buckets: _Buckets | None = None
        self._bounds: torch.Tensor | None = None

    def __call__(self, qkv: torch.Tensor) -> torch.Tensor:
        """Query, key and value beside each other, [T, 3 hidden] -> [T, hidden]."""
        if _has_kernel(qkv, self.heads):
            return self._variable(qkv)
        if self.equal:
            return _sdpa(qkv, (len(self.lengths), self.lengths[0]), self.heads, None)
        if self._buckets is None:
            self._buckets = _Buckets(self.lengths, self.device)
        return self._buckets.attend(qkv, self.heads)

    def _variable(self, qkv: torch.Tensor) -> torch.Tensor:
        from torch.nn.attention.varlen import varlen_attn

        if self._bounds is None:
            ends = torch.tensor([0, *self.lengths]).cumsum(0)
            self._bounds = sent(ends.to(torch.int32), self.device)
        longest = max(self.lengths)
        q, k, v = (part.unflatten(-1, (self.heads, -1)) for part in qkv.chunk(3, -1))
        result = varlen_attn(q, k, v, self._bounds, self._bounds, longest, longest)
        assert isinstance(result, torch.Tensor)
        return result.flatten(-2)


def _has_kernel(qkv: torch.Tensor, heads: int) -> bool:
    half = qkv.device.type == "cuda" and qkv.dtype in (torch.float16, torch.bfloat16)
    size = qkv.shape[-1] // (3 * heads)
    fits = size % 8 == 0 and size <= LARGEST_HEAD
    return half and fits and torch.cuda.get_device_capability(qkv.device) >= AMPERE


def _sdpa(qkv: torch.Tensor, shape: tuple[int, int], heads: int, mask: torch.Tensor | None) -> torch.Tensor:
    """Sequences of one length one after another; `shape` is their number and length."""
    # Split along the width: the gradient is then one concatenation.
    parts = (part.unflatten(0, shape).unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
    q, k, v = parts
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return mixed.transpose(1, 2).reshape(shape[0] * shape[1], -1)


class _Buckets:
    """Where each token goes when sequences of similar length are padded together."""

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        starts = torch.tensor([0, *lengths[:-1]]).cumsum(0)
        self.shapes: list[tuple[int, int]] = []
        self.masks: list[torch.Tensor | None] = []
        tokens, real = [], []
        for group in _similar(lengths):
            sizes = torch.tensor([lengths[i] for i in group])
            place = torch.arange(lengths[group[0]])
            inside = place < sizes[:, None]
            # A pad repeats the first token of the batch: whatever it is, it is masked.
            tokens.append(torch.where(inside, starts[group][:, None] + place, 0).flatten())
            real.append(inside.flatten())
            self.shapes.append((len(group), len(place)))
            self.masks.append(None if inside.all() else sent(inside[:, None, None, :], device))
        slots = torch.cat(real).nonzero().squeeze(1)
        of_slot = torch.cat(tokens)
        slot = torch.empty_like(slots)
        slot[of_slot[slots]] = slots
        self.of_slot, self.slot = sent(of_slot, device), sent(slot, device)
        """The token of each slot, and the slot of each token."""

    def attend(self, qkv: torch.Tensor, heads: int) -> torch.Tensor:
        padded = _Pad.apply(qkv, self.of_slot, self.slot)
        sizes = [count * length for count, length in self.shapes]
        parts = zip(padded.split(sizes), self.shapes, self.masks, strict=True)
        mixed = [_sdpa(part, shape, heads, mask) for part, shape, mask in parts]
        found: torch.Tensor = _Unpad.apply(
            torch.cat(mixed) if len(mixed) > 1 else mixed[0], self.of_slot, self.slot
        )
        return found


def _similar(lengths: Sequence[int]) -> list[list[int]]:
    """Sequences by bucket, the longest of each first."""
    groups: list[list[int]] = []
    real = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        longest = lengths[groups[-1][0]] if groups else 0
        if not groups or longest * (len(groups[-1]) + 1) > SLACK * (real + lengths[i]) + 64:
            groups.append([])
            real = 0
        groups[-1].append(i)
        real += lengths[i]
    return groups


class _Pad(torch.autograd.Function):
    """[T, ...] -> [slots, ...]. Its gradient is a plain gather, since every token has one slot."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, of_slot: torch.Tensor, slot: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(slot)
        return x.index_select(0, of_slot)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (slot,) = ctx.saved_tensors
        return gradients[0].index_select(0, slot), None, None


class _Unpad(torch.autograd.Function):
    """[slots, ...] -> [T, ...]; pads have no gradient."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, of_slot: torch.Tensor, slot: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(slot)
        ctx.slots = len(of_slot)
        return x.index_select(0, slot)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (slot,) = ctx.saved_tensors
        made = gradients[0].new_zeros(ctx.slots, gradients[0].shape[-1])
        return made.index_copy_(0, slot, gradients[0]), None, None
