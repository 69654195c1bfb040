"""What trains has an effect: each guard is broken on purpose."""

import pytest
import torch

from xadapt.errors import TrainingFailed
from xadapt.modeling.sites import NO_SITES

from .small import make, result

KIND = "classification"


def test_a_module_that_is_not_in_the_forward_is_refused_before_the_first_step(encoder, tokenizer, tmp_path):
    loop = make([KIND], encoder, tokenizer, tmp_path)
    loop.assembled.sites = lambda *_: NO_SITES
    loop.jobs[0].owner = "ab"
    with pytest.raises(TrainingFailed, match=r"classification: its module is not in the forward") as found:
        loop.run()
    assert found.value.digest == "ab"


def test_the_check_of_the_forward_leaves_the_weights_bit_for_bit(encoder, tokenizer, tmp_path):
    loop = make(["span", KIND], encoder, tokenizer, tmp_path, steps=1, lr=0.0)
    before = [result(loop, number) for number in range(2)]
    loop.run()
    for number, old in enumerate(before):
        assert all(torch.equal(w, old[name]) for name, w in result(loop, number).items())


def test_the_check_puts_the_weights_back_where_memory_is_out(encoder, tokenizer, tmp_path):
    loop, calls = make([KIND], encoder, tokenizer, tmp_path), []
    before = result(loop, 0)

    def scarce(*given, **more):
        calls.append(given)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("no room")
        return encoder(*given, **more)

    loop.encoder = scarce
    with pytest.raises(torch.OutOfMemoryError):
        loop.run()
    assert all(torch.equal(weight, before[name]) for name, weight in result(loop, 0).items())


def test_a_job_without_trainable_parameters_is_refused(encoder, tokenizer, tmp_path):
    loop = make([KIND], encoder, tokenizer, tmp_path)
    loop.entries = [entry for entry in loop.entries if entry.part is not None]
    loop.jobs[0].owner = "ab"
    with pytest.raises(TrainingFailed, match=r"classification: nothing trains") as found:
        loop.run()
    assert found.value.digest == "ab"


@pytest.mark.parametrize("name", ["down_weight", "head.0.0.dense.weight"])
def test_a_weight_without_gradient_is_named_in_the_first_step(name, encoder, tokenizer, tmp_path):
    loop = make([KIND], encoder, tokenizer, tmp_path)
    entry = next(entry for entry in loop.entries if entry.name.endswith(name))
    entry.parameter.requires_grad_(False)
    loop.jobs[0].owner = "ab"
    with pytest.raises(TrainingFailed, match=rf"classification: \S*{name} has no gradient") as found:
        loop.run()
    assert found.value.digest == "ab"


def test_streams_depend_on_seed_task_and_step_alone(encoder, tokenizer, tmp_path):
    """Two seeds of one task beside each other and another task, and each alone."""
    kinds, seeds = [KIND, "tagging", KIND], [1, 1, 2]
    together = make(kinds, encoder, tokenizer, tmp_path / "all", seeds=seeds)
    together.run()
    for number in (0, 2):
        apart = make([KIND], encoder, tokenizer, tmp_path / str(number), seeds=[seeds[number]])
        before = result(apart, 0)
        apart.run()
        for name, expected in result(apart, 0).items():
            moved = (expected - before[name]).abs().max()
            assert (result(together, number)[name] - expected).abs().max() < 1e-5 + 1e-2 * moved, name
    first, second = result(together, 0), result(together, 2)
    assert all(not torch.equal(first[name], second[name]) for name in first)
