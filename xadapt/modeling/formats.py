"""Modules as the libraries keep them: AdapterHub folders for bottlenecks, PEFT for LoRA; and combinations."""

from pathlib import Path
from typing import Any

from xadapt.errors import ConfigError
from xadapt.modeling import adapters_lora_format, bottleneck_format, lora_format
from xadapt.modeling.combined_format import load as load_combined
from xadapt.modeling.combined_format import save as save_combined
from xadapt.modeling.folders import About, Host, read_facts
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, LoRA

__all__ = ["About", "Host", "load_combined", "load_module", "save_combined", "save_module"]


def save_module(folder: Path, module: Module, about: About, config: Any) -> None:
    """Write one module: AdapterHub layout for a bottleneck, PEFT layout for LoRA."""
    if isinstance(module.method, LoRA):
        lora_format.save(folder, module, module.method, about)
    elif isinstance(module.method, Bottleneck):
        bottleneck_format.save(folder, module, module.method, about, config)
    else:
        raise ConfigError(f"{module.method.name} makes no module")


def load_module(folder: Path, host: Host) -> Module:
    """The module of an AdapterHub or PEFT folder, for the encoder `host`.

    Raises IntegrityError for missing, broken or unreadable files, for a module of another encoder, and for
    anything of the method that the engine would compute otherwise.
    """
    facts = read_facts(folder / bottleneck_format.FILES[0])
    if "peft_type" in facts:
        return lora_format.load(folder, host)
    settings = facts.get("config")
    lora = isinstance(settings, dict) and settings.get("architecture") == adapters_lora_format.ARCHITECTURE
    return adapters_lora_format.load(folder, host) if lora else bottleneck_format.load(folder, host)
