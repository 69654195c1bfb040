"""The one prediction loop: several languages of one module at a time, in batches of tokens."""

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xadapt.composition import Fuse
from xadapt.examples import asked
from xadapt.modeling import head_format
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.combined import Fusion
from xadapt.modeling.invertible import decode_through
from xadapt.recipe import Recipe
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.task_types import TaskType, task_type
from xadapt.task_types.items import Item, pack
from xadapt.tasks import task
from xadapt.training import attended
from xadapt.training.batches import by_tokens
from xadapt.training.restore import Base, base, load_head, method_of, over, read, slot_of, whole
from xadapt.workflow.context import Context

TOKENS = {"cpu": 4096, "cuda": 65536}
"""Tokens per forward, by device type; it changes speed, and results only by rounding."""


def predict(stages: Sequence[Predict], outs: Sequence[Path], context: Context) -> dict[str, dict[str, Any]]:
    """Write the predictions of `stages`, which share model, task and module; return their notes."""
    first = stages[0]
    ground = base(first.model, context, whole(first.module), method_of(first.module))
    what = task(first.task)
    kind = task_type(what.type)
    recipe = _recipe(first, ground)
    slot = slot_of(first.module, ground, context)
    head, labels = None, what.labels
    if isinstance(first.module, Train):
        folder = context.store.path(first.module)
        labels = labels or head_format.labels(folder)
        head = load_head(first.module, ground.encoder, labels, folder).to(ground.placed.device)
    upto = first.reading.layer if first.reading else None
    parts = _fused(first) if upto != 0 else []
    notes = {}
    known: dict[bytes, Answer] = {}
    assembled, below = None, None
    for stage, out in zip(stages, outs, strict=True):
        started = time.monotonic()
        if assembled is None or stage.below != below:
            assembled, below, known = _assembled(stage, slot, head, ground, context), stage.below, {}
        examples = read(stage.data, context)
        items = kind.encode(examples, ground.tokenizer, recipe, labels)
        new = [item for item in items if _tokens(item) not in known]
        answers = _forward(new, kind, head, assembled, ground, recipe, upto)
        if getattr(kind, "ONE_POOL", False):
            known.update(zip(map(_tokens, new), answers, strict=True))
            answers = [known[_tokens(item)] for item in items]
        predictions = kind.decode([answer.output for answer in answers], items, examples, labels)
        _write(out, [example.id for example in asked(examples)], predictions)
        if parts:
            sums = [answer.attention for answer in answers]
            attended.write(out / "attention.json", parts, sums, sum(item.tokens for item in items))
        tokens = sum(item.tokens for item in new)
        notes[stage.digest] = {
            "device": ground.placed.device.type,
            "tokens": tokens,
            "predicting_seconds": round(time.monotonic() - started, 2),
        }
        context.progress(tokens=tokens)
    return notes


def _assembled(
    stage: Predict, slot: Slot, head: torch.nn.Module | None, ground: Base, context: Context
) -> Assembled:
    """The module on the language adapter of the stage."""
    made = ground.assembled([over(stage.below, slot, ground, context)])
    decode_through(head, made.inverse(0))
    return made


@dataclass(frozen=True)
class Answer:
    """What a forward gives for one item."""

    output: np.ndarray
    attention: dict[str, np.ndarray]
    """Of a fusion: site -> [layers, parts], summed over the tokens of the item; else empty."""


def _fused(stage: Predict) -> list[str]:
    """The parts of the fusion that predicts; none for other modules."""
    module = stage.module
    if isinstance(module, Train | Mixture) and isinstance(module.base, Fuse):
        return [str(part.expression) for part in module.base.parts]
    return []


def _tokens(item: Item) -> bytes:
    return b"".join(sequence.key for sequence in item.sequences)


def _recipe(stage: Predict, ground: Base) -> Recipe:
    """A trained module says how its texts are cut; what is read untrained is read at full length."""
    if isinstance(stage.module, Train):
        return stage.module.recipe
    recipe = Recipe(max_length=min(512, ground.encoder.room))
    return dataclasses.replace(recipe, pooling=stage.reading.pooling) if stage.reading else recipe


@torch.inference_mode()
def _forward(
    items: Sequence[Item],
    kind: TaskType,
    head: torch.nn.Module | None,
    assembled: Assembled,
    ground: Base,
    recipe: Recipe,
    upto: int | None,
) -> list[Answer]:
    device = ground.placed.device
    fused = isinstance(assembled.slots[0].combined, Fusion)
    # A fixed seed: only masked language modelling draws, and a prediction must not change from run to run.
    random = np.random.default_rng(0)
    results = [Answer(np.empty(0), {})] * len(items)
    for indices in by_tokens([item.tokens for item in items], TOKENS.get(device.type, TOKENS["cpu"])):
        batch = kind.batch([items[index] for index in indices], random, recipe).to(device)
        packed = pack([batch])
        watched = attended.Attended(batch.lengths) if fused else None
        with ground.placed.autocast():
            hidden = ground.encoder(packed, assembled.sites(packed, [0], None, watched), upto=upto)
            found = kind.outputs(head, hidden, batch, recipe)  # type: ignore[arg-type]
        seen = watched.by_item([len(items[index].sequences) for index in indices]) if watched else None
        for place, (index, output) in enumerate(zip(indices, found, strict=True)):
            results[index] = Answer(output, seen[place] if seen else {})
    return results


def _write(out: Path, ids: Sequence[str], predictions: Sequence[Any]) -> None:
    with (out / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for name, prediction in zip(ids, predictions, strict=True):
            file.write(json.dumps({"id": name, "prediction": prediction}, ensure_ascii=False) + "\n")
