"""The loop: side by side equals apart, a killed run continues bit for bit, faults are named."""

import os
import signal

import pytest
import torch

from xadapt.errors import TrainingFailed
from xadapt.modeling.assemble import Assembled
from xadapt.recipe import Recipe
from xadapt.task_types import encode_training, task_type
from xadapt.training.batches import Schedule
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.precision import accelerator

from .small import EXAMPLES, PLANS, make, result, slots


def test_kinds_of_task_side_by_side_equal_each_apart(encoder, tokenizer, tmp_path):
    kinds = list(PLANS)
    together = make(kinds, encoder, tokenizer, tmp_path / "k")
    together.run()
    for number, kind in enumerate(kinds):
        apart = make([kind], encoder, tokenizer, tmp_path / kind)
        before = result(apart, 0)
        apart.run()
        for name, expected in result(apart, 0).items():
            if kind in ("span", "choice") and name == "head.out.bias":
                continue  # No softmax sees it: its gradient is zero, and Adam turns rounding into steps.
            found = result(together, number)[name]
            moved = (expected - before[name]).abs().max()
            assert (found - expected).abs().max() < 1e-5 + 1e-2 * moved, (kind, name)
        assert [step for step, _ in together.jobs[number].curve] == [step for step, _ in apart.jobs[0].curve]
        assert apart.jobs[0].curve[-1][0] == PLANS[kind].steps


class Killed(Exception):
    pass


def test_a_run_killed_in_the_middle_continues_bit_for_bit(encoder, tokenizer, tmp_path):
    kinds = list(PLANS)
    whole = make(kinds, encoder, tokenizer, tmp_path / "whole")
    whole.run()
    for stop in (1, 6, 10):
        folder = tmp_path / str(stop)
        first = make(kinds, encoder, tokenizer, folder, seconds=-1)

        def die(step, stop=stop, **_):
            if step == stop + 1:
                raise Killed

        first.progress = die
        with pytest.raises(Killed):
            first.run()
        second = make(kinds, encoder, tokenizer, folder)
        assert second.run() == stop
        for number in range(len(kinds)):
            for name, expected in result(whole, number).items():
                assert torch.equal(result(second, number)[name], expected), (stop, kinds[number], name)
            assert second.jobs[number].curve == whole.jobs[number].curve


def test_same_seed_gives_the_same_bits(encoder, tokenizer, tmp_path):
    loops = [make(["classification"], encoder, tokenizer, tmp_path / name) for name in "ab"]
    for loop in loops:
        loop.run()
    assert all(torch.equal(w, result(loops[1], 0)[name]) for name, w in result(loops[0], 0).items())


def test_ctrl_c_finishes_the_step_and_saves(encoder, tokenizer, tmp_path):
    loop = make(["tagging"], encoder, tokenizer, tmp_path)
    loop.progress = lambda step, **_: os.kill(os.getpid(), signal.SIGINT) if step == 4 else None
    # Tests in the background of a shell are started with it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert make(["tagging"], encoder, tokenizer, tmp_path).run() == 4


def test_a_checkpoint_of_other_stages_or_a_broken_one_is_not_used(encoder, tokenizer, tmp_path):
    loop = make(["tagging"], encoder, tokenizer, tmp_path, seconds=-1)
    loop.run()
    other = make(["classification"], encoder, tokenizer, tmp_path)
    assert other.checkpoint.load(other.state()) is None
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    again = make(["tagging"], encoder, tokenizer, tmp_path)
    before = {name: w.clone() for name, w in again.state().items()}
    assert again.checkpoint.load(again.state()) is None
    assert all(torch.equal(w, before[name]) for name, w in again.state().items())


def test_a_loss_that_is_not_finite_stops_with_task_and_step(encoder, tokenizer, tmp_path):
    loop = make(["classification"], encoder, tokenizer, tmp_path)
    with torch.no_grad():
        loop.jobs[0].parts[0].head.out.bias[0] = float("nan")
    loop.jobs[0].owner = "ab"
    with pytest.raises(
        TrainingFailed, match=r"classification: loss nan, gradient norm nan at step 1"
    ) as found:
        loop.run()
    assert found.value.digest == "ab"


