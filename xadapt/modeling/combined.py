"""Learned combinations as values: frozen modules, and the weights that combine them, stacked over layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from xadapt.errors import ConfigError
from xadapt.modeling.module import STD, Module, lora_sizes, prefixes
from xadapt.recipe import DEFAULT_FUSION, TARGETS, Bottleneck, FusionSettings, LoRA
from xadapt.variants import COMBINED, undefined

KEY_SIZE = 16
"""Width of the queries and keys with which LoRA modules are fused."""
FUSION = ("query_weight", "query_bias", "key_weight", "key_bias", "value_weight")


@dataclass(frozen=True)
class Fusion:
    """A learned attention over frozen `parts`, all bottlenecks of one shape or all LoRA.

    Of bottlenecks (AdapterFusion, Pfeiffer et al. 2021): `query_weight`, `key_weight`, `value_weight`
    [L, d, d]; `query_bias`, `key_bias` [L, d]; of double ones twice, behind `attention.` and `output.`. L are
    the layers of the parts, without those that are left out. Of LoRA (combined_lora.py), at each projection S
    that some part updates with ranks r_i: `S.Q` [L, 16, in], `S.K` [L, 16, sum of r_i], `S.bias` [L, parts].
    """

    weights: dict[str, torch.Tensor]
    parts: tuple[Module, ...]
    settings: FusionSettings = DEFAULT_FUSION

    @classmethod
    def initial(
        cls, parts: Sequence[Module], config: Any, seed: int, settings: FusionSettings = DEFAULT_FUSION
    ) -> "Fusion":
        """Bottlenecks as `adapters` starts: query and key normal 0.02, value the identity plus 1e-6.

        LoRA with zero keys and biases, so that the fusion is the mean of the updates.
        """
        generator = torch.Generator().manual_seed(seed)
        weights = {}
        for name, shape in fusion_shapes(parts, config).items():
            whole = (layers(parts), *shape)
            if name.endswith(("query_weight", "key_weight")):
                weights[name] = torch.randn(whole, generator=generator) * STD
            elif name.endswith("value_weight"):
                weights[name] = torch.full(shape, 1e-6).fill_diagonal_(1.0).repeat(whole[0], 1, 1)
            elif name.endswith(".Q"):
                weights[name] = (torch.rand(whole, generator=generator) * 2 - 1) / shape[1] ** 0.5
            else:
                weights[name] = torch.zeros(whole)
        return cls(weights, tuple(parts), settings)

    def folded(self) -> "Fusion":
        """The same at temperature 1, as it is kept: scores are linear in the query and the bias."""
        linear = ("query_weight", "query_bias", ".Q", ".bias")
        weights = {
            name: weight / self.settings.temperature if name.endswith(linear) else weight
            for name, weight in self.weights.items()
        }
        return Fusion(weights, self.parts)


@dataclass(frozen=True)
class Gate:
    """One learned weight for each of the frozen `parts` and each layer: `gate` [L, parts].

    It is the same at all places of a layer. L as of a fusion.
    """

    weights: dict[str, torch.Tensor]
    parts: tuple[Module, ...]

    @classmethod
    def initial(cls, parts: Sequence[Module]) -> "Gate":
        """Starts as the mean."""
        shape = (layers(parts), *gate_shapes(parts)["gate"])
        return cls({"gate": torch.full(shape, 1 / len(parts))}, tuple(parts))


Combined = Fusion | Gate


def fusion_shapes(parts: Sequence[Module], config: Any) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a fusion in one layer.

    In numbers, of bottlenecks 3 d^2 + 2 d at each place; of LoRA 16 (in + sum of ranks) + parts at each
    projection.
    """
    if isinstance(method := parts[0].method, Bottleneck):
        width = config.hidden_size
        one = {name: (width, width) if name.endswith("weight") else (width,) for name in FUSION}
        return {start + name: shape for start in prefixes(method).values() for name, shape in one.items()}
    found: dict[str, tuple[int, ...]] = {}
    for site in sites(parts):
        found[f"{site}.Q"] = (KEY_SIZE, lora_sizes(config)[site][0])
        found[f"{site}.K"] = (KEY_SIZE, sum(ranks(parts, site)))
        found[f"{site}.bias"] = (len(parts),)
    return found


def layers(parts: Sequence[Module]) -> int:
    """How many layers have modules."""
    return next(iter(parts[0].weights.values())).shape[0]


def gate_shapes(parts: Sequence[Module]) -> dict[str, tuple[int, ...]]:
    """The shape of the weight of a gate in one layer."""
    return {"gate": (len(parts),)}


def sites(parts: Sequence[Module]) -> tuple[str, ...]:
    """The projections that some LoRA part updates."""
    return tuple(site for site in TARGETS if any(ranks(parts, site)))


def ranks(parts: Sequence[Module], site: str) -> list[int]:
    """The rank of each LoRA part at a projection; 0 where it leaves it as it is."""
    return [part.weights[f"{site}.A"].shape[1] if f"{site}.A" in part.weights else 0 for part in parts]


def check_parts(form: str, parts: Sequence[Module]) -> None:
    """Raises ConfigError for parts that have no such combination."""
    methods = [part.method for part in parts]
    for method in methods:
        if method.name not in COMBINED:
            raise ConfigError(f"{form} is not defined for {method.name}")
        if why := undefined(method, form):
            raise ConfigError(why)
    alike = all(isinstance(method, LoRA) for method in methods) or len(set(methods)) == 1
    if not alike:
        raise ConfigError(f"{form} needs modules of one method and size")
