"""Train stages side by side: encode their examples, run the loop, save each module with its head."""

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from xadapt import examples
from xadapt.errors import TrainingFailed
from xadapt.modeling import formats, head_format
from xadapt.modeling.assemble import Assembled
from xadapt.modeling.module import Fusion
from xadapt.stages.train import Train
from xadapt.task_types import encode_training, task_type
from xadapt.task_types.items import Item
from xadapt.tasks import task
from xadapt.training.batches import Schedule, stream
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.loop import Job, Loop, entries
from xadapt.training.restore import Base, base, check_length, new_slot, read
from xadapt.workflow.context import Context


def fit(stages: Sequence[Train], outs: Sequence[Path], context: Context) -> dict[str, dict[str, Any]]:
    """Train `stages`, companions on one encoder, into `outs`; return the notes of each by digest.

    Raises TrainingFailed when a loss is not finite or a frozen weight moved, DataError for no examples.
    """
    started = time.monotonic()
    ground = base(stages[0].model, context)
    jobs = _jobs(stages, ground, context)
    slots = [new_slot(stage, ground, context, stream(stage.seed, stage.task, "module")) for stage in stages]
    assembled = Assembled(slots, ground.encoder.config).to(ground.placed.device)
    before = ground.encoder.fingerprint(), assembled.fingerprint()
    owners = [stage.digest for stage in stages]
    checkpoint = Checkpoint(context.store.progress(owners[0]), owners, context.checkpoint_seconds)
    trained = entries(assembled, [job.head for job in jobs])
    loop = Loop(ground.encoder, assembled, jobs, trained, ground.placed, checkpoint, context.progress)
    resumed = loop.run()
    if (ground.encoder.fingerprint(), assembled.fingerprint()) != before:
        raise TrainingFailed(f"{stages[0].title()}: a frozen weight moved")
    shared = _facts(ground, started) | {"tokens": loop.tokens, "resumed_at_step": resumed}
    for number, (stage, out, job) in enumerate(zip(stages, outs, jobs, strict=True)):
        _save(stage, out, job, assembled, number, ground)
    return {
        stage.digest: shared | _own_facts(job, trained, number)
        for number, (stage, job) in enumerate(zip(stages, jobs, strict=True))
    }


def _jobs(stages: Sequence[Train], ground: Base, context: Context) -> list[Job]:
    encoded: dict[Any, tuple[tuple[str, ...], list[Item]]] = {}
    jobs = []
    for stage in stages:
        check_length(stage.recipe, ground.encoder)
        what = task(stage.task)
        kind = task_type(what.type)
        key = (stage.data.digest, stage.task, stage.recipe.max_length, stage.recipe.stride)
        if key not in encoded:
            found = read(stage.data, context)
            labels = what.labels or examples.labels(found)
            encoded[key] = labels, encode_training(kind, found, ground.tokenizer, stage.recipe, labels)
        labels, items = encoded[key]
        head = kind.head(ground.encoder, labels, stream(stage.seed, stage.task, "head"))
        schedule = Schedule(str(stage.task), len(items), stage.recipe, stage.seed)
        jobs.append(Job(str(stage.task), kind, items, head.to(ground.placed.device), schedule, labels))
    return jobs


def _save(stage: Train, out: Path, job: Job, assembled: Assembled, number: int, ground: Base) -> None:
    config = ground.encoder.config
    choices = len(job.items[0].sequences)
    about = formats.About(str(stage.task), ground.name, job.labels, stage.recipe.pooling, choices)
    result = assembled.trained(number)
    if isinstance(result, Fusion):
        formats.save_fusion(out, result, [str(part.task) for part in stage.base.parts], about, config)
    else:
        formats.save_module(out, result, about, config)
    head_format.save_head(out, job.head, task(stage.task).type, about, config)
    (out / "curve.json").write_text(json.dumps(job.curve) + "\n", encoding="utf-8")


def _facts(ground: Base, started: float) -> dict[str, Any]:
    on_gpu = ground.placed.device.type == "cuda"
    unit = 1 if sys.platform == "darwin" else 1024
    peak = (
        torch.cuda.max_memory_allocated()
        if on_gpu
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    )
    return {
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "precision": "bf16" if ground.placed.mixed_precision == "bf16" else "fp32",
        "threads": torch.get_num_threads(),
        "peak_memory_bytes": peak,
        "training_seconds": round(time.monotonic() - started, 1),
    }


def _own_facts(job: Job, trained: Sequence[Any], number: int) -> dict[str, Any]:
    own = sum(entry.values[0].numel() for entry in trained if number in entry.jobs)
    return {"steps": job.schedule.steps, "items": len(job.items), "loss": job.curve[-1][1], "trainable": own}
