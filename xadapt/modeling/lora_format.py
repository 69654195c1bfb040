"""LoRA in the folder layout of PEFT (0.21)."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from xadapt.errors import IntegrityError
from xadapt.modeling.folders import (
    LAYER,
    About,
    Host,
    check_fields,
    check_model,
    field,
    is_flag,
    is_positive,
    read_facts,
    read_weights,
    stacked,
    write_files,
)
from xadapt.modeling.module import Module, shapes
from xadapt.recipe import LoRA

FILES = ("adapter_config.json", "adapter_model.safetensors")
KEYS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
}
PLAIN: dict[str, Any] = {"peft_type": "LORA", "bias": "none"}
"""Fields with the one value that is computed; every other field but the free ones must be off."""
FREE = (
    # what is read here, or from the weights
    *("r", "lora_alpha", "lora_dropout", "base_model_name_or_path", "target_modules", "exclude_modules"),
    *("layers_pattern", "layers_to_transform", "use_rslora", "use_dora"),
    # what says nothing of the computation
    *("auto_mapping", "inference_mode", "megatron_core", "peft_version", "qalora_group_size"),
    *("init_lora_weights", "revision", "task_type"),
)
STARTS = (True, False, "gaussian", "orthogonal")
"""Initializations that leave the frozen matrix as it was."""


def _parts(method: LoRA, config: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Their name below a layer -> (ours, shape)."""
    return {_their(ours): (ours, shape) for ours, shape in shapes(method, config).items()}


def _their(ours: str) -> str:
    target, side = ours.split(".")
    if side == "magnitude":
        return f"{KEYS[target]}.lora_magnitude_vector"
    return f"{KEYS[target]}.lora_{side}.weight"


def save(folder: Path, module: Module, method: LoRA, about: About) -> None:
    """Write LoRA so that `peft` loads it onto a bare model of its layout."""
    weights = {
        f"base_model.model.encoder.layer.{layer}.{_their(name)}": weight
        for name, stack in module.weights.items()
        for layer, weight in enumerate(stack)
    }
    write_files(folder, FILES, _settings(method, about), weights)


def _settings(method: LoRA, about: About) -> dict[str, Any]:
    modules = "|".join(re.escape(KEYS[target]) for target in sorted(method.targets))
    return {
        "alpha_pattern": {},
        "base_model_name_or_path": about.model,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": method.alpha,
        "lora_dropout": method.dropout,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": method.rank,
        "rank_pattern": {},
        "target_modules": rf".*layer\.\d+\.({modules})",
        "task_type": "FEATURE_EXTRACTION",
        "use_dora": method.dora,
        "use_rslora": method.rslora,
    }


def load(folder: Path, host: Host) -> Module:
    """Raises IntegrityError for anything but LoRA, rsLoRA or DoRA for this encoder (patterns, gates)."""
    place = folder / FILES[0]
    facts = read_facts(place)
    check_model(place, "base_model_name_or_path", facts.get("base_model_name_or_path"), host)
    check_fields(place, facts, PLAIN, FREE, "plain LoRA")
    if (start := facts.get("init_lora_weights", True)) not in STARTS:
        raise IntegrityError(f"{place}: init_lora_weights = {start!r} changes the frozen matrices")
    weights = read_weights(folder / FILES[1])
    method = _method(place, facts, _targets(folder / FILES[1], weights))
    given = f"hidden_size = {host.config.hidden_size} with r = {method.rank}"
    parts = _parts(method, host.config)
    return Module(method, stacked(folder / FILES[1], weights, parts, host.config.num_hidden_layers, given))


def _targets(place: Path, weights: dict[str, torch.Tensor]) -> Sequence[str]:
    """The projections that the weights update, in our order."""
    there = {match["part"] for match in map(LAYER.fullmatch, weights) if match}
    found = [target for target in KEYS if {_their(f"{target}.A"), _their(f"{target}.B")} & there]
    if not found:
        first = f", first {min(weights)!r}" if weights else ""
        raise IntegrityError(f"{place}: {len(weights)} weights{first}; none updates {', '.join(KEYS)}")
    return found


def _method(place: Path, facts: dict[str, Any], targets: Sequence[Any]) -> LoRA:
    rank = field(place, facts, "r", lambda r: type(r) is int and r > 0, "a whole number above 0")
    alpha = field(place, facts, "lora_alpha", is_positive, "a number above 0")
    dropout = field(
        place,
        {"lora_dropout": 0.0} | facts,
        "lora_dropout",
        lambda rate: type(rate) in (int, float) and 0 <= rate < 1,
        "a share from 0 to below 1",
    )
    flags = {"use_rslora": False, "use_dora": False} | facts
    return LoRA(
        rank=rank,
        alpha=float(alpha),
        dropout=float(dropout),
        targets=tuple(targets),
        rslora=field(place, flags, "use_rslora", is_flag, "true or false"),
        dora=field(place, flags, "use_dora", is_flag, "true or false"),
    )