def test_training_lowers_the_loss_and_leaves_the_encoder_alone(encoder, tokenizer, tmp_path):
    before = encoder.fingerprint()
    loop = make(["classification"], encoder, tokenizer, tmp_path)
    frozen = loop.assembled.fingerprint()
    schedule = Schedule("t", 20, Recipe(batch=20, steps=300, lr=5e-3, dropout=0.0), 1)
    loop.jobs[0].schedule = loop.jobs[0].parts[0].schedule = schedule
    loop.run()
    assert loop.jobs[0].curve[-1][1] < 0.6 * loop.jobs[0].curve[0][1]
    assert encoder.fingerprint() == before and loop.assembled.fingerprint() == frozen


def mixture(order, encoder, tokenizer, folder, seconds=1e9) -> Loop:
    """One module trained on three kinds of task, each step of one of them."""
    kinds = ["classification", "tagging", "span"]
    parts = []
    for kind in kinds:
        recipe = PLANS[kind]
        items = encode_training(task_type(kind), EXAMPLES[kind], tokenizer, recipe, ("a", "b"))
        head = task_type(kind).head(encoder, ("a", "b"), 5)
        parts.append(Part(task_type(kind), items, head, Schedule(kind, len(items), recipe, 1)))
    recipe = Recipe(steps=len(order), lr=2e-3, dropout=0.1)
    job = Job("all", parts, Schedule("all", 1, recipe, 1), order=order)
    assembled = Assembled([slots()["classification"]], encoder.config)
    checkpoint = Checkpoint(folder, ["all"], seconds)
    placed = accelerator("cpu", "fp32")
    return Loop(encoder, assembled, [job], entries(assembled, [job]), placed, checkpoint, lambda **_: None)


def test_a_mixture_moves_one_module_and_the_head_whose_step_it_is(encoder, tokenizer, tmp_path):
    order = [0, 1, 1, 2, 0]
    loop = mixture(order, encoder, tokenizer, tmp_path)
    parts = loop.jobs[0].parts
    for step, part in enumerate(order):
        before = [{n: w.clone() for n, w in each.head.state_dict().items()} for each in parts]
        module = loop.assembled.trained(0).weights
        loop._step(step)
        moved = [
            any(not torch.equal(w, old[n]) for n, w in each.head.state_dict().items())
            for each, old in zip(parts, before, strict=True)
        ]
        assert moved == [number == part for number in range(3)]
        assert all(not torch.equal(w, module[n]) for n, w in loop.assembled.trained(0).weights.items())
    turns = [loop.jobs[0].turn(step) for step in range(len(order))]
    assert [turn.step for turn in turns] == [0, 0, 1, 0, 1], "each part goes through its own examples"


def test_a_mixture_equals_torch_with_one_optimizer(encoder, tokenizer, tmp_path):
    """The plain way: the loss of the step's task, clip, AdamW of torch, which rests without a gradient."""
    order = [0, 2, 1, 1, 0, 2]
    loop = mixture(order, encoder, tokenizer, tmp_path / "a")
    plain = mixture(order, encoder, tokenizer, tmp_path / "b")
    job = plain.jobs[0]
    everything = [entry.parameter for entry in plain.entries]
    optimizer = torch.optim.AdamW(everything, lr=1.0, weight_decay=0.0)
    for step in range(len(order)):
        optimizer.zero_grad(set_to_none=True)
        (loss,) = plain._losses(step, {0: job.batch(step)}).values()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(everything, job.schedule.recipe.clip)
        for group in optimizer.param_groups:
            group["lr"] = job.schedule.lr(step)
        optimizer.step()
    loop.run()
    for entry, other in zip(loop.entries, plain.entries, strict=True):
        if not entry.name.endswith("2.out.bias"):  # The bias that the softmax of a span does not see.
            assert torch.allclose(entry.parameter, other.parameter, atol=2e-5), entry.name


def test_a_mixture_killed_in_the_middle_continues_bit_for_bit(encoder, tokenizer, tmp_path):
    order = [0, 2, 1, 1, 0, 2, 1]
    whole = mixture(order, encoder, tokenizer, tmp_path / "whole")
    whole.run()
    first = mixture(order, encoder, tokenizer, tmp_path / "cut", seconds=-1)

    def die(step, **_):
        if step == 4:
            raise Killed

    first.progress = die
    with pytest.raises(Killed):
        first.run()
    again = mixture(order, encoder, tokenizer, tmp_path / "cut")
    assert again.run() == 3
    for entry, other in zip(whole.entries, again.entries, strict=True):
        assert torch.equal(entry.parameter, other.parameter), entry.name
