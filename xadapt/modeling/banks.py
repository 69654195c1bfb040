"""Modules of one kind side by side: their weights stacked on a leading axis, one row per job.

Tokens come job by job. With equal counts a bank is one batched matmul, with ragged ones a loop over
slices. A stacked parameter is split into layers once per forward: indexing it in each layer would cost a
gradient as large as the whole parameter every time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from xadapt.modeling.module import Fusion, Module
from xadapt.modeling.sites import Norm
from xadapt.recipe import Bottleneck, LoRA

NON_LINEARITIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "swish": F.silu,
    "tanh": torch.tanh,
}


@dataclass(frozen=True)
class Spread:
    """Which rows of a bank a forward uses, and how many tokens each has."""

    rows: tuple[int, ...]
    tokens: tuple[int, ...]

    def linear(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """x [T, in], weight [rows, out, in], bias [rows, out] -> [T, out], each job by its own matrix."""
        if len(self.tokens) == 1:
            return F.linear(x, weight[0], None if bias is None else bias[0])
        if len(set(self.tokens)) == 1:
            groups = x.unflatten(0, (len(self.tokens), -1))
            turned = weight.transpose(1, 2)
            made = (
                torch.bmm(groups, turned)
                if bias is None
                else torch.baddbmm(bias.unsqueeze(1), groups, turned)
            )
            return made.flatten(0, 1)
        biases = [None] * len(self.tokens) if bias is None else bias.unbind(0)
        parts = zip(x.split(list(self.tokens)), weight.unbind(0), biases, strict=True)
        return torch.cat([F.linear(part, w, b) for part, w, b in parts])


class Bank(nn.Module):
    """`modules` have one method; `trainable` ones are parameters, frozen ones buffers."""

    def __init__(self, weights: Sequence[dict[str, torch.Tensor]], trainable: bool) -> None:
        super().__init__()
        self.trainable = trainable
        self.names = sorted(weights[0])
        for name in self.names:
            stacked = torch.stack([one[name] for one in weights]).float().clone()
            key = name.replace(".", "_")
            if trainable:
                self.register_parameter(key, nn.Parameter(stacked))
            else:
                self.register_buffer(key, stacked)

    def stacked(self, name: str) -> torch.Tensor:
        found: torch.Tensor = getattr(self, name.replace(".", "_"))
        return found

    def row(self, number: int) -> dict[str, torch.Tensor]:
        """Copies of the weights of one module."""
        return {name: self.stacked(name)[number].detach().cpu().clone() for name in self.names}

    def layers(self, rows: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        """Per layer the weights of these rows, [rows, ...]."""
        every = list(rows) == list(range(len(self.stacked(self.names[0]))))
        split = {
            name: (self.stacked(name) if every else self.stacked(name)[list(rows)]).unbind(1)
            for name in self.names
        }
        count = len(split[self.names[0]])
        return [{name: parts[layer] for name, parts in split.items()} for layer in range(count)]


class BottleneckBank(Bank):
    """h + up(f(down(LayerNorm(h + x)))): the sequential bottleneck of Pfeiffer et al. 2021."""

    def __init__(self, modules: Sequence[Module], trainable: bool) -> None:
        super().__init__([module.weights for module in modules], trainable)
        method = modules[0].method
        assert isinstance(method, Bottleneck)
        self.function = NON_LINEARITIES[method.non_linearity]

    def apply_to(
        self,
        w: dict[str, torch.Tensor],
        spread: Spread,
        hidden: torch.Tensor,
        residual: torch.Tensor,
        norm: Norm,
    ) -> torch.Tensor:
        inner = self.function(spread.linear(norm(hidden + residual), w["down_weight"], w["down_bias"]))
        return hidden + spread.linear(inner, w["up_weight"], w["up_bias"])


class LoRABank(Bank):
    """y + (alpha / rank) B A x (Hu et al. 2022).

    Two stacked updates are added, each on the layer's own input, as `peft` does with two active
    adapters. (`adapters` feeds the output of the first A B pair into the second, which is no update of
    the frozen matrix and has no merged form.)
    """

    def __init__(self, modules: Sequence[Module], trainable: bool) -> None:
        super().__init__([module.weights for module in modules], trainable)
        method = modules[0].method
        assert isinstance(method, LoRA)
        self.scale = method.scale
        self.rate = method.dropout if trainable else 0.0
        self.targets = frozenset(method.targets)

    def update(
        self,
        name: str,
        w: dict[str, torch.Tensor],
        spread: Spread,
        x: torch.Tensor,
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        if streams is not None and self.rate:
            parts = x.split(list(spread.tokens))
            x = torch.cat([stream(part, self.rate) for stream, part in zip(streams, parts, strict=True)])
        down = w[f"{name}.A"]
        # Without autocast a frozen projection in half precision gives what fp32 weights do not take.
        low = spread.linear(x.to(down.dtype), down, None)
        return spread.linear(low, w[f"{name}.B"], None) * self.scale


class FusionBank(Bank):
    """AdapterFusion computed in bottleneck space: exact, and no module's output of width d is formed.

    The library forms u_i = U_i h_i + b_i for each module, then softmax_i(q . (K u_i + b_k)) over V u_i.
    With M = [U b]^T K^T Q the scores are (h_i, 1) . M_i z (q . b_k is the same for all i and drops out of
    the softmax), and the mix is V [U b] applied to the weighted (h_i, 1). The folded matrices are made
    once per forward.
    """

    def __init__(self, fusions: Sequence[Fusion]) -> None:
        super().__init__([fusion.weights for fusion in fusions], trainable=True)
        method = fusions[0].parts[0].method
        assert isinstance(method, Bottleneck)
        self.function = NON_LINEARITIES[method.non_linearity]
        self.count = len(fusions[0].parts)
        self.parts = Bank([_joined(fusion.parts) for fusion in fusions], trainable=False)

    def fold(self, rows: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        folded = []
        for own, frozen in zip(self.layers(rows), self.parts.layers(rows), strict=True):
            up = frozen["up"]
            keys = own["key_weight"] @ up
            folded.append(
                {
                    "down_weight": frozen["down_weight"],
                    "down_bias": frozen["down_bias"],
                    "scores": keys.transpose(1, 2) @ own["query_weight"],
                    "scores_bias": (keys.transpose(1, 2) @ own["query_bias"].unsqueeze(-1)).squeeze(-1),
                    "values": own["value_weight"] @ up,
                }
            )
        return folded

    def apply_to(
        self,
        w: dict[str, torch.Tensor],
        spread: Spread,
        hidden: torch.Tensor,
        residual: torch.Tensor,
        norm: Norm,
    ) -> torch.Tensor:
        z = norm(hidden + residual)
        inner = self.function(spread.linear(z, w["down_weight"], w["down_bias"])).unflatten(
            -1, (self.count, -1)
        )
        keys = spread.linear(z, w["scores"], w["scores_bias"])
        wide = inner.shape[-1] * self.count
        scores = (inner * keys[:, :wide].unflatten(-1, (self.count, -1))).sum(-1) + keys[:, wide:]
        shares = scores.softmax(-1)
        mixed = torch.cat([(inner * shares.unsqueeze(-1)).flatten(-2), shares.to(inner.dtype)], -1)
        return hidden + spread.linear(mixed, w["values"], None)


def _joined(parts: Sequence[Module]) -> dict[str, torch.Tensor]:
    """The parts of one fusion as one wide bottleneck; `up` is [L, d, parts * (r + 1)], biases last."""
    ups = torch.cat([part.weights["up_weight"] for part in parts], -1)
    biases = torch.stack([part.weights["up_bias"] for part in parts], -1)
    return {
        "down_weight": torch.cat([part.weights["down_weight"] for part in parts], 1),
        "down_bias": torch.cat([part.weights["down_bias"] for part in parts], 1),
        "up": torch.cat([ups, biases], -1),
    }
