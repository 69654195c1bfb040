"""What stages compute with: a module, what it is combined with, and what both cost."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from xadapt import models
from xadapt.composition import Composition, Fuse, Gate, Merge, Stack
from xadapt.forecast.model import Model
from xadapt.forecast.within import Held
from xadapt.memory.estimate import How, estimate
from xadapt.memory.sizes import Shape, trainable, units
from xadapt.models import SENTENCES
from xadapt.recipe import Bottleneck, Full, LoRA, Method, ModelSpec, Recipe
from xadapt.stages.memory import loads, shape
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Ingredient, Mixture
from xadapt.stages.train import Train
from xadapt.tasks import task

FORWARD_BACKWARD = 2.0
"""Of a frozen encoder, in forward passes: gradients of activations cost as much as a forward."""
FULL = 3.0
"""With gradients of all weights."""
DEVIATION = 0.6
"""Of the tokens of an example, as a share of their mean; four times as much is the most."""
FORMED = {"stack": 1, "gate": 1, "fuse": 2}
"""How often a composition computes a module that it runs: fusion forms its scores in the bottleneck too."""


def mixed_width(size: Model | None, method: Method | None, base: Composition) -> float:
    if size is None or not isinstance(base, Fuse | Gate):
        return 0.0
    width = 1
    if isinstance(method, Bottleneck):
        width = units(method, size.sizes.hidden)
    elif isinstance(method, LoRA):
        width = method.rank
    return len(base.parts) * width / size.sizes.hidden


def weights_of(size: Model | None, stage: Train | Mixture, parts: Sequence[Ingredient]) -> float:
    """What is saved of a training: its module, or what mixes others and a target's own, and large heads."""
    if size is None:
        return 0.0
    kinds = [task(one.task).type for one in parts]
    dense = sum(kind in (*SENTENCES, "mlm") for kind in kinds) * size.sizes.hidden**2
    return trainable(size.sizes, shape(stage)) + dense + kinds.count("mlm") * size.sizes.vocabulary


def scored(size: Model | None, kind: str, recipe: Recipe, method: Method) -> float:
    """Operations of a trained token for its answer: the vocabulary is scored for those that are hidden."""
    if size is None or kind != "mlm":
        return 0.0
    passes = FULL if isinstance(method, Full) else FORWARD_BACKWARD
    return passes * recipe.mask * 2 * size.sizes.hidden * size.sizes.vocabulary


def largest(size: Model, stage: Train | Mixture, lengths: Sequence[float], how: How) -> Held:
    """What a training holds in the largest of many steps, its text included.

    `lengths` are the mean tokens of an example of each task.
    """
    found, longest = [], 1
    for one, length in zip(loads(stage, size.sizes), lengths, strict=True):
        batch = one.recipe.batch
        found.append(replace(one, tokens=min(one.tokens, most(length, batch))))
        longest = max(longest, min(one.tokens // batch, most(length, 1)))
    own = how if _quantised(stage) else replace(how, bits=None)
    load = max(found, key=lambda one: estimate(size.sizes, [one], own).total)
    return Held(load, longest, own, offered=_fast(stage))


def most(length: float, count: int) -> int:
    """Tokens of the largest of many draws of so many examples, whose mean they are given."""
    return round(length * (count + 4 * DEVIATION * math.sqrt(count)))


def _fast(stage: Train | Mixture) -> bool:
    family = models.family(stage.model) if isinstance(stage.model, ModelSpec) else None
    return models.engine(family, stage.recipe.method.name) != "library"


def _quantised(stage: Train | Mixture) -> bool:
    """Whether its frozen matrices are in the bits of the plan, where these are fewer."""
    return _fast(stage) and not isinstance(stage.recipe.method, Full)


def flops_of(
    size: Model | None,
    method: Method | None,
    base: Composition,
    length: float,
    tokens: float,
    *,
    trains: bool,
) -> float:
    """Of so many tokens in sequences of `length`."""
    if size is None:
        return 0.0
    passes = (FULL if isinstance(method, Full) else FORWARD_BACKWARD) if trains else 1.0
    own = 0 if method is None or isinstance(method, Full) else trainable(size.sizes, Shape(method))
    below = len(base.parts) * own * FORMED.get(base.form, 0)
    return tokens * (passes * size.forward(length) + (3.0 if trains else 1.0) * 2 * (own + below))


def form_of(base: Composition, below: bool) -> str:
    """What runs beside a module: a merge or a chain is one module when it is trained on."""
    if isinstance(base, Fuse | Gate):
        return base.form
    return "stack" if isinstance(base, Stack) or below else "alone"


def base_of(module: Any) -> Composition:
    """Of what predicts; one frozen module that is read as it is runs like one that was trained alone."""
    if isinstance(module, Train | Mixture):
        return module.base
    if isinstance(module, Stack | Merge):
        return Composition()
    assert isinstance(module, Composition)
    return module


def _modules(found: Any) -> Iterator[Any]:
    if isinstance(found, Merged):
        yield from found.merge.parts
    elif isinstance(found, Composition):
        yield from found.parts


def method_of(module: Any) -> Method | None:
    """Of what predicts or is merged; None for the bare encoder."""
    while not isinstance(module, Train | Mixture):
        module = next(_modules(module), None)
        if module is None:
            return None
    return module.recipe.method


def recipe_of(module: Any) -> Recipe:
    return module.recipe if isinstance(module, Train) else Recipe(max_length=512)
