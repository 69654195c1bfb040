"""The one prediction loop: several languages of one module at a time, in batches of tokens."""

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xadapt.composition import Fuse
from xadapt.examples import asked
from xadapt.modeling import head_format
from xadapt.modeling.invertible import decode_through
from xadapt.recipe import Recipe
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.task_types import task_type
from xadapt.task_types.items import Item
from xadapt.tasks import task
from xadapt.training import attended, manifest, peaks
from xadapt.training.answering import Answer, Answering
from xadapt.training.restore import (
    Base,
    base,
    check_probe,
    folder_of,
    load_head,
    method_of,
    over,
    read,
    slot_of,
    whole,
)
from xadapt.training.selection import points
from xadapt.workflow.context import Context


def predict(stages: Sequence[Predict], outs: Sequence[Path], context: Context) -> dict[str, dict[str, Any]]:
    """Write the predictions of `stages`, which share model, task and module; return their notes."""
    first = stages[0]
    ground = base(first.model, context, whole(first.module), method_of(first.module))
    parts = _fused(first) if not (first.reading and first.reading.layer == 0) else []
    notes = {}
    known: dict[bytes, Answer] = {}
    answering, made_of = None, None
    for stage, out in zip(stages, outs, strict=True):
        started = time.monotonic()
        peaks.begin(ground.placed.device)
        scores = _scores(stage, ground, context)
        # Of equals the first.
        snapshot = scores.index(max(scores)) if scores else None
        if answering is None or made_of != (stage.below, snapshot):
            answering, known = _answering(stage, snapshot, ground, context), {}
            made_of = (stage.below, snapshot)
        examples = read(stage.data, context)
        items = answering.encode(examples)
        new = [item for item in items if _tokens(item) not in known]
        answers = answering.forward(new)
        if getattr(answering.kind, "ONE_POOL", False):
            known.update(zip(map(_tokens, new), answers, strict=True))
            answers = [known[_tokens(item)] for item in items]
        predictions = answering.predictions(answers, items, examples)
        _write(out, [example.id for example in asked(examples)], predictions)
        if parts:
            sums = [answer.attention for answer in answers]
            attended.write(out / "attention.json", parts, sums, sum(item.tokens for item in items))
        tokens = sum(item.tokens for item in new)
        notes[stage.digest] = {
            "device": ground.placed.device.type,
            "tokens": tokens,
            "predicting_seconds": round(time.monotonic() - started, 2),
            "peak_memory_bytes": peaks.reached(ground.placed.device),
            "memory": answering.memory(new),
        } | ({"snapshot": snapshot, "dev": scores} if scores else {})
        context.progress(tokens=tokens)
    return notes


def _scores(stage: Predict, ground: Base, context: Context) -> list[float]:
    """Of each snapshot of the module on the development data of the language; none where the last answers."""
    if stage.dev is None:
        return []
    assert isinstance(stage.module, Train), "planned for a target that trains"
    examples, scores = read(stage.dev.data, context), []
    for snapshot in range(len(points(stage.module.recipe, _steps(stage.module, context)))):
        answering = _answering(stage, snapshot, ground, context)
        items = answering.encode(examples)
        scores.append(answering.score(examples, items, stage.dev.metric, stage.language))
    return scores


def _steps(module: Train, context: Context) -> int:
    steps: int = context.store.record(module.digest).notes["steps"]
    return steps


def _answering(stage: Predict, snapshot: int | None, ground: Base, context: Context) -> Answering:
    """The module, or one of its snapshots, with its head on the language adapter of the stage."""
    what = task(stage.task)
    head, labels = None, what.labels
    slot = slot_of(stage.module, ground, context, snapshot)
    if isinstance(stage.module, Train):
        folder = folder_of(stage.module, context, snapshot)
        labels = labels or head_format.labels(folder)
        manifest.check_head(folder, stage.module, labels)
        head = load_head(stage.module, ground.encoder, labels, folder).to(ground.placed.device)
    assembled = ground.assembled([over(stage.below, slot, ground, context)])
    decode_through(head, assembled.inverse(0))
    if isinstance(stage.module, Train) and head is not None and stage.below == stage.module.below:
        # On the adapter of another language it makes something else of its probe.
        heads = {str(stage.module.task): head}
        folder = folder_of(stage.module, context, snapshot)
        check_probe(folder, stage.module, ground, lambda: assembled, heads)
    upto = stage.reading.layer if stage.reading else None
    kind = task_type(what.type)
    return Answering(kind, head, labels, _recipe(stage, ground), assembled, ground, upto=upto)


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


def _write(out: Path, ids: Sequence[str], predictions: Sequence[Any]) -> None:
    with (out / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for name, prediction in zip(ids, predictions, strict=True):
            file.write(json.dumps({"id": name, "prediction": prediction}, ensure_ascii=False) + "\n")
