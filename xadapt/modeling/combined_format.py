"""Learned combinations as folders: AdapterHub's for AdapterFusion, one of our own for what no library has.

Our own, for gates and for fused LoRA: `combination.json` says the form, the parts by name and in order, and
the encoder; `combination.safetensors` holds `encoder.layer.N.NAME`, NAME as in combined.py. The parts are
kept where they are.
"""

from collections.abc import Sequence
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

from xadapt.modeling import fusion_format
from xadapt.modeling.combined import (
    Combined,
    Fusion,
    Gate,
    check_parts,
    fusion_shapes,
    gate_shapes,
)
from xadapt.modeling.folders import (
    About,
    Host,
    check_fields,
    check_model,
    field,
    read_facts,
    read_weights,
    stacked,
    write_files,
)
from xadapt.modeling.module import Module, kept
from xadapt.recipe import Bottleneck

FILES = ("combination.json", "combination.safetensors")
FORMAT = 1


def save(folder: Path, combined: Combined, names: Sequence[str], about: About, config: Any) -> None:
    """Write a combination; `names` are those of its parts."""
    if _on_adapterhub(_form(combined), combined.parts):
        fusion_format.save(folder, combined, names, about, config)
        return
    facts = _needed(_form(combined), combined.parts, names, config) | {
        "model_name": about.model,
        "name": about.name,
    }
    weights = {
        f"encoder.layer.{layer}.{name}": weight
        for name, stack in combined.weights.items()
        for layer, weight in zip(_layers(combined.parts, config), stack, strict=True)
    }
    write_files(folder, FILES, facts, weights)


def load(folder: Path, form: str, parts: Sequence[Module], names: Sequence[str], host: Host) -> Combined:
    """The combination of a folder, `fuse` or `gate`, over `parts`, whose names are `names`.

    Raises IntegrityError for another form, other parts or another order, another encoder, and for weights
    that do not fit the parts; ConfigError for parts that cannot be combined.
    """
    check_parts(form, parts)
    if _on_adapterhub(form, parts):
        return fusion_format.load(folder, parts, names, host)
    place = folder / FILES[0]
    facts = read_facts(place)
    needed = _needed(form, parts, names, host.config)
    for name, value in needed.items():
        field(place, facts, name, partial(eq, value), repr(value))
    check_model(place, "model_name", facts.get("model_name"), host)
    check_fields(place, facts, needed, ("model_name", "name"), f"a {form}")
    shapes = gate_shapes(parts) if form == "gate" else fusion_shapes(parts, host.config)
    found = stacked(
        folder / FILES[1],
        read_weights(folder / FILES[1]),
        {name: (name, shape) for name, shape in shapes.items()},
        host.config.num_hidden_layers,
        f"{form} over {len(parts)} parts of these sizes",
        set(range(host.config.num_hidden_layers)) - set(_layers(parts, host.config)),
    )
    return Gate(found, tuple(parts)) if form == "gate" else Fusion(found, tuple(parts))


def _layers(parts: Sequence[Module], config: Any) -> tuple[int, ...]:
    """Those in which the parts have modules."""
    return kept(parts[0].method, config.num_hidden_layers)


def _form(combined: Combined) -> str:
    return "gate" if isinstance(combined, Gate) else "fuse"


def _on_adapterhub(form: str, parts: Sequence[Module]) -> bool:
    return form == "fuse" and isinstance(parts[0].method, Bottleneck)


def _needed(form: str, parts: Sequence[Module], names: Sequence[str], config: Any) -> dict[str, Any]:
    """Fields with the one value that fits."""
    return {
        "form": form,
        "format": FORMAT,
        "hidden_size": config.hidden_size,
        "method": parts[0].method.name,
        "model_type": config.model_type,
        "parts": list(names),
    }
