"""The weights of one trained module, stacked over layers."""

from dataclasses import dataclass
from typing import Any

import torch

from xadapt.errors import ConfigError
from xadapt.recipe import Bottleneck, LoRA, Method

STD = 0.02


def lora_sizes(config: Any) -> dict[str, tuple[int, int]]:
    """(in, out) of each projection that LoRA can update."""
    wide, inner = config.hidden_size, config.intermediate_size
    return {
        "query": (wide, wide),
        "key": (wide, wide),
        "value": (wide, wide),
        "attention_output": (wide, wide),
        "intermediate": (wide, inner),
        "output": (inner, wide),
    }


def shapes(method: Method, config: Any) -> dict[str, tuple[int, ...]]:
    """Weight -> its shape in one layer. Raises ConfigError for a method that makes no module."""
    width = config.hidden_size
    if isinstance(method, Bottleneck):
        units = max(1, int(width // method.reduction_factor))
        return {
            "down_weight": (units, width),
            "down_bias": (units,),
            "up_weight": (width, units),
            "up_bias": (width,),
        }
    if isinstance(method, LoRA):
        sizes = lora_sizes(config)
        found: dict[str, tuple[int, ...]] = {}
        for target in method.targets:
            inner, outer = sizes[target]
            found |= {f"{target}.A": (method.rank, inner), f"{target}.B": (outer, method.rank)}
        return found
    raise ConfigError(f"{method.name} makes no module")


@dataclass(frozen=True)
class Module:
    """One module. `weights` by name, the first axis is the layer (L).

    Bottleneck: `down_weight` [L, r, d], `down_bias` [L, r], `up_weight` [L, d, r], `up_bias` [L, d].
    LoRA: `<target>.A` [L, rank, in] and `<target>.B` [L, out, rank].
    """

    method: Method
    weights: dict[str, torch.Tensor]

    @classmethod
    def initial(cls, method: Method, config: Any, seed: int) -> "Module":
        """As `adapters` (normal 0.02, zero bias) and `peft` (uniform A, zero B) start, from `seed` alone."""
        generator = torch.Generator().manual_seed(seed)
        weights = {}
        for name, shape in shapes(method, config).items():
            whole = (config.num_hidden_layers, *shape)
            if name.endswith("_weight"):
                weights[name] = torch.randn(whole, generator=generator) * STD
            elif name.endswith(".A"):
                # kaiming_uniform with a = sqrt(5), which is uniform within 1 / sqrt(in).
                weights[name] = (torch.rand(whole, generator=generator) * 2 - 1) / shape[1] ** 0.5
            else:
                weights[name] = torch.zeros(whole)
        return cls(method, weights)
