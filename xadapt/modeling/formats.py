"""Modules as the libraries keep them: AdapterHub folders for bottlenecks and fusions, PEFT for LoRA.

safetensors only; a pickle is refused by name. The same values give the same bytes. Beside them lie the
head, its label names and the pooling it reads.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from xadapt.errors import IntegrityError
from xadapt.modeling.module import Fusion, Module
from xadapt.recipe import Bottleneck, LoRA

HUB = ("adapter_config.json", "adapter.safetensors")
PEFT = ("adapter_config.json", "adapter_model.safetensors")
FUSION = ("adapter_fusion_config.json", "model_adapter_fusion.safetensors")
VERSION = "adapters.1.3.0"
"""The library version whose layout this is."""

BOTTLENECK_KEYS = {
    "down_weight": "adapter_down.0.weight",
    "down_bias": "adapter_down.0.bias",
    "up_weight": "adapter_up.weight",
    "up_bias": "adapter_up.bias",
}
FUSION_KEYS = {
    name: name.replace("_", ".")
    for name in ("query_weight", "query_bias", "key_weight", "key_bias", "value_weight")
}
LORA_KEYS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
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
"""`adapters.SeqBnConfig` but for the fields a recipe sets; every field must be so for a folder to load."""
DYNAMIC_FUSION = {
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


@dataclass(frozen=True)
class About:
    """What a folder says of its module beside the weights."""

    name: str
    model: str
    labels: Sequence[str]
    pooling: str


def write_files(
    folder: Path, files: tuple[str, str], facts: Any, weights: Mapping[str, torch.Tensor]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (folder / files[0]).write_text(text + "\n", encoding="utf-8")
    flat = {name: weights[name].detach().float().cpu().contiguous() for name in sorted(weights)}
    save_file(flat, folder / files[1], metadata={"format": "pt"})


def read_files(folder: Path, files: tuple[str, str]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    for name in files:
        if not (folder / name).exists():
            pickles = sorted(path.name for path in folder.glob("*.bin"))
            why = f"; {pickles[0]} is a pickle, which is never loaded" if pickles else ""
            raise IntegrityError(f"{folder / name}: no such file{why}")
    try:
        facts = json.loads((folder / files[0]).read_text(encoding="utf-8"))
        return facts, load_file(folder / files[1])
    except Exception as error:
        raise IntegrityError(f"{folder}: cannot be read ({error})") from error


def header(about: About, config: Any) -> dict[str, Any]:
    return {
        "hidden_size": config.hidden_size,
        "model_class": "XLMRobertaAdapterModel",
        "model_name": about.model,
        "model_type": config.model_type,
        "name": about.name,
        "version": VERSION,
    }


def save_module(folder: Path, module: Module, about: About, config: Any) -> None:
    """Write one module: AdapterHub layout for a bottleneck, PEFT layout for LoRA."""
    if isinstance(module.method, LoRA):
        write_files(folder, PEFT, _peft_config(module.method, about), _lora_weights(module))
        return
    assert isinstance(module.method, Bottleneck)
    method = SEQ_BN | {
        "non_linearity": module.method.non_linearity,
        "reduction_factor": module.method.reduction_factor,
    }
    weights = {
        f"roberta.encoder.layer.{layer}.output.adapters.{about.name}.{theirs}": module.weights[ours][layer]
        for ours, theirs in BOTTLENECK_KEYS.items()
        for layer in range(config.num_hidden_layers)
    }
    write_files(folder, HUB, header(about, config) | {"config": method}, weights)


def load_module(folder: Path) -> Module:
    """The module of an AdapterHub or PEFT folder.

    Raises IntegrityError for missing or unreadable files and for anything of the method that the engine
    would compute otherwise (another placement, gating, rsLoRA, DoRA, patterns).
    """
    if (folder / PEFT[1]).exists():
        return _load_peft(folder)
    facts, weights = read_files(folder, HUB)
    method = dict(facts["config"])
    recipe = Bottleneck(
        reduction_factor=float(method.pop("reduction_factor")), non_linearity=method.pop("non_linearity")
    )
    if other := sorted(key for key, value in SEQ_BN.items() if method.get(key, value) != value):
        raise IntegrityError(f"{folder}: {other[0]} = {method[other[0]]!r} is not a sequential bottleneck")
    found = {
        ours: _layers(weights, f".output.adapters.{facts['name']}.{theirs}", folder)
        for ours, theirs in BOTTLENECK_KEYS.items()
    }
    return Module(recipe, found)


def _layers(weights: Mapping[str, torch.Tensor], end: str, folder: Path) -> torch.Tensor:
    """[L, ...]: the weights whose names end so, in the order of their layers."""
    found = {
        int(name.split("layer.")[1].split(".")[0]): w for name, w in weights.items() if name.endswith(end)
    }
    if not found or sorted(found) != list(range(len(found))):
        raise IntegrityError(f"{folder}: weights '*{end}' are missing or not one per layer")
    return torch.stack([found[layer] for layer in sorted(found)])


def _peft_config(method: LoRA, about: About) -> dict[str, Any]:
    modules = "|".join(re.escape(LORA_KEYS[target]) for target in sorted(method.targets))
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
        "use_dora": False,
        "use_rslora": False,
    }


def _lora_weights(module: Module) -> dict[str, torch.Tensor]:
    return {
        f"base_model.model.encoder.layer.{layer}.{LORA_KEYS[name[:-2]]}.lora_{name[-1]}.weight": weight
        for name, weights in module.weights.items()
        for layer, weight in enumerate(weights)
    }


def _load_peft(folder: Path) -> Module:
    facts, weights = read_files(folder, PEFT)
    for key in ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "lora_bias"):
        if facts.get(key):
            raise IntegrityError(f"{folder}: {key} = {facts[key]!r} is not plain LoRA")
    found = {}
    for target, theirs in LORA_KEYS.items():
        for side in "AB":
            end = f"{theirs}.lora_{side}.weight"
            mine = {n: w for n, w in weights.items() if n.endswith(end) and _is_target(n, target)}
            if mine:
                found[f"{target}.{side}"] = _layers(mine, end, folder)
    if len(found) * next(iter(found.values())).shape[0] != len(weights) if found else True:
        raise IntegrityError(f"{folder}: has weights that are no LoRA update of the encoder")
    targets: tuple[Any, ...] = tuple(target for target in LORA_KEYS if f"{target}.A" in found)
    method = LoRA(rank=facts["r"], alpha=facts["lora_alpha"], dropout=facts["lora_dropout"], targets=targets)
    return Module(method, found)


def _is_target(name: str, target: str) -> bool:
    """`output.dense` also ends `attention.output.dense`."""
    return target != "output" or ".attention." not in name


def save_fusion(folder: Path, fusion: Fusion, names: Sequence[str], about: About, config: Any) -> None:
    """Write a fusion in AdapterHub layout; `names` are those of its parts, which are kept where they are."""
    joined = ",".join(names)
    weights = {
        f"roberta.encoder.layer.{layer}.output.adapter_fusion_layer.{joined}.{theirs}": fusion.weights[ours][
            layer
        ]
        for ours, theirs in FUSION_KEYS.items()
        for layer in range(config.num_hidden_layers)
    }
    facts = header(about, config) | {"adapter_names": list(names), "config": DYNAMIC_FUSION, "name": joined}
    write_files(folder, FUSION, facts, weights)


def load_fusion(folder: Path, parts: Sequence[Module]) -> Fusion:
    """The fusion of a folder over `parts`. Raises IntegrityError when it has another number of parts."""
    facts, weights = read_files(folder, FUSION)
    if len(facts["adapter_names"]) != len(parts):
        raise IntegrityError(f"{folder}: fuses {len(facts['adapter_names'])} modules, {len(parts)} are given")
    start = f".adapter_fusion_layer.{facts['name']}."
    return Fusion(
        {ours: _layers(weights, start + theirs, folder) for ours, theirs in FUSION_KEYS.items()}, tuple(parts)
    )
