"""Losses and gradient norms: kept on the device, and read now and then for many steps at once.

Reading makes the host wait for everything that it has asked of the device, so it is not done in each step. A
state is read before it is kept, so that none is kept that is no longer finite.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from xadapt.errors import TrainingFailed
from xadapt.training.batches import Schedule

LOG_EVERY = 10
"""Steps between two readings, and between two points of a curve."""


class Noted(Protocol):
    """What is needed of a job."""

    name: str
    owner: str
    curve: list[tuple[int, float]]
    recent: list[float]
    schedule: Schedule

    def indices(self, step: int) -> list[int]: ...


@dataclass
class Readings:
    """The losses of the jobs of a loop, on their way to its curves."""

    jobs: Sequence[Noted]
    last: float = math.nan
    """Mean loss of the last step that was read."""
    _open: list[tuple[int, list[int], torch.Tensor]] = field(default_factory=list)
    """Step, its jobs, their losses and norms one after another on the device."""

    def note(self, step: int, losses: dict[int, torch.Tensor], norms: torch.Tensor) -> None:
        """`norms` [all jobs]."""
        values = torch.stack(list(losses.values())).detach().float()
        self._open.append((step, list(losses), torch.cat([values, norms])))

    def read(self) -> None:
        """Put what is open into the curves. Raises TrainingFailed for the first that is not finite."""
        if not self._open:
            return
        found, self._open = self._open, []
        values = iter(torch.cat([tensor for *_, tensor in found]).tolist())
        for step, jobs, tensor in found:
            own = [next(values) for _ in range(len(tensor))]
            self._put(step, dict(zip(jobs, own, strict=False)), own[len(jobs) :])

    def _put(self, step: int, losses: dict[int, float], norms: Sequence[float]) -> None:
        for number, loss in losses.items():
            job, norm = self.jobs[number], norms[number]
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise TrainingFailed(
                    f"{job.name}: loss {loss}, gradient norm {norm} at step {step + 1} "
                    f"(items {job.indices(step)[:5]}...)",
                    "try a lower lr",
                    job.owner,
                )
            job.recent.append(loss)
            if len(job.recent) == LOG_EVERY or step + 1 == job.schedule.steps:
                job.curve.append((step + 1, sum(job.recent) / len(job.recent)))
                job.recent = []
        self.last = sum(losses.values()) / len(losses)
