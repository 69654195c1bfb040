"""What has no plain form, as the library `adapters` loads it: the base model with a folder for each module.

model = AutoAdapterModel.from_pretrained(FOLDER)
model.load_adapter_setup(FOLDER, set_active=True, use_safetensors=True)
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters import __version__ as version

from xadapt.composition import Alone, Composition
from xadapt.modeling import formats, head_format, library_format
from xadapt.modeling.combined import Gate
from xadapt.modeling.formats import About
from xadapt.modeling.library import LibraryEncoder
from xadapt.modeling.library_modules import NAME as CARRIED
from xadapt.modeling.slot import Slot
from xadapt.recipe import LoRA
from xadapt.serving.asked import Asked
from xadapt.serving.fold import one_bottleneck
from xadapt.stages.train import slug
from xadapt.training.answering import Answering

NAME = "adapter_setup.json"
HEAD = "head"


def unloadable(slot: Slot) -> str | None:
    """Why `adapters` cannot load a slot; None where it can."""
    parts = slot.combined.parts if slot.combined is not None else ()
    modules = [*slot.below, *parts, *([slot.own] if slot.own else ())]
    if any(isinstance(module.method, LoRA) for module in modules):
        return "`adapters` has no fusion of LoRA, nor LoRA on language adapters as it is computed here"
    return None


def write(folder: Path, answering: Answering, asked: Asked, language: str) -> None:
    """Modules, fusion and head below `folder`, which has the base model, and how they stand together."""
    slot, config = _ungated(answering.assembled.slots[0]), answering.ground.encoder.config
    ground, pooling = answering.ground, answering.recipe.pooling
    names = [CARRIED] if ground.engine == "library" else _names(slot, asked, language)
    parts = slot.combined.parts if slot.combined is not None else ()
    modules = [*slot.below, *parts, *([slot.own] if slot.own else ())]
    for name, module in zip(names, modules, strict=True):
        about = About(name, ground.name, (), pooling)
        if isinstance(ground.encoder, LibraryEncoder):
            library_format.save(folder / name, module, about, ground.encoder)
        else:
            formats.save_module(folder / name, module, about, config)
    fused = names[len(names) - len(parts) :]
    if slot.combined is not None:
        about = About(",".join(fused), ground.name, (), pooling)
        formats.save_combined(folder / about.name, slot.combined, fused, about, config)
    if answering.head is not None:
        about = About(HEAD, ground.name, answering.labels, pooling, choices=2)
        head_format.save_head(folder / HEAD, answering.head, asked.kind, about, config)
    facts = {
        "adapter_setup": _setup(names[: len(names) - len(parts)], fused),
        "head_setup": HEAD if answering.head is not None else None,
        "version": f"adapters.{version}",
    }
    (folder / NAME).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _ungated(slot: Slot) -> Slot:
    """`adapters` has no gate; one of bottlenecks is a wider bottleneck."""
    if not isinstance(slot.combined, Gate):
        return slot
    return replace(slot, composition=Alone(), combined=None, own=one_bottleneck(slot.combined))


def _names(slot: Slot, asked: Asked, language: str) -> list[str]:
    """Of the modules from the lowest, each once."""
    module = asked.module
    names = [f"language-{language}"] if slot.language else []
    # What a training continues from is in its own weights.
    if slot.combined is not None or len(slot.below) > len(names):
        base = module if isinstance(module, Composition) else getattr(module, "base", Alone())
        names += [slug(part.expression) for part in base.parts]
    if slot.own is not None:
        names.append(slug(getattr(module, "expression", "own")))
    found: list[str] = []
    for name in names:
        found.append(name if name not in (*found, HEAD) else f"{name}-{len(found) + 1}")
    return found


def _setup(below: Sequence[str], fused: Sequence[str]) -> dict[str, Any]:
    """The composition as `adapters` writes it."""
    top: list[dict[str, Any]] = [{"type": "single", "children": [name]} for name in below]
    if fused:
        fusion = {"type": "Fuse", "children": [{"type": "single", "children": [name]} for name in fused]}
        top.append(fusion)
    return top[0] if fused and len(top) == 1 else {"type": "Stack", "children": top}
