"""Stages that train -> jobs of the loop: examples encoded, heads made, steps shared among the parts."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xadapt import models
from xadapt.modeling import pretrained_head
from xadapt.modeling.heads import LMHead
from xadapt.recipe import Recipe
from xadapt.stages.mixture import Ingredient, Mixture
from xadapt.stages.train import Train, slug
from xadapt.task_types import task_type
from xadapt.tasks import task
from xadapt.training import sampler, tokens
from xadapt.training.batches import Schedule, stream
from xadapt.training.job import Job, Part
from xadapt.training.restore import Base, check_length, place
from xadapt.training.tokens import Encoded
from xadapt.workflow.context import Context


def ingredients(stage: Train | Mixture) -> tuple[Ingredient, ...]:
    """What a stage trains on, its own text last."""
    if isinstance(stage, Train):
        return (Ingredient(task=stage.task, data=stage.data, recipe=stage.recipe, dev=stage.dev),)
    return (*stage.parts, stage.text) if stage.text else stage.parts


def name(stage: Train | Mixture) -> str:
    """What seeds a stage's random streams and names its module: the same alone as beside others."""
    if isinstance(stage, Train):
        return stage.language or str(stage.task)
    return slug(stage.expression)


def jobs(stages: Sequence[Train | Mixture], ground: Base, context: Context) -> list[Job]:
    """One job per stage; what several stages read is encoded once. Raises ConfigError, DataError."""
    encoded: dict[Any, Encoded] = {}
    return [_job(stage, ground, context, encoded) for stage in stages]


def _job(stage: Train | Mixture, ground: Base, context: Context, encoded: dict[Any, Encoded]) -> Job:
    parts = [_part(one, stage.seed, ground, context, encoded) for one in ingredients(stage)]
    if isinstance(stage, Train):
        if stage.language and isinstance(head := parts[0].head, LMHead):
            pretrained_head.start(head, Path(place(stage.model, context).model[0]))
        return Job(name(stage), parts, parts[0].schedule, stage.digest)
    check_length(stage.recipe, ground.encoder)
    shares = _shares(stage, [len(part.items) for part in parts])
    recipe = replace(stage.recipe, steps=stage.recipe.steps or _steps(stage, parts))
    schedule = Schedule(name(stage), sum(len(part.items) for part in parts), recipe, stage.seed)
    order = sampler.draws(shares, stage.seed, schedule.steps).tolist()
    return Job(name(stage), parts, schedule, stage.digest, order)


def _part(one: Ingredient, seed: int, ground: Base, context: Context, encoded: dict[Any, Encoded]) -> Part:
    check_length(one.recipe, ground.encoder)
    what = task(one.task)
    models.pooling_fits(ground.family, what.type, one.recipe, "recipe pooling")
    kind = task_type(what.type)
    key = (one.data.digest, one.task, one.recipe.max_length, one.recipe.stride)
    if key not in encoded:
        given = one.data, one.task, what.labels, ground.tokenizer, one.recipe, context
        encoded[key] = tokens.encoded_training(*given)
    labels, items = encoded[key]
    head = kind.head(ground.encoder, labels, stream(seed, one.task, "head")).to(ground.placed.device)
    return Part(kind, items, head, Schedule(str(one.task), len(items), one.recipe, seed), labels)


def _shares(stage: Mixture, sizes: Sequence[int]) -> np.ndarray:
    """The share of each part in the steps, [parts]; that of the text is given, not drawn from its size."""
    how = stage.sampling
    own = sizes[:-1] if stage.text else sizes
    shares = sampler.probabilities(own, how.how, cap=how.cap, temperature=how.temperature).tolist()
    if stage.text:
        shares = [*(share * (1 - stage.text_share) for share in shares), stage.text_share]
    return np.array(shares)


def _steps(stage: Mixture, parts: Sequence[Part]) -> int:
    """What the parts would take one after another, of large ones as many examples as they count with."""
    cap = stage.sampling.cap if stage.sampling.how in ("capped", "temperature") else math.inf
    own = parts[:-1] if stage.text else parts
    steps = sum(_own_steps(part.schedule.recipe, min(len(part.items), cap)) for part in own)
    return math.ceil(steps / (1 - stage.text_share))


def _own_steps(recipe: Recipe, size: float) -> int:
    return recipe.steps or math.ceil(size * recipe.epochs / recipe.batch)
