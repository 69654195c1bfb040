"""The weights of one trained module, stacked over layers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from xadapt.errors import ConfigError
from xadapt.modeling.sites import Place
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


def prefixes(method: Bottleneck) -> dict[Place, str]:
    """The places of its bottlenecks in a layer -> how the names of their weights begin."""
    if method.place == "double":
        return {"attention": "attention.", "output": "output."}
    return {"output": ""}


def kept(method: Method, count: int) -> tuple[int, ...]:
    """Which of `count` layers have a module.

    Raises ConfigError when a layer that is left out is not there, comes twice or out of order, and when none
    is left.
    """
    out = method.leave_out if isinstance(method, Bottleneck) else ()
    if list(out) != sorted(set(out)) or not set(out) < set(range(count)):
        raise ConfigError(
            f"leave_out = {list(out)}: supported are some of the layers 0 to {count - 1}, in ascending order"
        )
    return tuple(layer for layer in range(count) if layer not in out)


def shapes(method: Method, config: Any) -> dict[str, tuple[int, ...]]:
    """Weight -> its shape in one layer. Raises ConfigError for a method that makes no module."""
    width = config.hidden_size
    if isinstance(method, Bottleneck):
        units = max(1, int(width // method.reduction_factor))
        one: dict[str, tuple[int, ...]] = {
            "down_weight": (units, width),
            "down_bias": (units,),
            "up_weight": (width, units),
            "up_bias": (width,),
        }
        return {start + name: shape for start in prefixes(method).values() for name, shape in one.items()}
    if isinstance(method, LoRA):
        sizes = lora_sizes(config)
        found: dict[str, tuple[int, ...]] = {}
        for target in method.targets:
            inner, outer = sizes[target]
            found |= {f"{target}.A": (method.rank, inner), f"{target}.B": (outer, method.rank)}
            if method.dora:
                found[f"{target}.magnitude"] = (outer,)
        return found
    raise ConfigError(f"{method.name} makes no module")


def invertible_shapes(method: Method, config: Any) -> dict[str, tuple[int, ...]]:
    """Weight -> its shape, of the invertible adapter at the embeddings; none for a method without one.

    Raises ConfigError for a factor that leaves no unit between.
    """
    if not isinstance(method, Bottleneck) or method.invertible == "none":
        return {}
    half = config.hidden_size // 2
    found: dict[str, tuple[int, ...]] = {}
    rest = config.hidden_size - half
    for name, inner, outer in (("F", rest, half), ("G", half, rest)):
        units = int(inner // method.invertible_reduction_factor)
        if units < 1:
            factor = method.invertible_reduction_factor
            raise ConfigError(f"invertible_reduction_factor = {factor} leaves nothing of {inner} dimensions")
        found |= {f"{name}.down_weight": (units, inner), f"{name}.down_bias": (units,)}
        found |= {f"{name}.up_weight": (outer, units), f"{name}.up_bias": (outer,)}
    return found


@dataclass(frozen=True)
class Module:
    """One module. `weights` by name, the first axis is the layer (L), without those that are left out.

    Bottleneck: `down_weight` [L, r, d], `down_bias` [L, r], `up_weight` [L, d, r], `up_bias` [L, d]; double
    has them twice, behind `attention.` and `output.`. LoRA: `<target>.A` [L, rank, in] and `<target>.B`
    [L, out, rank], and of DoRA `<target>.magnitude` [L, out].
    """

    method: Method
    weights: dict[str, torch.Tensor]
    invertible: dict[str, torch.Tensor] = field(default_factory=dict)
    """Of a language adapter, at the embeddings and so without an axis of layers (invertible.py)."""

    @classmethod
    def initial(
        cls, method: Method, config: Any, seed: int, norms: Callable[[str], torch.Tensor] | None = None
    ) -> "Module":
        """As `adapters` (normal 0.02, zero bias; parallel as LoRA) and `peft` (uniform A, zero B) start.

        From `seed` alone, but for DoRA: the magnitudes of a target start as `norms` of it, [L, out], the
        norms of the rows of the frozen matrix. Raises ConfigError for layers left out that are not there.
        """
        generator = torch.Generator().manual_seed(seed)
        parallel = isinstance(method, Bottleneck) and method.place == "parallel"
        count = len(kept(method, config.num_hidden_layers))
        weights = {}
        for name, shape in shapes(method, config).items():
            whole = (count, *shape)
            if name.endswith(".magnitude"):
                if norms is None:
                    raise ValueError("DoRA starts from the norms of the frozen matrices")
                weights[name] = norms(name.removesuffix(".magnitude"))
            elif name.endswith(".A") or (parallel and name == "down_weight"):
                # kaiming_uniform with a = sqrt(5), which is uniform within 1 / sqrt(in).
                weights[name] = (torch.rand(whole, generator=generator) * 2 - 1) / shape[1] ** 0.5
            elif name.endswith("_weight") and not parallel:
                weights[name] = torch.randn(whole, generator=generator) * STD
            else:
                weights[name] = torch.zeros(whole)
        invertible = {
            name: torch.randn(shape, generator=generator) * STD if len(shape) > 1 else torch.zeros(shape)
            for name, shape in invertible_shapes(method, config).items()
        }
        return cls(method, weights, invertible)
