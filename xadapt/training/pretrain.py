"""Make an encoder from text: train its tokenizer, then all its weights by masked language modelling."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from xadapt.errors import DataError
from xadapt.examples import Text
from xadapt.memory.estimate import Load
from xadapt.memory.sizes import Shape
from xadapt.modeling import pretrained
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.pretrained import save_tokenizer, train_tokenizer
from xadapt.recipe import Architecture, Full, Recipe
from xadapt.task_types import task_type
from xadapt.training.batches import Schedule, stream
from xadapt.training.budget import Budget
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.forwards import Forwards
from xadapt.training.full import weights
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.precision import accelerator
from xadapt.workflow.context import Context


def pretrain(
    lines: Sequence[Text],
    architecture: Architecture,
    recipe: Recipe,
    seed: int,
    out: Path,
    context: Context,
    owner: str,
) -> dict[str, Any]:
    """Write config, weights (fp16) and tokenizer into `out`; return facts for the record."""
    if not lines:
        raise DataError("no text to pretrain on")
    started = time.monotonic()
    texts = [side for line in lines for side in (line.text, line.pair) if side]
    tokenizer = train_tokenizer(texts, architecture.vocabulary)
    vocabulary = tokenizer.get_vocab_size()
    mlm = task_type("mlm")
    items = mlm.encode(lines, tokenizer, recipe, ())
    # Training runs in fp32 everywhere: nothing here is frozen, so nothing may be bf16.
    placed = accelerator(context.device, "fp32")
    pretrained.forget()
    encoder = Encoder.fresh(architecture, vocabulary, stream(seed, "encoder"))
    encoder.place(placed.device, torch.float32)
    head = mlm.head(encoder, (), stream(seed, "head")).to(placed.device)
    assembled = Assembled([Slot()], encoder.config)
    schedule = Schedule("mlm", len(items), recipe, seed)
    job = Job("mlm", [Part(mlm, items, head, schedule)], schedule)
    checkpoint = Checkpoint(context.store.progress(owner), [owner], context.checkpoint_seconds)
    everything = [*weights(encoder), *entries(assembled, [job])]
    load = Load(recipe, Shape(Full()), recipe.batch * recipe.max_length, vocabulary, "mlm")
    budget = Budget([load], [job], encoder, placed, context)
    given = encoder, assembled, [job], everything, placed, checkpoint, context.progress
    loop = Loop(*given, memory=budget.limits(Forwards()))
    resumed = loop.run()
    taken = budget.taken()
    save_tokenizer(tokenizer, out, architecture.max_length)
    encoder.to_hf().half().save_pretrained(str(out))
    (out / "curve.json").write_text(json.dumps(job.curve) + "\n", encoding="utf-8")
    return taken | {
        "device": str(placed.device),
        "vocabulary": vocabulary,
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "tokens": loop.tokens,
        "loss": job.curve[-1][1],
        "resumed_at_step": resumed,
        "memory": budget.facts(loop),
        "training_seconds": round(time.monotonic() - started, 1),
    }
