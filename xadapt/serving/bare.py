"""The model that a module goes out with, as transformers has it: without the module, or with it merged."""

import tempfile
from pathlib import Path
from typing import Any

import peft
import torch
import transformers

from xadapt.modeling import library_format
from xadapt.modeling.architecture import LAYOUTS
from xadapt.modeling.folders import About
from xadapt.modeling.library import LibraryEncoder
from xadapt.modeling.module import Module
from xadapt.modeling.slot import Slot
from xadapt.recipe import LoRA
from xadapt.serving.fold import cut, folded
from xadapt.serving.loaded import Loaded
from xadapt.training.answering import Answering
from xadapt.training.restore import place


def refusal(loaded: Loaded, slot: Slot) -> str | None:
    """Why what a library computes has no form outside; None where it has one, and of the fast engine."""
    kind = loaded.ground.family.model_type
    if loaded.ground.engine == "fast":
        return None
    if not isinstance(_module(slot).method, LoRA):
        return None if kind in LAYOUTS else f"on {kind} `adapters` loads it with more than its folder"
    if not loaded.asked.vectors:
        return f"the heads that transformers puts on {kind} compute otherwise; --vectors exports the model"
    if loaded.asked.layer is not None:
        return f"{kind} cut after a layer ends otherwise than that layer; without --layer it is whole"
    return None


def without(loaded: Loaded) -> Any:
    """The frozen model, fp32 on the CPU."""
    encoder, family = loaded.ground.encoder, loaded.ground.family
    if not isinstance(encoder, LibraryEncoder):
        return encoder.to_hf().float()
    # Anew: that of the engine carries a module, and its config the mark of its dropouts.
    name, revision = place(loaded.asked.model, loaded.context).model
    config = transformers.AutoConfig.from_pretrained(name, revision=revision)
    for setting, value in family.settings.items():
        setattr(config, setting, value)
    more = {"add_pooling_layer": False} if family.pooler else {}
    made = getattr(transformers, family.model_class)
    given = {"revision": revision, "config": config, "dtype": torch.float32, "use_safetensors": True}
    return made.from_pretrained(name, **given, **more)


def merged(answering: Answering, loaded: Loaded) -> Any:
    """The same with the module in its matrices."""
    encoder, slot = answering.ground.encoder, answering.assembled.slots[0]
    if not isinstance(encoder, LibraryEncoder):
        return cut(folded(encoder, slot), loaded.asked.layer)
    with tempfile.TemporaryDirectory() as folder:
        about = About("", loaded.ground.name, (), "")
        library_format.save(Path(folder), _module(slot), about, encoder)
        return peft.PeftModel.from_pretrained(without(loaded), folder).merge_and_unload()


def _module(slot: Slot) -> Module:
    """The one that a library carries."""
    return slot.own if slot.own is not None else slot.below[0]
