"""The weights of one trained module or fusion, stacked over layers."""

from collections.abc import Sequence
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
        layers, width = config.num_hidden_layers, config.hidden_size
        if isinstance(method, Bottleneck):
            units = max(1, int(width // method.reduction_factor))
            return cls(
                method,
                {
                    "down_weight": torch.randn(layers, units, width, generator=generator) * STD,
                    "down_bias": torch.zeros(layers, units),
                    "up_weight": torch.randn(layers, width, units, generator=generator) * STD,
                    "up_bias": torch.zeros(layers, width),
                },
            )
        if isinstance(method, LoRA):
            weights = {}
            for target in method.targets:
                inner, outer = lora_sizes(config)[target]
                # kaiming_uniform with a = sqrt(5), which is uniform within 1 / sqrt(in).
                uniform = torch.rand(layers, method.rank, inner, generator=generator) * 2 - 1
                weights[f"{target}.A"] = uniform / inner**0.5
                weights[f"{target}.B"] = torch.zeros(layers, outer, method.rank)
            return cls(method, weights)
        raise ConfigError(f"{method.name} makes no module")


@dataclass(frozen=True)
class Fusion:
    """AdapterFusion (Pfeiffer et al. 2021) over frozen `parts`.

    `query_weight`, `key_weight`, `value_weight` [L, d, d]; `query_bias`, `key_bias` [L, d].
    """

    weights: dict[str, torch.Tensor]
    parts: tuple[Module, ...]

    @classmethod
    def initial(cls, parts: Sequence[Module], config: Any, seed: int) -> "Fusion":
        """As `adapters` starts: query and key normal 0.02, value the identity plus 1e-6."""
        generator = torch.Generator().manual_seed(seed)
        layers, width = config.num_hidden_layers, config.hidden_size
        square = (layers, width, width)
        weights = {
            "query_weight": torch.randn(square, generator=generator) * STD,
            "query_bias": torch.zeros(layers, width),
            "key_weight": torch.randn(square, generator=generator) * STD,
            "key_bias": torch.zeros(layers, width),
            "value_weight": (torch.full((width, width), 1e-6).fill_diagonal_(1.0)).repeat(layers, 1, 1),
        }
        return cls(weights, tuple(parts))
