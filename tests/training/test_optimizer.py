"""Stacked AdamW against torch's, one optimizer per task."""

import pytest
import torch

from xadapt.training.optimizer import Entry, StackedAdamW, Turn


def grads(shape, step):
    return torch.randn(shape, generator=torch.Generator().manual_seed(step)) * (5.0 if step == 1 else 0.5)


@pytest.mark.parametrize("part", [None, 0])
def test_equals_torch_for_each_task_with_its_own_rate_clip_decay_and_end(part):
    start = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(7))
    rates, clips, decays, ends = (0.1, 0.02, 0.05), (1.0, 0.5, 1e9), (0.0, 0.1, 0.01), (4, 6, 2)
    stacked = torch.nn.Parameter(start.clone())
    heads = [torch.nn.Parameter(start[job, 0].clone()) for job in range(3)]
    entries = [Entry("weight", stacked, (0, 1, 2))]
    entries += [Entry(f"head.{job}", head, (job,), False, part) for job, head in enumerate(heads)]
    optimizer = StackedAdamW(entries, 3)
    apart = [
        (torch.nn.Parameter(start[j].clone()), torch.nn.Parameter(start[j, 0].clone())) for j in range(3)
    ]
    torchs = [torch.optim.AdamW(pair, lr=rates[j], weight_decay=decays[j]) for j, pair in enumerate(apart)]
    for step in range(6):
        active = {job: Turn(0, step) for job in range(3) if step < ends[job]}
        stacked.grad = grads(start.shape, step)
        for job, head in enumerate(heads):
            head.grad = grads(start.shape, step + 50)[job, 0]
        optimizer.step(step + 1, active, rates, clips, decays)
        for job in active:
            apart[job][0].grad = grads(start.shape, step)[job]
            apart[job][1].grad = grads(start.shape, step + 50)[job, 0]
            torch.nn.utils.clip_grad_norm_(apart[job], clips[job])
            torchs[job].step()
    for job in range(3):
        assert torch.allclose(stacked[job], apart[job][0], atol=1e-6), job
        assert torch.allclose(heads[job], apart[job][1], atol=1e-6), job


def test_biases_and_norms_do_not_decay():
    for name, decays in (
        ("module.0.down_weight", True),
        ("module.0.down_bias", False),
        ("x.norm.weight", False),
    ):
        assert Entry(name, torch.nn.Parameter(torch.ones(1, 2)), (0,)).decays is decays
