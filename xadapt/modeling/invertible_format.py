"""The invertible adapter of an AdapterHub folder (`adapters` 1.3.0, `SeqBnInvConfig` and the like)."""

import re
from pathlib import Path
from typing import Any

import torch

from xadapt.errors import IntegrityError
from xadapt.modeling.folders import is_positive
from xadapt.modeling.module import Module, invertible_shapes
from xadapt.recipe import Bottleneck

FIELDS = ("inv_adapter", "inv_adapter_reduction_factor")
KEYS = {"down_weight": "0.weight", "down_bias": "0.bias", "up_weight": "2.weight", "up_bias": "2.bias"}
NAME = re.compile(r"(?:\w+\.)?invertible_adapters\.(?P<part>.+)")
"""As the library prefixes it for a bare encoder and for one with heads."""


def settings(method: Bottleneck) -> dict[str, Any]:
    """The fields of a configuration."""
    if method.invertible == "none":
        return dict.fromkeys(FIELDS)
    return {"inv_adapter": method.invertible, FIELDS[1]: method.invertible_reduction_factor}


def choices(place: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The fields of a `Bottleneck`. Raises IntegrityError for another form than NICE."""
    kind = settings.get("inv_adapter")
    if not kind:
        return {}
    if kind != "nice":
        why = " (GLOW fails in `adapters` itself)" if kind == "glow" else ""
        raise IntegrityError(f"{place}: inv_adapter = {kind!r}; supported is 'nice'{why}")
    factor = settings.get(FIELDS[1])
    if not is_positive(factor):
        raise IntegrityError(f"{place}: {FIELDS[1]} = {factor!r}; supported is a number above 0")
    return {"invertible": "nice", "invertible_reduction_factor": float(factor)}  # type: ignore[arg-type]


def named(module: Module, name: str, prefix: str) -> dict[str, torch.Tensor]:
    """The weights as the library names them for the adapter `name`."""
    return {
        f"{prefix}.invertible_adapters.{name}.{_theirs(ours)}": weight
        for ours, weight in module.invertible.items()
    }


def taken(
    place: Path, weights: dict[str, torch.Tensor], method: Bottleneck, name: str, config: Any
) -> dict[str, torch.Tensor]:
    """The weights by our names, taken out of `weights`.

    Raises IntegrityError for one that is missing, has another shape, or has no place.
    """
    there = {match["part"]: theirs for theirs in weights if (match := NAME.fullmatch(theirs))}
    found = {}
    for ours, shape in invertible_shapes(method, config).items():
        theirs = there.pop(f"{name}.{_theirs(ours)}", None)
        if theirs is None:
            raise IntegrityError(f"{place}: weight 'invertible_adapters.{name}.{_theirs(ours)}' is missing")
        found[ours] = weights.pop(theirs)
        if found[ours].shape != shape:
            factor = method.invertible_reduction_factor
            message = (
                f"weight {theirs!r} is {list(found[ours].shape)}; a factor of {factor} needs {list(shape)}"
            )
            raise IntegrityError(f"{place}: {message}")
    if there:
        raise IntegrityError(f"{place}: weight {next(iter(there.values()))!r} has no place here")
    return found


def _theirs(ours: str) -> str:
    """`F.down_weight` -> `F.0.weight`."""
    net, _, name = ours.partition(".")
    return f"{net}.{KEYS[name]}"
