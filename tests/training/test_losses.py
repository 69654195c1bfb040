"""Heads of one form answer side by side as each does alone: losses and gradients, with dropout."""

import numpy as np
import pytest
import torch

from xadapt.task_types import encode_training, task_type
from xadapt.training.losses import Answered, losses
from xadapt.training.passes import IGNORE
from xadapt.training.streams import Stream

from .small import EXAMPLES, PLANS

KINDS = ["classification", "tagging", "choice", "span"]


def jobs(kind, sizes, encoder, tokenizer) -> dict[int, Answered]:
    """One of the same kind for each of `sizes`, the number of its items, from item 1 on."""
    type_, recipe = task_type(kind), PLANS[kind]
    items = encode_training(type_, EXAMPLES[kind], tokenizer, recipe, ("a", "b"))
    found = {}
    for job, size in enumerate(sizes):
        batch = type_.batch(items[1 : 1 + size], np.random.default_rng(0), recipe)
        draw = torch.Generator().manual_seed(job)
        hidden = torch.randn(len(batch.ids), 32, generator=draw).requires_grad_()
        head = type_.head(encoder, ("a", "b"), job)
        dropout = Stream.at(0.3, 1, f"job{job}", 0, torch.device("cpu"))
        found[job] = Answered(type_, head, hidden, batch, recipe, dropout)
    return found


def gradients(step: dict[int, Answered], found: dict[int, torch.Tensor]) -> list[torch.Tensor]:
    torch.stack(list(found.values())).sum().backward()
    return [x.grad for one in step.values() for x in (one.hidden, *one.head.parameters())]


@pytest.mark.parametrize("sizes", [(3, 3, 3), (2, 5, 3)], ids=["equal", "ragged"])
@pytest.mark.parametrize("kind", KINDS)
def test_side_by_side_is_each_alone(kind, sizes, encoder, tokenizer):
    beside = jobs(kind, sizes, encoder, tokenizer)
    apart = jobs(kind, sizes, encoder, tokenizer)
    together = losses(beside)
    alone = {job: losses({job: one})[job] for job, one in apart.items()}
    assert list(together) == list(alone)
    for job, loss in alone.items():
        assert together[job].item() == pytest.approx(loss.item(), rel=1e-5)
    for mine, other in zip(gradients(beside, together), gradients(apart, alone), strict=True):
        assert torch.allclose(mine, other, atol=1e-6)


def test_a_target_that_does_not_count_is_in_no_mean(encoder, tokenizer):
    beside = jobs("tagging", (4, 4), encoder, tokenizer)
    for one in beside.values():
        one.batch.targets["tag"][1] = IGNORE
    together = losses(beside)
    apart = jobs("tagging", (4, 4), encoder, tokenizer)
    for job, one in apart.items():
        one.batch.targets["tag"][1] = IGNORE
        assert together[job].item() == pytest.approx(losses({job: one})[job].item(), rel=1e-5)


def test_heads_of_another_kind_stand_between(encoder, tokenizer):
    """Their order says nothing about which heads answer together."""
    step = jobs("classification", (2, 2), encoder, tokenizer)
    other = jobs("tagging", (3,), encoder, tokenizer)[0]
    mixed = losses({0: step[0], 1: other, 2: step[1]})
    assert list(mixed) == [0, 1, 2]
    fresh = jobs("classification", (2, 2), encoder, tokenizer)
    assert mixed[2].item() == pytest.approx(losses({1: fresh[1]})[1].item(), rel=1e-5)
