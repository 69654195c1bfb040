"""What a loop trains: jobs, each one module on one task or on a mixture of several."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from xadapt.modeling.assemble import Assembled
from xadapt.task_types import TaskType
from xadapt.task_types.items import Batch, Item
from xadapt.training.batches import Schedule
from xadapt.training.losses import Answered
from xadapt.training.optimizer import Entry, Turn
from xadapt.training.streams import Stream


@dataclass
class Part:
    """One task that a job trains on: its examples, head and loss, and how its batches are made."""

    type: TaskType
    items: Sequence[Item]
    head: torch.nn.Module
    schedule: Schedule
    labels: tuple[str, ...] = ()
    """Of the head, in its order."""


@dataclass
class Job:
    """One module of a loop: trained on one task, or on a mixture in which each step is of one part.

    `name` seeds its streams, so it must say what is trained, not beside whom.
    """

    name: str
    parts: Sequence[Part]
    schedule: Schedule
    """Steps, learning rate, clip, decay and dropout of the module."""
    owner: str = ""
    """Digest of the stage that it trains."""
    order: Sequence[int] = ()
    """The part of each step; always the first when empty."""
    curve: list[tuple[int, float]] = field(default_factory=list)
    """(step, mean loss since the last point)."""
    recent: list[float] = field(default_factory=list)
    dev: list[tuple[int, float]] = field(default_factory=list)
    """(step, score on development data) of each snapshot, where these select."""

    def __post_init__(self) -> None:
        before = [0] * len(self.parts)
        self._turns = []
        for part in self.order:
            self._turns.append(Turn(part, before[part]))
            before[part] += 1

    def turn(self, step: int) -> "Turn":
        """Whose step it is."""
        return self._turns[step] if self.order else Turn(0, step)

    def indices(self, step: int) -> list[int]:
        """The items of a step, of the part whose step it is."""
        turn = self.turn(step)
        return self.parts[turn.part].schedule.indices(turn.step)

    def batch(self, step: int) -> Batch:
        turn = self.turn(step)
        part = self.parts[turn.part]
        items = [part.items[index] for index in self.indices(step)]
        return part.type.batch(items, part.schedule.random(turn.step), part.schedule.recipe)

    def stream(self, step: int, device: torch.device) -> Stream:
        return Stream.at(self.schedule.recipe.dropout, self.schedule.seed, self.name, step, device)

    def answered(self, step: int, hidden: torch.Tensor, batch: Batch, dropout: Stream) -> Answered:
        part = self.parts[self.turn(step).part]
        return Answered(part.type, part.head, hidden, batch, part.schedule.recipe, dropout)


def entries(assembled: Assembled, jobs: Sequence[Job]) -> list[Entry]:
    """Everything that trains: the stacked modules, and the head of each part of each job."""
    found = [Entry(s.name, s.parameter, s.jobs, stacked=not s.whole) for s in assembled.stacked()]
    for number, job in enumerate(jobs):
        for place, part in enumerate(job.parts):
            found += [
                Entry(f"head.{number}.{place}.{name}", parameter, (number,), stacked=False, part=place)
                for name, parameter in (part.head.named_parameters() if part.head else ())
                if parameter.requires_grad
            ]
    return found
