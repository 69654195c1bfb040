"""One layer of XLM-R, and where in it modules are asked."""

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from xadapt.modeling.attention import Attention
from xadapt.modeling.sites import Dropout, Frozen, Place, Sites

QKV = ("query", "key", "value")
LAYER = {
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "output_norm": "output.LayerNorm",
}
"""Our name -> Hugging Face's, below `encoder.layer.<n>.`."""


class Linear(nn.Module):
    """A matrix [out, in] and a bias [out]; the input is taken in their precision."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias)


class LayerNorm(Linear):
    """Always fp32; `weight` and `bias` are [hidden]."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> None:
        super().__init__(weight, bias)
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x.float(), x.shape[-1:], self.weight, self.bias, self.eps)


class Layer(nn.Module):
    """One post-norm transformer layer; query, key and value are one matrix."""

    def __init__(self, weights: dict[str, torch.Tensor], eps: float) -> None:
        super().__init__()
        names = [f"attention.self.{name}" for name in QKV]
        self.qkv = Linear(
            torch.cat([weights[f"{name}.weight"] for name in names]),
            torch.cat([weights[f"{name}.bias"] for name in names]),
        )
        for ours, theirs in LAYER.items():
            pair = weights[f"{theirs}.weight"], weights[f"{theirs}.bias"]
            self.add_module(ours, LayerNorm(*pair, eps) if ours.endswith("norm") else Linear(*pair))

    def forward(
        self, x: torch.Tensor, number: int, attention: Attention, sites: Sites, dropout: Dropout
    ) -> torch.Tensor:
        def updated(name: str, given: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
            if name not in sites.targets:
                return made
            return sites.project(number, name, given, made, partial(self.frozen, name))

        def project(name: str, given: torch.Tensor) -> torch.Tensor:
            return updated(name, given, self.get_submodule(name)(given))

        def half(place: Place, hidden: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
            norm = self.get_submodule(f"{place}_norm")
            made: torch.Tensor = norm(sites.after(number, place, hidden, residual, norm) + residual)
            return made

        qkv: torch.Tensor = self.qkv(x)
        if not sites.targets.isdisjoint(QKV):
            parts = zip(QKV, qkv.chunk(3, -1), strict=True)
            qkv = torch.cat([updated(name, x, part) for name, part in parts], -1)
        x = half("attention", dropout(project("attention_output", attention(qkv))), x)
        return half("output", dropout(project("output", F.gelu(project("intermediate", x)))), x)

    def frozen(self, name: str) -> Frozen:
        """The projection `name`, one of `recipe.TARGETS`."""
        own = self.get_submodule("qkv" if name in QKV else name)
        assert isinstance(own, Linear)
        if name not in QKV:
            return Frozen(own.weight, own.bias)
        number = QKV.index(name)
        return Frozen(own.weight.chunk(3)[number], own.bias.chunk(3)[number])
