"""Fusions and gates in the loop: the regulariser acts in its step, a killed run continues bit for bit."""

import pytest
import torch

from xadapt.composition import Fuse, Gate
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.combined import Fusion
from xadapt.modeling.combined import Gate as GateWeights
from xadapt.recipe import Bottleneck, FusionSettings, LoRA
from xadapt.task_types import encode_training, task_type
from xadapt.training.batches import Schedule
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.precision import accelerator

from ..modeling.conftest import config, random_module
from .small import EXAMPLES, PLANS, result
from .test_loop import Killed

KIND = "classification"
SETTINGS = FusionSettings(temperature=2.0, regularization=0.05, dropout=0.3)


def slots(settings: FusionSettings) -> list[Slot]:
    """Fusions and gates of both methods; LoRA has no values to regularize."""
    made = []
    double = Bottleneck(reduction_factor=4, place="double", leave_out=(1,))
    for method in (Bottleneck(reduction_factor=4), LoRA(rank=2), double):
        parts = tuple(random_module(method, seed) for seed in (1, 2))
        made += [
            Slot(Fuse(parts), combined=Fusion.initial(parts, config(), 3, settings)),
            Slot(Gate(parts), combined=GateWeights.initial(parts)),
        ]
    return made


def make(chosen, encoder, tokenizer, folder, seconds=1e9) -> Loop:
    recipe = PLANS[KIND]
    items = encode_training(task_type(KIND), EXAMPLES[KIND], tokenizer, recipe, ("a", "b"))
    jobs = []
    for number in range(len(chosen)):
        head = task_type(KIND).head(encoder, ("a", "b"), 5)
        schedule = Schedule(f"job {number}", len(items), recipe, 1)
        jobs.append(Job(f"job {number}", [Part(task_type(KIND), items, head, schedule)], schedule))
    assembled = Assembled(chosen, encoder.config)
    names = [job.name for job in jobs]
    placed, saved = accelerator("cpu", "fp32"), Checkpoint(folder, names, seconds)
    return Loop(encoder, assembled, jobs, entries(assembled, jobs), placed, saved, lambda **_: None)


@pytest.mark.parametrize("stop", [1, 5])
def test_all_settings_continue_bit_for_bit(encoder, tokenizer, tmp_path, stop):
    whole = make(slots(SETTINGS), encoder, tokenizer, tmp_path / "whole")
    start = [result(whole, number) for number in range(6)]
    whole.run()
    first = make(slots(SETTINGS), encoder, tokenizer, tmp_path / "cut", seconds=-1)

    def die(step, **_):
        if step == stop + 1:
            raise Killed

    first.progress = die
    with pytest.raises(Killed):
        first.run()
    second = make(slots(SETTINGS), encoder, tokenizer, tmp_path / "cut")
    assert second.run() == stop
    for number in range(6):
        found, expected = result(second, number), result(whole, number)
        assert all(torch.equal(found[name], weight) for name, weight in expected.items())
        moved = [name for name, weight in expected.items() if not torch.equal(weight, start[number][name])]
        assert set(expected) - set(moved) <= {"query.bias", "value.bias"}, "everything trains"


def test_side_by_side_equals_apart(encoder, tokenizer, tmp_path):
    together = make(slots(SETTINGS), encoder, tokenizer, tmp_path)
    together.run()
    for number, slot in enumerate(slots(SETTINGS)):
        apart = make([slot], encoder, tokenizer, tmp_path)
        apart.jobs[0].name = f"job {number}"
        apart.jobs[0].schedule = apart.jobs[0].parts[0].schedule = together.jobs[number].schedule
        apart.run()
        for name, expected in result(apart, 0).items():
            assert torch.allclose(result(together, number)[name], expected, atol=2e-5), (number, name)


def test_the_regularizer_acts_in_the_loss_of_its_step(encoder, tokenizer, tmp_path):
    """Plain torch: the loss of the step and 0.05 times the squared distance of V from the identity."""
    slot = slots(SETTINGS)[0]
    value = slot.combined.weights["value_weight"]
    value += torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) * 0.1
    losses, gradients = [], []
    for settings in (SETTINGS, FusionSettings(temperature=2.0, dropout=0.3)):
        combined = Fusion(slot.combined.weights, slot.combined.parts, settings)
        loop = make([Slot(slot.composition, combined=combined)], encoder, tokenizer, tmp_path)
        loss = loop._losses(0, {0: loop.jobs[0].batch(0)})[0]
        loss.backward()
        losses.append(loss)
        gradients.append(
            {s.name.rpartition(".")[2]: s.parameter.grad[0] for s in loop.assembled.stacked()}["value_weight"]
        )
    far = value - torch.eye(value.shape[-1])
    assert torch.allclose(losses[0] - losses[1], 0.05 * far.square().sum())
    assert torch.allclose(gradients[0] - gradients[1], 0.1 * far, atol=1e-5)
