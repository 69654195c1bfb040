"""What must hold of a training, checked at its start and in its first steps: what trains has an effect."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from accelerate import Accelerator

from xadapt.errors import TrainingFailed
from xadapt.modeling.assemble import Assembled
from xadapt.modeling.encoder import Encoder
from xadapt.task_types.items import Item, lay_out, pack
from xadapt.training.optimizer import Entry, Turn

NOISE = 0.1
"""Standard deviation of what is added to weights to see whether anything depends on them."""

CANCEL = "key_bias"
"""How the names of weights end that `adapters` has and no output depends on: this one adds the same to every
score of a query."""


class Trained(Protocol):
    """What is needed of a job."""

    name: str
    owner: str


def check_trainable(entries: Sequence[Entry], jobs: Sequence[Trained]) -> None:
    """Raise TrainingFailed for a job that would train a head alone, or nothing."""
    for number, job in enumerate(jobs):
        own = [entry for entry in entries if number in entry.jobs and entry.part is None]
        if not sum(entry.values[0].numel() for entry in own):
            message = f"{job.name}: nothing trains: its module has no trainable parameter"
            raise TrainingFailed(message, digest=job.owner)


def check_gradients(entries: Sequence[Entry], turns: Mapping[int, Turn], jobs: Sequence[Trained]) -> None:
    """Raise TrainingFailed for a weight that no loss of this step depends on; heads of other parts rest."""
    for entry in entries:
        own = [job for job in entry.jobs if job in turns and entry.part in (None, turns[job].part)]
        if own and entry.parameter.grad is None and not entry.name.endswith(CANCEL):
            job = jobs[own[0]]
            message = f"{job.name}: {entry.name} has no gradient: it is not in the forward"
            raise TrainingFailed(message, digest=job.owner)


@torch.no_grad()
def check_in_forward(
    encoder: Encoder, assembled: Assembled, job: int, of: Trained, item: Item, placed: Accelerator
) -> None:
    """Raise TrainingFailed when hidden states are the same whatever the weights of a job's module are.

    The weights are changed for one forward over `item` and put back bit for bit.
    """
    every = [stacked for stacked in assembled.stacked() if job in stacked.jobs]
    own = [each.parameter if each.whole else each.parameter[each.jobs.index(job)] for each in every]
    if not own:
        return
    before = _hidden(encoder, assembled, job, item, placed)
    kept = [weights.clone() for weights in own]
    generator = torch.Generator().manual_seed(0)
    try:
        for weights in own:
            weights += NOISE * torch.randn(weights.shape, generator=generator).to(weights.device)
        after = _hidden(encoder, assembled, job, item, placed)
    finally:
        for weights, as_before in zip(own, kept, strict=True):
            weights.copy_(as_before)
    if torch.equal(before, after):
        message = f"{of.name}: its module is not in the forward: with other weights nothing changes"
        raise TrainingFailed(message, digest=of.owner)


def _hidden(
    encoder: Encoder, assembled: Assembled, job: int, item: Item, placed: Accelerator
) -> torch.Tensor:
    batch = lay_out([item]).to(placed.device)
    packed = pack([batch])
    with placed.autocast():
        hidden: torch.Tensor = encoder(packed, assembled.sites(packed, [job]))
    return hidden
