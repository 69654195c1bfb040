"""The losses of the jobs of a step: heads of one form answer side by side, each for its own rows."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from xadapt.modeling.banks import Spread
from xadapt.recipe import Recipe
from xadapt.task_types import TaskType, loss
from xadapt.task_types.items import Batch
from xadapt.training.passes import IGNORE
from xadapt.training.streams import Stream, side_by_side


@dataclass(frozen=True)
class Answered:
    """One job of a step, as its head meets it."""

    kind: TaskType
    head: torch.nn.Module
    hidden: torch.Tensor
    """[tokens of the batch, width]."""
    batch: Batch
    recipe: Recipe
    dropout: Stream

    @property
    def form(self) -> Hashable:
        """The same for heads that can answer together; of its own for one that answers alone."""
        if not hasattr(self.head, "side_by_side"):
            return id(self)
        return type(self.head), tuple(weight.shape for weight in self.head.parameters())


def losses(step: Mapping[int, Answered]) -> dict[int, torch.Tensor]:
    """By job, each equal to `task_types.loss` up to rounding."""
    groups: dict[Hashable, list[int]] = {}
    for job, one in step.items():
        groups.setdefault(one.form, []).append(job)
    found: dict[int, torch.Tensor] = {}
    for jobs in groups.values():
        together = [step[job] for job in jobs]
        made = _together(together) if len(jobs) > 1 else [_alone(together[0])]
        found.update(zip(jobs, made, strict=True))
    return {job: found[job] for job in step}


def _alone(one: Answered) -> torch.Tensor:
    return loss(one.kind, one.head, one.hidden, one.batch, one.recipe, one.dropout)


def _together(group: list[Answered]) -> list[torch.Tensor]:
    rows = [one.kind.inputs(one.hidden, one.batch, one.recipe) for one in group]
    counts = tuple(map(len, rows))
    dropout = side_by_side([one.dropout for one in group], counts)
    heads = [one.head for one in group]
    answer = type(heads[0]).side_by_side  # type: ignore[attr-defined]
    logits = answer(heads, Spread(tuple(range(len(group))), counts), torch.cat(rows), dropout)
    pairs = [one.kind.compared(own, one.batch) for one, own in zip(group, logits.split(counts), strict=True)]
    if len({own.shape for own, _ in pairs}) > 1:
        return [F.cross_entropy(own, targets) for own, targets in pairs]
    # Of one shape, as the compositions of one target are: one call for all.
    targets = torch.cat([targets for _, targets in pairs])
    every = F.cross_entropy(torch.cat([own for own, _ in pairs]), targets, reduction="none")
    counted = targets.ne(IGNORE).view(len(group), -1).sum(1)
    return list((every.view(len(group), -1).sum(1) / counted).unbind())
