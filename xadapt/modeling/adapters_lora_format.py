"""LoRA as `adapters` (1.3) keeps it, read alone: what is written here has the layout of PEFT."""

import re
from pathlib import Path
from typing import Any

from xadapt.errors import IntegrityError
from xadapt.modeling import lora_format
from xadapt.modeling.folders import (
    Host,
    check_model,
    field,
    is_positive,
    read_facts,
    read_weights,
    stacked,
)
from xadapt.modeling.module import Module, shapes
from xadapt.recipe import LoRA

FILES = ("adapter_config.json", "adapter.safetensors")
ARCHITECTURE = "lora"
KEY = re.compile(
    r"(?:\w+\.)?(?P<place>encoder\.layer\.\d+\.)(?P<target>[\w.]+)\.loras\.[^.]+\.lora_(?P<side>[AB])"
)
COMPUTED: dict[str, Any] = {
    "composition_mode": "add",
    "use_gating": False,
    "leave_out": [],
    "vera_d": None,
    "vera_b": None,
    "use_dora": False,
}
"""Fields with the one value that is computed here; IA3 scales, and is `lora` to `adapters` too."""


def load(folder: Path, host: Host) -> Module:
    """Raises IntegrityError for anything but plain LoRA for this encoder: IA3, VeRA, gates, DoRA."""
    place, weights_at = folder / FILES[0], folder / FILES[1]
    facts = read_facts(place)
    check_model(place, "model_name", facts.get("model_name"), host)
    settings = facts.get("config")
    if not isinstance(settings, dict):
        raise IntegrityError(f"{place}: config = {settings!r}; expected the settings of a module")
    for name, computed in COMPUTED.items():
        if (found := settings.get(name, computed)) != computed:
            raise IntegrityError(f"{place}: {name} = {found!r}; computed here is {computed!r}")
    weights = {_renamed(name): weight for name, weight in read_weights(weights_at).items()}
    targets: list[Any] = [
        target
        for target, key in lora_format.KEYS.items()
        if any(f".{key}.lora_A" in each for each in weights)
    ]
    if not targets:
        raise IntegrityError(f"{weights_at}: none of its weights updates {', '.join(lora_format.KEYS)}")
    rank = field(place, settings, "r", lambda r: type(r) is int and r > 0, "a whole number above 0")
    alpha = field(place, settings, "alpha", is_positive, "a number above 0")
    method = LoRA(rank=rank, alpha=float(alpha), targets=tuple(targets))
    parts = {_their(ours): (ours, shape) for ours, shape in shapes(method, host.config).items()}
    given = f"hidden_size = {host.config.hidden_size} with r = {rank}"
    return Module(method, stacked(weights_at, weights, parts, host.config.num_hidden_layers, given))


def _renamed(name: str) -> str:
    """Without what the module is called; anything else as it is, to be refused by its name."""
    found = KEY.fullmatch(name)
    return f"{found['place']}{found['target']}.lora_{found['side']}" if found else name


def _their(ours: str) -> str:
    target, side = ours.split(".")
    return f"{lora_format.KEYS[target]}.lora_{side}"
