"""Exact attention over packed sequences: each token sees its own sequence and nothing else.

On CUDA with half precision the variable-length kernel runs on the packed tokens as they are. Elsewhere
sequences of similar length are padded together around one masked call; pads are cut off again at once.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

SLACK = 1.3
"""A bucket may hold this many times its real tokens before a new one is opened."""


class Attention:
    """Attention over sequences of these lengths; made once per batch, used in every layer."""

    def __init__(self, lengths: Sequence[int], heads: int, device: torch.device) -> None:
        self.heads = heads
        self.lengths = lengths
        self.equal = len(set(lengths)) == 1
        self.device = device
        self._buckets: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._back: torch.Tensor | None = None
        self._bounds: torch.Tensor | None = None

    def __call__(self, qkv: Sequence[torch.Tensor]) -> torch.Tensor:
        """Query, key and value, each [T, hidden] -> [T, hidden]."""
        width = qkv[0].shape[-1]
        heads = [part.unflatten(-1, (self.heads, width // self.heads)) for part in qkv]
        if self.device.type == "cuda" and qkv[0].dtype in (torch.float16, torch.bfloat16):
            return self._variable(*heads).flatten(-2)
        if self.equal:
            shape = (len(self.lengths), self.lengths[0])
            parts = [part.unflatten(0, shape).transpose(1, 2) for part in heads]
            return F.scaled_dot_product_attention(*parts).transpose(1, 2).reshape(-1, width)
        return self._bucketed(torch.stack(heads, 1)).flatten(-2)

    def _variable(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        from torch.nn.attention.varlen import varlen_attn

        if self._bounds is None:
            ends = torch.tensor([0, *self.lengths]).cumsum(0)
            self._bounds = ends.to(self.device, torch.int32)
        longest = max(self.lengths)
        result = varlen_attn(q, k, v, self._bounds, self._bounds, longest, longest)
        assert isinstance(result, torch.Tensor)
        return result

    def _bucketed(self, qkv: torch.Tensor) -> torch.Tensor:
        """[T, 3, heads, d] -> [T, heads, d]."""
        if self._back is None:
            self._lay_buckets()
        outs = []
        for index, real in self._buckets:
            q, k, v = qkv[index].permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=real[:, None, None, :])
            outs.append(mixed.transpose(1, 2)[real])
        return torch.cat(outs)[self._back]

    def _lay_buckets(self) -> None:
        starts = torch.tensor([0, *self.lengths[:-1]]).cumsum(0).tolist()
        order = sorted(range(len(self.lengths)), key=lambda i: -self.lengths[i])
        groups: list[list[int]] = []
        real = 0
        for i in order:
            longest = self.lengths[groups[-1][0]] if groups else 0
            if not groups or longest * (len(groups[-1]) + 1) > SLACK * (real + self.lengths[i]) + 64:
                groups.append([])
                real = 0
            groups[-1].append(i)
            real += self.lengths[i]
        for group in groups:
            lengths = torch.tensor([self.lengths[i] for i in group])
            place = torch.arange(int(lengths.max()))
            mask = place < lengths[:, None]
            index = torch.where(mask, torch.tensor([starts[i] for i in group])[:, None] + place, 0)
            self._buckets.append((index.to(self.device), mask.to(self.device)))
        packed = torch.cat([index[mask] for index, mask in self._buckets])
        self._back = torch.empty_like(packed)
        self._back[packed] = torch.arange(len(packed), device=packed.device)
