"""Bottlenecks in the folder layout of AdapterHub (`adapters` 1.3.0).

Sequential ones are its `SeqBnConfig`, double `DoubleSeqBnConfig`, parallel `ParBnConfig`.
"""

from pathlib import Path
from typing import Any

from xadapt.errors import IntegrityError, nearest
from xadapt.modeling import invertible_format
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
from xadapt.modeling.module import Module, kept, prefixes, shapes
from xadapt.modeling.sites import Place
from xadapt.recipe import Bottleneck, Placement

FILES = ("adapter_config.json", "adapter.safetensors")
KEYS = {
    "down_weight": "adapter_down.0.weight",
    "down_bias": "adapter_down.0.bias",
    "up_weight": "adapter_up.weight",
    "up_bias": "adapter_up.bias",
}
PLACES: dict[Place, str] = {"attention": "attention.output", "output": "output"}
SEQ_BN: dict[str, Any] = {
    "adapter_residual_before_ln": False,
    "cross_adapter": False,
    "dropout": 0.0,
    "factorized_phm_W": True,
    "factorized_phm_rule": False,
    "hypercomplex_nonlinearity": "glorot-uniform",
    "init_weights": "bert",
    "init_weights_seed": None,
    "is_parallel": False,
    "learn_phm": True,
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
    "shared_W_phm": False,
    "shared_phm_rule": True,
    "stochastic_depth": 0.0,
    "use_gating": False,
}
"""`adapters.SeqBnConfig` but for the fields a recipe sets."""
SETTINGS: dict[Placement, dict[str, Any]] = {
    "sequential": SEQ_BN,
    "double": SEQ_BN | {"mh_adapter": True, "original_ln_before": False},
    "parallel": SEQ_BN | {"init_weights": "mam_adapter", "is_parallel": True, "original_ln_before": False},
}
FREE = (
    "reduction_factor",
    "non_linearity",
    "scaling",
    "leave_out",
    "dropout",
    "init_weights",
    "init_weights_seed",
    "stochastic_depth",
    *invertible_format.FIELDS,
)
"""Fields that a recipe sets, or that say how it was trained and not what it computes."""


def _parts(method: Bottleneck, name: str, config: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Their name below a layer -> (ours, shape)."""
    found = shapes(method, config)
    return {
        f"{PLACES[place]}.adapters.{name}.{theirs}": (start + ours, found[start + ours])
        for place, start in prefixes(method).items()
        for ours, theirs in KEYS.items()
    }


def save(folder: Path, module: Module, method: Bottleneck, about: About, config: Any) -> None:
    """Write a bottleneck so that `adapters` loads it under `about.name`."""
    settings = SETTINGS[method.place] | {
        "leave_out": list(method.leave_out),
        "non_linearity": method.non_linearity,
        "reduction_factor": method.reduction_factor,
        "scaling": method.scale,
    }
    settings |= invertible_format.settings(method)
    prefix = layout(config).prefix
    weights = {
        f"{prefix}.encoder.layer.{layer}.{theirs}": module.weights[ours][row]
        for theirs, (ours, _) in _parts(method, about.name, config).items()
        for row, layer in enumerate(kept(method, config.num_hidden_layers))
    }
    weights |= invertible_format.named(module, about.name, prefix)
    write_files(folder, FILES, header(about, config) | {"config": settings}, weights)


def load(folder: Path, host: Host) -> Module:
    """Raises IntegrityError for anything but a bottleneck of one of the three places for this encoder."""
    place = folder / FILES[0]
    facts = read_facts(place)
    check_header(place, facts, host)
    name = field(place, facts, "name", is_name, "the name of the adapter")
    settings = field(place, facts, "config", is_table, "the table of an adapter's settings")
    if (kind := settings.get("architecture")) not in (None, "bottleneck"):
        said = "supported are bottleneck, and LoRA as adapters and PEFT keep it"
        raise IntegrityError(f"{place}: architecture = {kind!r}; {said}")
    method = _method(place, settings, host.config.num_hidden_layers)
    given = f"hidden_size = {host.config.hidden_size} with reduction_factor = {settings['reduction_factor']}"
    weights = read_weights(folder / FILES[1])
    invertible = invertible_format.taken(folder / FILES[1], weights, method, name, host.config)
    found = stacked(
        folder / FILES[1],
        weights,
        _parts(method, name, host.config),
        host.config.num_hidden_layers,
        given,
        method.leave_out,
    )
    return Module(method, found, invertible)


def _method(place: Path, settings: dict[str, Any], layers: int) -> Bottleneck:
    kind = _placement(settings)
    check_fields(place, settings, SETTINGS[kind], (*FREE, "architecture"), f"a {kind} bottleneck")
    factor = field(place, settings, "reduction_factor", is_positive, "a number above 0")
    function = field(place, settings, "non_linearity", is_name, ", ".join(NON_LINEARITIES))
    if function not in NON_LINEARITIES:
        raise IntegrityError(
            f"{place}: non_linearity = {function!r} is not computed{nearest(function, NON_LINEARITIES)}"
        )
    whole = {"scaling": 1.0, "leave_out": []} | settings
    scaling = field(place, whole, "scaling", is_positive, "a number above 0")
    left_out = field(
        place,
        whole,
        "leave_out",
        lambda found: _are_layers(found, layers),
        f"some of the layers 0 to {layers - 1}",
    )
    return Bottleneck(
        reduction_factor=float(factor),
        non_linearity=function,
        place=kind,
        scaling=float(scaling),
        leave_out=tuple(sorted(set(left_out))),
        **invertible_format.choices(place, settings),
    )


def _placement(settings: dict[str, Any]) -> Placement:
    if settings.get("is_parallel"):
        return "parallel"
    return "double" if settings.get("mh_adapter") else "sequential"


def _are_layers(found: Any, layers: int) -> bool:
    """Some of the layers, but not all."""
    return (
        isinstance(found, list)
        and all(type(layer) is int for layer in found)
        and set(found) < set(range(layers))
    )
