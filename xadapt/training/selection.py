"""Which weights of a training are kept: the last, the mean of its snapshots, the best of them, or all.

Snapshot k of n is taken after step ceil(k S / n) of S: after each tenth of the steps for n = 10, as
Schmidt et al. 2023 average them. A training with fewer steps than snapshots has one after every step. The
mean is that of every trained weight, heads included; of LoRA it is that of A and of B.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch

from xadapt.recipe import Recipe
from xadapt.training.batches import Schedule
from xadapt.training.optimizer import Entry

Measures = Mapping[int, Callable[[], float]]
"""Job -> its score on development data with the weights as they are, in percent."""


class Selecting(Protocol):
    """What is needed of a job."""

    schedule: Schedule
    dev: list[tuple[int, float]]


def points(recipe: Recipe, steps: int) -> tuple[int, ...]:
    """The steps after which there is a snapshot, in order; none for `last`."""
    if recipe.select == "last":
        return ()
    count = recipe.snapshots
    return tuple(sorted({-(-number * steps // count) for number in range(1, count + 1)}))


class Selection:
    """The snapshots of every job of a loop; jobs have each their own points."""

    def __init__(self, entries: Sequence[Entry], jobs: Sequence[Selecting], measures: Measures) -> None:
        self.entries, self.jobs, self.measures = entries, jobs, measures
        self.points = [points(job.schedule.recipe, job.schedule.steps) for job in jobs]
        self.kept = {
            entry.name: torch.zeros(size, *entry.values.shape, device=entry.values.device)
            for entry in entries
            if (size := max(map(self.places, entry.jobs)))
        }
        """Entry -> [places, rows, ...]."""

    def places(self, job: int) -> int:
        """How many sets of weights a job keeps beside the last."""
        how = self.jobs[job].schedule.recipe.select
        return {"last": 0, "dev": 1, "average": 1, "oracle": len(self.points[job])}[how]

    def apart(self, job: int) -> int:
        """How many snapshots are kept each for itself."""
        return self.places(job) if self.jobs[job].schedule.recipe.select == "oracle" else 0

    def state(self) -> dict[str, torch.Tensor]:
        """What a snapshot changes, by name; dev scores are those of the jobs."""
        return {f"{name}.kept": kept for name, kept in self.kept.items()}

    def after(self, step: int) -> None:
        """Take the snapshots that are due when `step` steps are done."""
        for job, due in enumerate(self.points):
            if step in due:
                self._take(job, due.index(step), step)

    def _take(self, job: int, number: int, step: int) -> None:
        how = self.jobs[job].schedule.recipe.select
        if how == "oracle":
            self._keep(job, number, 1.0)
        elif how == "average":
            self._keep(job, 0, 1 / (number + 1))
        else:
            before, score = self.jobs[job].dev, self.measures[job]()
            if all(score > other for _, other in before):
                self._keep(job, 0, 1.0)
            before.append((step, score))

    def _rows(self, job: int) -> list[tuple[Entry, list[int]]]:
        every = ((entry, [row for row, own in enumerate(entry.jobs) if own == job]) for entry in self.entries)
        return [(entry, rows) for entry, rows in every if rows]

    @torch.no_grad()
    def _keep(self, job: int, place: int, share: float) -> None:
        """Move what is kept by `share` of the way to the weights as they are."""
        for entry, rows in self._rows(job):
            kept = self.kept[entry.name][place]
            # Not kept + share * difference, which is not the weights themselves for a share of 1.
            kept[rows] = torch.lerp(kept[rows], entry.values[rows], share)

    @torch.no_grad()
    def put(self, job: int, place: int) -> None:
        """Give a job the weights that are kept at a place."""
        for entry, rows in self._rows(job):
            entry.values[rows] = self.kept[entry.name][place][rows]

    def finish(self) -> None:
        """Give each job the weights it ends with; an oracle's are the last ones."""
        for job, each in enumerate(self.jobs):
            if each.schedule.recipe.select in ("dev", "average"):
                self.put(job, 0)
