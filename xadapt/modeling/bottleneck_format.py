"""Bottlenecks in the folder layout of AdapterHub (`adapters` 1.3.0, `SeqBnConfig`)."""

from pathlib import Path
from typing import Any

from xadapt.errors import IntegrityError, nearest
from xadapt.modeling.architecture import layout
from xadapt.modeling.banks import NON_LINEARITIES
from xadapt.modeling.folders import (
    About,
    Host,
    check_fields,
    check_header,
    field,
    header,
    is_name,
    is_positive,
    is_table,
    read_facts,
    read_weights,
    stacked,
    write_files,
)
from xadapt.modeling.module import Module, shapes
from xadapt.recipe import Bottleneck

FILES = ("adapter_config.json", "adapter.safetensors")
KEYS = {
    "down_weight": "adapter_down.0.weight",
    "down_bias": "adapter_down.0.bias",
    "up_weight": "adapter_up.weight",
    "up_bias": "adapter_up.bias",
}
SEQ_BN: dict[str, Any] = {
    "adapter_residual_before_ln": False,
    "cross_adapter": False,
    "dropout": 0.0,
    "factorized_phm_W": True,
    "factorized_phm_rule": False,
    "hypercomplex_nonlinearity": "glorot-uniform",
    "init_weights": "bert",
    "init_weights_seed": None,
    "inv_adapter": None,
    "inv_adapter_reduction_factor": None,
    "is_parallel": False,
    "learn_phm": True,
    "leave_out": [],
    "ln_after": False,
    "ln_before": False,
    "mh_adapter": False,
    "original_ln_after": True,
    "original_ln_before": True,
    "output_adapter": True,
    "phm_bias": True,
    "phm_c_init": "normal",
    "phm_dim": 4,
    "phm_init_range": 0.0001,
    "phm_layer": False,
    "phm_rank": 1,
    "residual_before_ln": True,
    "scaling": 1.0,
    "shared_W_phm": False,
    "shared_phm_rule": True,
    "stochastic_depth": 0.0,
    "use_gating": False,
}
"""`adapters.SeqBnConfig` but for the fields a recipe sets."""
FREE = (
    "reduction_factor",
    "non_linearity",
    "dropout",
    "init_weights",
    "init_weights_seed",
    "stochastic_depth",
)
"""Fields that a recipe sets, or that say how it was trained and not what it computes."""


def _parts(method: Bottleneck, name: str, config: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Their name below a layer -> (ours, shape)."""
    found = shapes(method, config)
    return {f"output.adapters.{name}.{theirs}": (ours, found[ours]) for ours, theirs in KEYS.items()}


def save(folder: Path, module: Module, method: Bottleneck, about: About, config: Any) -> None:
    """Write a bottleneck so that `adapters` loads it under `about.name`."""
    settings = SEQ_BN | {
        "non_linearity": method.non_linearity,
        "reduction_factor": method.reduction_factor,
    }
    weights = {
        f"{layout(config).prefix}.encoder.layer.{layer}.{theirs}": module.weights[ours][layer]
        for theirs, (ours, _) in _parts(method, about.name, config).items()
        for layer in range(config.num_hidden_layers)
    }
    write_files(folder, FILES, header(about, config) | {"config": settings}, weights)


def load(folder: Path, host: Host) -> Module:
    """Raises IntegrityError for anything but a sequential bottleneck for this encoder."""
    place = folder / FILES[0]
    facts = read_facts(place)
    check_header(place, facts, host)
    name = field(place, facts, "name", is_name, "the name of the adapter")
    settings = field(place, facts, "config", is_table, "the table of an adapter's settings")
    if (kind := settings.get("architecture")) not in (None, "bottleneck"):
        raise IntegrityError(f"{place}: architecture = {kind!r}; supported are bottleneck, and LoRA by PEFT")
    check_fields(place, settings, SEQ_BN, (*FREE, "architecture"), "a sequential bottleneck")
    factor = field(place, settings, "reduction_factor", is_positive, "a number above 0")
    function = field(place, settings, "non_linearity", is_name, ", ".join(NON_LINEARITIES))
    if function not in NON_LINEARITIES:
        raise IntegrityError(
            f"{place}: non_linearity = {function!r} is not computed{nearest(function, NON_LINEARITIES)}"
        )
    method = Bottleneck(reduction_factor=float(factor), non_linearity=function)
    given = f"hidden_size = {host.config.hidden_size} with reduction_factor = {factor}"
    found = stacked(
        folder / FILES[1],
        read_weights(folder / FILES[1]),
        _parts(method, name, host.config),
        host.config.num_hidden_layers,
        given,
    )
    return Module(method, found)
