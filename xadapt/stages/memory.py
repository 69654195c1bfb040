"""Trainings by what they hold in memory, before anything of them is read; without torch."""

from collections.abc import Callable, Container, Sequence
from typing import Any

from xadapt import models
from xadapt.composition import Composition, Fuse, Gate, Stack
from xadapt.errors import DoesNotFit
from xadapt.memory.choose import BITS, at, choose, usable
from xadapt.memory.estimate import Bits, How, Load, estimate
from xadapt.memory.sizes import Form, Shape, Sizes
from xadapt.recipe import Full, ModelSpec, Recipe
from xadapt.stages.encoder import Encoder
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.stage import Stage

LABELS = 30
"""Outputs of a head, assumed where the labels are in the data; language modelling has the vocabulary."""
SEQUENCES = {"choice": 4, "ranking": 2}
"""Sequences of one example, by task type, assumed for the choices of a question; one of others."""


def shape(stage: Train | Mixture) -> Shape:
    """What a stage trains, and on what."""
    base: Composition = stage.base
    forms: dict[type, Form] = {Fuse: "fuse", Gate: "gate"}
    form = forms.get(type(base), "alone")
    parts = len(base.parts) if form != "alone" else 1
    return Shape(stage.recipe.method, form, parts, isinstance(base, Stack) + (stage.below is not None))


def sizes(model: ModelSpec | Encoder) -> Sizes | None:
    """None where the config of a model is not on this machine."""
    if isinstance(model, Encoder):
        return Sizes.made(model.architecture)
    found = models.config(model)
    return None if found is None else Sizes.of(found)


def load(stage: Train | Mixture, model: Sizes) -> Load:
    """What a step of a training may hold: of its task, or the task of a mixture, that needs most."""
    return max(loads(stage, model), key=lambda one: estimate(model, [one], How()).total)


def loads(stage: Train | Mixture, model: Sizes) -> list[Load]:
    """What a step may hold of each task, of a mixture also of its text, which comes last."""
    every = [(stage.task, stage.recipe)] if isinstance(stage, Train) else _parts(stage)
    return [_load(what, recipe, stage, model) for what, recipe in every]


def _parts(stage: Mixture) -> list[tuple[Any, Recipe]]:
    return [(one.task, one.recipe) for one in (*stage.parts, *([stage.text] if stage.text else []))]


def _load(what: Any, recipe: Recipe, stage: Train | Mixture, model: Sizes) -> Load:
    kind = task(what).type
    tokens = recipe.batch * recipe.max_length * SEQUENCES.get(kind, 1)
    return Load(recipe, shape(stage), tokens, model.vocabulary if kind == "mlm" else LABELS, kind)


Known = Callable[[ModelSpec | Encoder], Sizes | None]
"""What says the sizes of a model, where it can."""


def bits(
    stages: Sequence[Stage],
    budget: int,
    how: How,
    device: str,
    workers: int = 1,
    known: Known = sizes,
    needed: Container[str] | None = None,
) -> Bits:
    """In how many bits the frozen matrices of a plan are held: the fewest that one of its trainings needs.

    All stages of a plan have the same, so that a module is used on what it was trained on. `workers` have
    `budget` each. Raises DoesNotFit, but not for what is done: only the digests in `needed` still run.
    """
    found: Bits = None
    for stage in stages:
        if isinstance(stage, Train | Mixture) and not isinstance(stage.recipe.method, Full):
            if stage.companions() is None or (model := known(stage.model)) is None:
                continue
            one = load(stage, model)
            longest = one.tokens // one.recipe.batch
            try:
                made = choose(model, [one], longest, budget, how, device, workers=workers).how.bits
            except DoesNotFit:
                if needed is None or stage.digest in needed:
                    raise
                continue
            found = max(found, made, key=BITS.index)
    return found


def fits(budget: int, how: How, device: str, known: Known = sizes) -> Callable[[Sequence[Stage]], bool]:
    """Whether trainings fit side by side: what they all hold, beside the largest step of one of them.

    A group that fits therefore needs no more passes for its tokens than its members alone.
    """

    def answer(stages: Sequence[Stage]) -> bool:
        given = [stage for stage in stages if isinstance(stage, Train | Mixture)]
        model = known(given[0].model) if given else None
        if model is None or len(given) == 1:
            return True
        each = [load(stage, model) for stage in given]
        most = max(one.tokens for one in each)
        return at(model, each, most, how).total <= usable(budget, device)

    return answer
