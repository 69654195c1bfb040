"""AdapterFusion in the folder layout of AdapterHub (`adapters` 1.3.0, dynamic fusion)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from xadapt.errors import IntegrityError
from xadapt.modeling.architecture import layout
from xadapt.modeling.bottleneck_format import PLACES
from xadapt.modeling.combined import FUSION, Combined, Fusion, fusion_shapes
from xadapt.modeling.folders import (
    LAYER,
    About,
    Host,
    check_fields,
    check_header,
    field,
    header,
    is_name,
    is_table,
    read_facts,
    read_weights,
    stacked,
    write_files,
)
from xadapt.modeling.module import Module, kept, prefixes
from xadapt.recipe import Bottleneck

FILES = ("adapter_fusion_config.json", "model_adapter_fusion.safetensors")
KEYS = {name: name.replace("_", ".") for name in FUSION}
DYNAMIC = {
    "dropout_prob": None,
    "key": True,
    "query": True,
    "query_before_ln": False,
    "regularization": True,
    "residual_before": False,
    "temperature": False,
    "value": True,
    "value_before_softmax": True,
    "value_initialized": True,
}
"""`adapters.DynamicAdapterFusionConfig`."""
FREE = ("dropout_prob", "regularization", "value_initialized")
"""Fields that say how it was trained and not what it computes."""


def _parts(name: str, parts: Sequence[Module], config: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Their name below a layer -> (ours, shape)."""
    found = fusion_shapes(parts, config)
    return {
        f"{PLACES[place]}.adapter_fusion_layer.{name}.{theirs}": (start + ours, found[start + ours])
        for place, start in prefixes(_method(parts)).items()
        for ours, theirs in KEYS.items()
    }


def _method(parts: Sequence[Module]) -> Bottleneck:
    """Of all parts."""
    method = parts[0].method
    assert isinstance(method, Bottleneck)
    return method


def save(folder: Path, fusion: Combined, names: Sequence[str], about: About, config: Any) -> None:
    """Write a fusion as `adapters` does; `names` are those of its parts, which are kept where they are."""
    joined = ",".join(names)
    weights = {
        f"{layout(config).prefix}.encoder.layer.{layer}.{theirs}": fusion.weights[ours][row]
        for theirs, (ours, _) in _parts(joined, fusion.parts, config).items()
        for row, layer in enumerate(kept(_method(fusion.parts), config.num_hidden_layers))
    }
    facts = header(about, config) | {"adapter_names": list(names), "config": DYNAMIC, "name": joined}
    write_files(folder, FILES, facts, weights)


def load(folder: Path, parts: Sequence[Module], names: Sequence[str], host: Host) -> Fusion:
    """The fusion of a folder over `parts`, whose names are `names`.

    Raises IntegrityError for other parts or another order, and for anything but dynamic fusion for this
    encoder.
    """
    place = folder / FILES[0]
    facts = read_facts(place)
    check_header(place, facts, host)
    fused = facts.get("adapter_names") or str(facts.get("name", "")).split(",")
    if fused != list(names):
        raise IntegrityError(f"{place}: adapter_names = {fused!r}; the parts given are {list(names)!r}")
    settings = field(place, facts, "config", is_table, "the table of a fusion's settings")
    check_fields(place, settings, DYNAMIC, FREE, "dynamic fusion")
    name = field(place, facts, "name", is_name, "the names of the parts, joined by ','")
    left_out = _method(parts).leave_out
    found = stacked(
        folder / FILES[1],
        _used(read_weights(folder / FILES[1]), left_out),
        _parts(name, parts, host.config),
        host.config.num_hidden_layers,
        f"hidden_size = {host.config.hidden_size}",
        left_out,
    )
    return Fusion(found, tuple(parts))


def _used(weights: dict[str, torch.Tensor], left_out: Sequence[int]) -> dict[str, torch.Tensor]:
    """`adapters` keeps an attention in every layer; where the parts are left out it attends to nothing."""
    matches = {name: LAYER.fullmatch(name) for name in weights}
    unused = {name for name, match in matches.items() if match and int(match["layer"]) in left_out}
    return {name: weight for name, weight in weights.items() if name not in unused}
