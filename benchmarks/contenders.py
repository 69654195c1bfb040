"""What is compared: the loop of xadapt here, the libraries in `libraries` and `trainers`.

All train the same classification on the same examples from the same weights, with AdamW, a clip of 1 and
the same learning rates, and report the loss of every step.
"""

import copy
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from measuring import now
from workload import LABELS

from xadapt.composition import Fuse
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.combined import Fusion
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.heads import SentenceHead
from xadapt.modeling.module import Module
from xadapt.recipe import Full, Recipe
from xadapt.task_types import task_type
from xadapt.task_types.items import Item
from xadapt.training.batches import Schedule
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.full import weights
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.precision import accelerator, frozen_dtype


@dataclass(frozen=True)
class Training:
    """One task: its examples and how it is trained; `module` is where a run starts."""

    name: str
    items: Sequence[Item]
    recipe: Recipe
    module: Module | Fusion | None
    head: SentenceHead

    @classmethod
    def of(cls, name: str, items: Sequence[Item], recipe: Recipe, config: Any, seed: int) -> "Training":
        full = isinstance(recipe.method, Full)
        module = None if full else Module.initial(recipe.method, config, seed)
        return cls(name, items, recipe, module, SentenceHead.initial(config, len(LABELS), seed))

    @property
    def slot(self) -> Slot:
        if isinstance(self.module, Fusion):
            return Slot(Fuse(self.module.parts), combined=self.module)
        return Slot(own=self.module)

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.name, len(self.items), self.recipe, 1)

    def batch(self, step: int) -> list[Item]:
        return [self.items[index] for index in self.schedule.indices(step)]


@dataclass
class Run:
    """Losses, each the mean over the tasks; tokens and seconds of all but the first step."""

    losses: list[float] = field(default_factory=list)
    """Of all steps; of xadapt, which does not look at each, the last one that it had read at each."""
    tokens: int = 0
    seconds: float = 0.0
    curve: list[float] = field(default_factory=list)
    """Of xadapt the means of ten steps each."""


def ours(
    encoder: Encoder, trainings: Sequence[Training], device: torch.device, precision: str
) -> Callable[[], Run]:
    """The loop of xadapt over all `trainings` side by side, on an encoder that is placed already.

    Full training takes an encoder that is made anew, since a run changes it.
    """

    def run() -> Run:
        # A trainer that ran before has set the state that all accelerators share.
        accelerator.cache_clear()
        placed = accelerator(device.type, precision)
        own = encoder
        if trainings[0].module is None:
            own = Encoder.from_hf(encoder.to_hf())
            own.place(device, torch.float32)
        assembled = Assembled([each.slot for each in trainings], own.config).to(device)
        jobs = [_job(each, device) for each in trainings]
        found = Run()
        times: list[tuple[float, int]] = []

        def progress(**facts: Any) -> None:
            found.losses.append(facts["loss"])
            # Reading the clock of a GPU makes the host wait, which training does not.
            if facts["step"] in (1, facts["steps"]):
                times.append((now(device), facts["tokens"]))

        with tempfile.TemporaryDirectory() as folder:
            kept = Checkpoint(Path(folder), [each.name for each in trainings], 1e9)
            trained = [*weights(own), *entries(assembled, jobs)]
            Loop(own, assembled, jobs, trained, placed, kept, progress).run()
        (first, before), (last, after) = times[0], times[-1]
        found.seconds, found.tokens = last - first, after - before
        points = zip(*(job.curve for job in jobs), strict=False)
        found.curve = [sum(loss for _, loss in each) / len(each) for each in points]
        return found

    return run


def _job(training: Training, device: torch.device) -> Job:
    head = copy.deepcopy(training.head).to(device)
    part = Part(task_type("classification"), training.items, head, training.schedule, LABELS)
    return Job(training.name, [part], training.schedule)


def placed_encoder(encoder: Encoder, device: torch.device, precision: str) -> Encoder:
    """A frozen copy, in the precision that the engine would give it."""
    made = Encoder.from_hf(encoder.to_hf())
    made.config = encoder.config
    made.place(device, frozen_dtype(accelerator(device.type, precision)))
    made.freeze()
    return made


def with_method(training: Training, method: Any, config: Any) -> Training:
    """The same training by another method."""
    changed = replace(training.recipe, method=method)
    return Training.of(training.name, training.items, changed, config, 1)
