"""A folder of one JSON file and one file of weights: written, read back and checked field by field.

safetensors only; a pickle is refused by name. The same values give the same bytes. Whatever is wrong is
one IntegrityError that names the file, the field or weight, what is there and what would be right.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from xadapt import models
from xadapt.errors import IntegrityError, nearest
from xadapt.modeling.architecture import LAYOUTS

LAYER = re.compile(
    r"(?:base_model\.model\.)?(?:(?:roberta|bert)\.)?encoder\.layer\.(?P<layer>\d+)\.(?P<part>.+)"
)
"""The name of a weight, as the libraries prefix it for a bare encoder and for one with heads."""


@dataclass(frozen=True)
class About:
    """What a folder says of its module beside the weights."""

    name: str
    model: str
    labels: Sequence[str]
    pooling: str
    choices: int = 1
    """Sequences of each example: its choices in multiple choice, else 1."""


@dataclass(frozen=True)
class Host:
    """The encoder that something is loaded for: its transformers config, and its name."""

    config: Any
    model: str


def write_files(
    folder: Path, files: tuple[str, str], facts: Any, weights: Mapping[str, torch.Tensor]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (folder / files[0]).write_text(text + "\n", encoding="utf-8")
    flat = {name: weights[name].detach().float().cpu().contiguous() for name in sorted(weights)}
    save_file(flat, folder / files[1], metadata={"format": "pt"})


def read_facts(place: Path) -> dict[str, Any]:
    """The JSON object of a file."""
    _check_there(place)
    try:
        facts = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{place}: cannot be read as JSON ({error})") from error
    if not isinstance(facts, dict):
        raise IntegrityError(f"{place}: holds {facts!r}; needed is an object of named fields")
    return facts


def read_weights(place: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, all of them finite floating-point numbers."""
    _check_there(place)
    try:
        weights = load_file(place)
    except (OSError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise IntegrityError(f"{place}: its weights are not whole, it cannot be read ({reason})") from error
    for name, weight in weights.items():
        if not weight.is_floating_point():
            raise IntegrityError(f"{place}: weight {name!r} is {weight.dtype}; needed are real numbers")
        if not weight.isfinite().all():
            raise IntegrityError(f"{place}: weight {name!r} holds NaN or infinity")
    return weights


def _check_there(place: Path) -> None:
    if not place.exists():
        pickles = sorted(path.name for path in place.parent.glob("*.bin"))
        why = f"; {pickles[0]} is a pickle, which is never loaded" if pickles else ""
        raise IntegrityError(f"{place}: no such file{why}", "save it as safetensors" if pickles else "")


def header(about: About, config: Any) -> dict[str, Any]:
    return {
        "hidden_size": config.hidden_size,
        "model_class": _model_class(config),
        "model_name": about.model,
        "model_type": config.model_type,
        "name": about.name,
        "version": "adapters.1.3.0",
    }


def _model_class(config: Any) -> str:
    """Of `adapters` with heads where there is one that is known here, else of transformers."""
    if config.model_type in LAYOUTS:
        return LAYOUTS[config.model_type].library
    return models.known(config.model_type, "model").model_class


def check_header(place: Path, facts: Mapping[str, Any], host: Host) -> None:
    """A folder of `adapters` must be made for the encoder that it is loaded for."""
    for name in ("model_type", "hidden_size"):
        needed = getattr(host.config, name)
        if facts.get(name, needed) != needed:
            raise IntegrityError(f"{place}: {name} = {facts[name]!r}; the encoder has {needed!r}")
    check_model(place, "model_name", facts.get("model_name"), host)


def check_model(place: Path, field: str, found: object, host: Host) -> None:
    """The model that a folder names must be the encoder's; owner and folder before its name do not count."""
    if found and str(found).rstrip("/").split("/")[-1] != host.model.rstrip("/").split("/")[-1]:
        raise IntegrityError(f"{place}: {field} = {found!r}; the encoder is {host.model!r}")


def field(
    place: Path, facts: Mapping[str, Any], name: str, fits: Callable[[Any], bool], supported: str
) -> Any:
    """One field that must be there and fit."""
    if name not in facts:
        raise IntegrityError(f"{place}: {name} is missing; supported is {supported}")
    if not fits(facts[name]):
        raise IntegrityError(f"{place}: {name} = {facts[name]!r}; supported is {supported}")
    return facts[name]


def is_table(value: object) -> bool:
    return isinstance(value, dict)


def is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def is_flag(value: object) -> bool:
    return isinstance(value, bool)


def is_positive(value: object) -> bool:
    return type(value) in (int, float) and 0 < value < float("inf")  # type: ignore[operator]


def check_fields(
    place: Path, facts: Mapping[str, Any], computed: Mapping[str, Any], free: Collection[str], what: str
) -> None:
    """Fields must have the value that is `computed`, unless they are `free`; others must be off."""
    for name, value in facts.items():
        if name in free:
            continue
        if name in computed and value != computed[name]:
            raise IntegrityError(f"{place}: {name} = {value!r} is not {what}, which has {computed[name]!r}")
        if name not in computed and value:
            raise IntegrityError(
                f"{place}: {name} = {value!r} is not {what}{nearest(name, [*computed, *free])}"
            )


def stacked(
    place: Path,
    weights: Mapping[str, torch.Tensor],
    parts: Mapping[str, tuple[str, tuple[int, ...]]],
    layers: int,
    given: str,
    left_out: Collection[int] = (),
) -> dict[str, torch.Tensor]:
    """Our name -> [layers, ...]; `parts`: their name below a layer -> (our name, shape in one layer).

    Every weight must be one of these, and every layer that is not `left_out` must have each; `given` is what
    the shapes follow from.
    """
    found: dict[tuple[str, int], torch.Tensor] = {}
    there = [layer for layer in range(layers) if layer not in left_out]
    for name, weight in weights.items():
        match = LAYER.fullmatch(name)
        if match is None or match["part"] not in parts:
            part = match["part"] if match else name
            raise IntegrityError(f"{place}: weight {name!r} has no place here{nearest(part, parts)}")
        ours, shape = parts[match["part"]]
        if (layer := int(match["layer"])) >= layers:
            raise IntegrityError(f"{place}: weight {name!r}; the encoder has {layers} layers, from 0")
        if layer in left_out:
            raise IntegrityError(f"{place}: weight {name!r}; its settings leave layer {layer} out")
        if tuple(weight.shape) != shape:
            raise IntegrityError(
                f"{place}: weight {name!r} is {list(weight.shape)}; {given} needs {list(shape)}"
            )
        found[ours, layer] = weight
    for theirs, (ours, _) in parts.items():
        for layer in there:
            if (ours, layer) not in found:
                raise IntegrityError(f"{place}: weight 'encoder.layer.{layer}.{theirs}' is missing")
    return {ours: torch.stack([found[ours, n] for n in there]) for ours, _ in parts.values()}
