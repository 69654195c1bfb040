"""Modules that libraries compute, in their folders: AdapterHub's, and PEFT's for LoRA; safetensors only.

The files are written here: `adapters` 1.3.0 leaves the shared matrices of a compacter out when the model has
no head, and cannot write prefix tuning as safetensors. It loads both as they are written here.
"""

from pathlib import Path
from typing import Any

from adapters import __version__ as version

from xadapt.errors import IntegrityError
from xadapt.modeling.folders import About, Host, check_model, read_facts, read_weights, write_files
from xadapt.modeling.library import LibraryEncoder
from xadapt.modeling.library_modules import NAME, adapters_config, peft_config
from xadapt.modeling.module import Module
from xadapt.recipe import LoRA, Method

ADAPTER = ("adapter_config.json", "adapter.safetensors")
PEFT = ("adapter_config.json", "adapter_model.safetensors")
PLACE = "base_model.model."
"""Before each name in a PEFT folder."""
COMPUTED = {
    ADAPTER: ("config", "model_type", "hidden_size", "name"),
    PEFT: ("peft_type", "r", "lora_alpha", "target_modules", "use_rslora", "use_dora", "bias"),
}
"""Fields that must be as they were when the module was trained."""
MODEL = {ADAPTER: "model_name", PEFT: "base_model_name_or_path"}


def save(folder: Path, module: Module, about: About, encoder: LibraryEncoder) -> None:
    """Write the module so that its library loads it onto a model of this family without a head."""
    files = _files(module.method)
    weights = {_key(name, module.method): weight for name, weight in module.weights.items()}
    write_files(folder, files, _facts(module.method, encoder, about.model), weights)


def load(folder: Path, method: Method, encoder: LibraryEncoder, model: str) -> Module:
    """The module that a training by `method` saved for this encoder.

    Raises IntegrityError for missing, broken or unreadable files, and for another method, model or size.
    """
    files = _files(method)
    place = folder / files[0]
    found, needed = read_facts(place), _facts(method, encoder, model)
    check_model(place, MODEL[files], found.get(MODEL[files]), Host(encoder.config, model))
    for name in COMPUTED[files]:
        if found.get(name) != needed[name]:
            raise IntegrityError(f"{place}: {name} = {found.get(name)!r}; needed is {needed[name]!r}")
    return _filled(folder / files[1], encoder.initial(method, 0))


def _files(method: Method) -> tuple[str, str]:
    return PEFT if isinstance(method, LoRA) else ADAPTER


def _key(name: str, method: Method) -> str:
    """The name of a weight on the model -> that in the folder."""
    return PLACE + name.replace(f".{NAME}", "") if isinstance(method, LoRA) else name


def _facts(method: Method, encoder: LibraryEncoder, model: str) -> dict[str, Any]:
    if isinstance(method, LoRA):
        made: dict[str, Any] = peft_config(method, encoder.family).to_dict()
        return made | {"base_model_name_or_path": model, "inference_mode": True, "peft_type": "LORA"}
    settings = adapters_config(method, encoder.config.hidden_size).to_dict()
    return {
        "config": {name: value for name, value in settings.items() if name != "architecture" or value},
        "hidden_size": encoder.config.hidden_size,
        "model_class": type(encoder.model).__name__.removesuffix("WithAdapters"),
        "model_name": model,
        "model_type": encoder.config.model_type,
        "name": NAME,
        "version": f"adapters.{version}",
    }


def _filled(place: Path, blank: Module) -> Module:
    """The module with the weights of a file, which must be the same ones in the same shapes."""
    found = read_weights(place)
    weights = {}
    for name, empty in blank.weights.items():
        key = _key(name, blank.method)
        shape = list(found[key].shape) if key in found else "missing"
        if shape != list(empty.shape):
            raise IntegrityError(f"{place}: weight {key!r} is {shape}, needed is {list(empty.shape)}")
        weights[name] = found[key].to(empty.device)
    if more := sorted(found.keys() - {_key(name, blank.method) for name in weights}):
        raise IntegrityError(f"{place}: weight {more[0]!r} has no place here")
    return Module(blank.method, weights)
