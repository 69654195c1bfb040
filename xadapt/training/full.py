"""Full fine-tuning: every weight of an encoder of its own trains, in the one loop, and the model is kept.

It starts from the pretrained encoder, or from the model of a finished full training (`continue`: STILTs).
The encoder that other stages share is another object, so nothing of it can move.
"""

from pathlib import Path
from typing import Any

import torch

from xadapt.composition import Continue, supports
from xadapt.errors import ConfigError
from xadapt.modeling import pretrained
from xadapt.modeling.encoder import Encoder
from xadapt.recipe import Full
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.training.optimizer import Entry
from xadapt.training.precision import accelerator
from xadapt.training.restore import Base, place, whole
from xadapt.workflow.context import Context


def start(stage: Train | Mixture, context: Context) -> Base:
    """A new encoder in fp32 that trains. Raises ConfigError for what has no meaning for it."""
    before = whole(stage.base)
    if why := supports(Full.name, stage.base, trains=True) or _refusal(stage, before):
        raise ConfigError(f"{stage.title()}: {why}")
    placed = accelerator(context.device, context.precision)
    found = place(stage.model, context)
    pretrained.forget()
    encoder = Encoder.load(*(found.model if before is None else (str(context.store.path(before)), None)))
    encoder.place(placed.device, torch.float32)
    tokenizer = pretrained.tokenizer(*found.model)
    return Base(encoder, tokenizer, placed, found.name, stage.model, context.memory)


def _refusal(stage: Train | Mixture, before: Train | Mixture | None) -> str | None:
    if isinstance(stage.base, Continue) and before is None:
        return "full continues from a model that was trained in full"
    if stage.below is not None:
        return "a language adapter lies on the frozen encoder, which full training changes"
    if stage.recipe.select == "oracle":
        return "select = 'oracle' would keep a whole model for every snapshot, so full has none"
    return None


def weights(encoder: Encoder) -> list[Entry]:
    """The weights of an encoder that one job trains; none of a frozen one."""
    return [
        Entry(f"encoder.{name}", parameter, (0,), stacked=False)
        for name, parameter in encoder.named_parameters()
        if parameter.requires_grad
    ]


def save(folder: Path, stage: Train | Mixture, ground: Base, context: Context) -> dict[str, Any]:
    """Write the model and its tokenizer as Hugging Face keeps them, in fp32; return facts for the record."""
    ground.encoder.to_hf().save_pretrained(str(folder))
    pretrained.copy_tokenizer(*place(stage.model, context).model, folder)
    files = [*folder.glob("model.safetensors"), *folder.glob("model-*.safetensors")]
    return {"method": Full.name, "model_bytes": sum(file.stat().st_size for file in files)}
