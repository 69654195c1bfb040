"""Train stages side by side: encode their examples, run the loop, save each module with its head."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from xadapt.errors import ConfigError, TrainingFailed
from xadapt.modeling import formats, head_format, library_format
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.encoder import checksum
from xadapt.modeling.invertible import decode_through
from xadapt.modeling.library import LibraryEncoder
from xadapt.modeling.module import Module
from xadapt.stages.memory import load
from xadapt.stages.mixture import Ingredient, Mixture
from xadapt.stages.train import Train, slug
from xadapt.tasks import task
from xadapt.training import full, manifest, probe
from xadapt.training.answering import Answering
from xadapt.training.batches import stream
from xadapt.training.budget import Budget, sizes
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.held import held_in
from xadapt.training.job import Job, Part, entries
from xadapt.training.jobs import ingredients, name
from xadapt.training.jobs import jobs as make_jobs
from xadapt.training.loop import Loop
from xadapt.training.restore import (
    Base,
    base,
    check_defined,
    method_of,
    new_slot,
    over,
    part_names,
    read,
    snapshot_folder,
    whole,
)
from xadapt.training.tokens import encoded
from xadapt.workflow.context import Context


def fit(
    stages: Sequence[Train | Mixture], outs: Sequence[Path], context: Context
) -> dict[str, dict[str, Any]]:
    """Train `stages`, companions on one encoder, into `outs`; return the notes of each by digest.

    Raises TrainingFailed when a loss is not finite or a frozen weight moved, DataError for no examples.
    """
    started = time.monotonic()
    alone = whole(stages[0])
    ground = _ground(stages, context) if alone is None else full.start(alone, context)
    jobs = make_jobs(stages, ground, context)
    slots = [_slot(stage, ground, context) for stage in stages]
    assembled = ground.assembled(slots)
    for number, job in enumerate(jobs):
        for part in job.parts:
            decode_through(part.head, assembled.inverse(number))
    before = _frozen(ground, assembled)
    owners = [stage.digest for stage in stages] + ([f"{ground.bits} bit"] if ground.bits else [])
    checkpoint = Checkpoint(context.store.progress(stages[0].digest), owners, context.checkpoint_seconds)
    trained = [*full.weights(ground.encoder), *entries(assembled, jobs)]
    measures = _measures(stages, jobs, assembled, ground, context)
    size = sizes(ground.encoder)
    loads = [load(stage, size) for stage in stages] if size else []
    held = replace(context, bits=ground.bits)
    budget = Budget(loads, jobs, ground.encoder, ground.placed, held)
    given = ground.encoder, assembled, jobs, trained, ground.placed, checkpoint, context.progress, measures
    loop = Loop(*given, budget.limits(ground.forwards))
    resumed = loop.run()
    taken = budget.taken()
    if _frozen(ground, assembled) != before:
        raise TrainingFailed(f"{stages[0].title()}: a frozen weight moved")
    shared = _facts(ground, started) | taken | {"tokens": loop.tokens, "resumed_at_step": resumed}
    shared["memory"] = budget.facts(loop)
    for number, (stage, out, job) in enumerate(zip(stages, outs, jobs, strict=True)):
        _save(stage, out, job, assembled, number, ground)
        (out / "curve.json").write_text(json.dumps(job.curve) + "\n", encoding="utf-8")
        for snapshot in range(loop.selection.apart(number)):
            loop.selection.put(number, snapshot)
            _save(stage, snapshot_folder(out, snapshot), job, assembled, number, ground)
    if alone is not None:
        shared |= full.save(outs[0], alone, ground, context)
    return {
        stage.digest: shared | _own_facts(job, trained, number)
        for number, (stage, job) in enumerate(zip(stages, jobs, strict=True))
    }


def _ground(stages: Sequence[Train | Mixture], context: Context) -> Base:
    first, *others = stages
    check_defined(first, first.base)
    bits = held_in((first.base, first.below), context)
    # One at a time each trains on its own.
    if any(held_in((one.base, one.below), context) != bits for one in others):
        raise ConfigError(f"{first.title()}: companions stand on an encoder that is quantised otherwise")
    return base(first.model, context, None, method_of(first), (first.base, first.below))


def _slot(stage: Train | Mixture, ground: Base, context: Context) -> Slot:
    new = new_slot(stage, ground, context, stream(stage.seed, name(stage), "module"))
    return over(stage.below, new, ground, context)


def _frozen(ground: Base, assembled: Assembled) -> tuple[Any, ...]:
    """Changes when anything does that must not."""
    still = (weight for weight in ground.encoder.parameters() if not weight.requires_grad)
    return checksum(still), assembled.fingerprint()


def _save(
    stage: Train | Mixture, out: Path, job: Job, assembled: Assembled, number: int, ground: Base
) -> None:
    config = ground.encoder.config
    pairs = list(zip(ingredients(stage), job.parts, strict=True))
    own = replace(_about(*pairs[0], ground), name=name(stage))
    result = assembled.trained(number) if whole(stage) is None else None
    if isinstance(result, Module) and isinstance(ground.encoder, LibraryEncoder):
        library_format.save(out, result, own, ground.encoder)
    elif isinstance(result, Module):
        formats.save_module(out, result, own, config)
    elif result is not None:
        formats.save_combined(out, result, part_names(stage.base), own, config)
    for one, part in pairs:
        alone = isinstance(stage, Train)
        folder, about = (out, own) if alone else (out / "heads" / slug(one.task), _about(one, part, ground))
        head_format.save_head(folder, part.head, task(one.task).type, about, config)
    manifest.write(out, stage, {str(one.task): part.labels for one, part in pairs})
    heads = {str(one.task): part.head for one, part in pairs}
    packed = probe.sequences(pairs[0][1].items)
    made = probe.outcome(packed, ground.encoder, assembled, number, heads, ground.placed)
    probe.save(out, packed, made, ground.placed)


def _about(one: Ingredient, part: Part, ground: Base) -> formats.About:
    choices = len(part.items[0].sequences)
    return formats.About(str(one.task), ground.name, part.labels, one.recipe.pooling, choices)


def _facts(ground: Base, started: float) -> dict[str, Any]:
    on_gpu = ground.placed.device.type == "cuda"
    return {
        "engine": ground.engine,
        "device": torch.cuda.get_device_name() if on_gpu else ground.placed.device.type,
        "precision": "bf16" if ground.placed.mixed_precision == "bf16" else "fp32",
        "threads": torch.get_num_threads(),
        "training_seconds": round(time.monotonic() - started, 1),
    }


def _own_facts(job: Job, trained: Sequence[Any], number: int) -> dict[str, Any]:
    own = sum(entry.values[0].numel() for entry in trained if number in entry.jobs)
    items = sum(len(part.items) for part in job.parts)
    facts = {"steps": job.schedule.steps, "items": items, "loss": job.curve[-1][1], "trainable": own}
    return facts | ({"dev": job.dev} if job.dev else {})


def _measures(
    stages: Sequence[Train | Mixture],
    jobs: Sequence[Job],
    assembled: Assembled,
    ground: Base,
    context: Context,
) -> dict[int, Callable[[], float]]:
    """Of each job that selects on development data its score there: a mean over the tasks of a mixture."""
    found: dict[int, Callable[[], float]] = {}
    for number, (stage, job) in enumerate(zip(stages, jobs, strict=True)):
        if stage.recipe.select == "dev":
            pairs = zip(ingredients(stage), job.parts, strict=True)
            each = [_measure(one, part, assembled, number, ground, context) for one, part in pairs if one.dev]
            found[number] = partial(_mean, each)
    return found


def _measure(
    one: Ingredient, part: Part, assembled: Assembled, job: int, ground: Base, context: Context
) -> Callable[[], float]:
    assert one.dev is not None, "chosen by it"
    recipe = part.schedule.recipe
    answering = Answering(part.type, part.head, part.labels, recipe, assembled, ground, job)
    given = one.dev.data, one.task, part.labels, ground.tokenizer, recipe, context
    examples, items = read(one.dev.data, context), encoded(*given).items
    return partial(answering.score, examples, items, one.dev.metric, "en")


def _mean(measures: Sequence[Callable[[], float]]) -> float:
    return sum(measure() for measure in measures) / len(measures)
