"""The host waits for the device only where losses are read: never within a step.

Steps run on the meta device, on which nothing has a value: what reads one there fails, and what copies
between it and the CPU, or asks how many of something there are, is counted.
"""

import math
from collections import Counter
from contextlib import ExitStack, nullcontext
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from xadapt.errors import TrainingFailed
from xadapt.modeling import banks, transfer
from xadapt.task_types import items
from xadapt.training import loop as loops
from xadapt.training.attended import Attended
from xadapt.training.job import entries
from xadapt.training.loop import Loop
from xadapt.training.memory import Memory
from xadapt.training.readings import LOG_EVERY, Readings
from xadapt.training.streams import Share, Stream

from .small import PLANS, make
from .test_loop import mixture

META = torch.device("meta")
SIZES = ("nonzero", "masked_select", "_unique2", "unique_dim", "_local_scalar_dense", "equal")
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")


class Waits(TorchDispatchMode):
    """What would make the host wait, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if wait := _wait(func.__name__.split(".")[0], args, given):
            self.found[wait] += 1
        return func(*args, **given)


def _wait(name: str, args: Any, given: Any) -> str | None:
    every = [one for one in tree_leaves((args, given)) if torch.is_tensor(one)]
    there, here = any(x.is_meta for x in every), any(x.is_cpu for x in every)
    if name in ("_to_copy", "copy_"):
        to = given.get("device") or (args[0].device if name == "copy_" else None)
        blocks = not (given.get("non_blocking") or args[-1] is True)
        if (here and to == META and blocks) or (there and to == torch.device("cpu")):
            return f"{name} to {to}"
    elif there and (name in SIZES or (name == "segment_reduce" and not given.get("unsafe"))):
        return name
    elif there and name in INDEXING and any(one.dtype == torch.bool for one in args[1] if one is not None):
        return f"{name} by a mask"
    elif there and here and any(x.is_cpu and x.dim() for x in every):
        return f"{name} of both"
    return None


class Lists(TorchFunctionMode):
    """Indexing by a list and tensors made of one on the device, which dispatch does not see as copies."""

    def __init__(self, found: Counter[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given, name = kwargs or {}, getattr(func, "__name__", "")
        places = args[1] if name in ("__getitem__", "__setitem__") else ()
        if args and torch.is_tensor(args[0]) and args[0].is_meta:
            every = places if isinstance(places, tuple) else (places,)
            self.found["indexing by a list"] += any(isinstance(one, list) for one in every)
        if func is torch.tensor and given.get("device") == META:
            self.found["a tensor of a list"] += 1
        return func(*args, **given)


class Placed:
    """An accelerator of the meta device."""

    device, mixed_precision = META, "no"

    def autocast(self) -> Any:
        return nullcontext()


@pytest.fixture
def meta(monkeypatch):
    """Dropout draws there without a generator, which that device has not; loops move there."""

    def at(cls, rate, seed, task, step, device):
        return cls(rate, torch.Generator())

    monkeypatch.setattr(Stream, "at", classmethod(at))
    for each in (Stream, Share):
        monkeypatch.setattr(each, "draw", lambda self, out, rate: out.uniform_())
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    monkeypatch.setattr(loops, "check_in_forward", lambda *_: None)
    monkeypatch.setattr(Readings, "read", finite)

    def moved(made: Loop) -> Loop:
        for each in (made.encoder, made.assembled, *(part.head for job in made.jobs for part in job.parts)):
            each.to(META)
        trained = entries(made.assembled, made.jobs)
        return Loop(
            made.encoder, made.assembled, made.jobs, trained, Placed(), made.checkpoint, made.progress
        )

    return moved


def finite(self: Readings) -> None:
    """Reads nothing, and counts that it was asked."""
    self.asked = getattr(self, "asked", 0) + 1
    self.last = 1.0


def waits(loop: Loop) -> Counter[str]:
    with ExitStack() as stack:
        found = stack.enter_context(Waits()).found
        stack.enter_context(Lists(found))
        loop.run()
    return +found


CASES = [*([kind] for kind in PLANS), list(PLANS)]


@pytest.mark.slow
@pytest.mark.parametrize("kinds", CASES, ids="+".join)
def test_no_step_waits_for_the_device(kinds, encoder, tokenizer, tmp_path, meta):
    """Also not when some trainings are over, and others have every kind of head."""
    loop = meta(make(kinds, deepcopy(encoder), tokenizer, tmp_path))
    assert waits(loop) == Counter()
    assert loop.readings.asked <= math.ceil(loop.steps / LOG_EVERY) + 1


@pytest.mark.parametrize("pooling", ["first", "last", "mean", "max", "mean_without_special"])
def test_no_pooling_waits_for_the_device(pooling, encoder, tokenizer, tmp_path, meta):
    made = make(["classification"], deepcopy(encoder), tokenizer, tmp_path, pooling=pooling, steps=3)
    assert waits(meta(made)) == {}


@pytest.mark.slow
def test_neither_mixtures_nor_passes_wait_for_the_device(encoder, tokenizer, tmp_path, meta):
    assert waits(meta(mixture([0, 1, 1, 2, 0], deepcopy(encoder), tokenizer, tmp_path))) == {}
    loop = meta(make(list(PLANS), deepcopy(encoder), tokenizer, tmp_path, steps=3))
    loop.memory = Memory(tokens=40)
    assert waits(loop) == {} and loop.memory.passes > 3


def test_what_a_fusion_attends_to_is_read_once_for_all_layers(encoder, tokenizer, tmp_path, meta):
    loop = meta(make(["span"], deepcopy(encoder), tokenizer, tmp_path))
    packed = items.pack([loop.jobs[0].batch(0).to(META)])
    with ExitStack() as stack:
        found = stack.enter_context(Waits()).found
        stack.enter_context(Lists(found))
        watched = Attended(packed.lengths, META)
        loop.encoder(packed, loop.assembled.sites(packed, [0], None, watched))
        assert len(watched.sums["after"]) == 3 and +found == {}
        with pytest.raises(NotImplementedError, match="meta"):
            watched.by_item([len(packed.lengths)])


@pytest.mark.slow
def test_a_step_that_waits_is_found_out(encoder, tokenizer, tmp_path, meta, monkeypatch):
    """What the other tests look for is seen where it is."""
    monkeypatch.setattr(transfer, "sent", lambda x, device: x.to(device))
    monkeypatch.setattr(items, "sent", lambda x, device: x.to(device))
    monkeypatch.setattr(banks, "rows_of", lambda x, rows: x[list(rows)])
    kinds = ["classification", "ranking"]
    found = waits(meta(make(kinds, deepcopy(encoder), tokenizer, tmp_path)))
    assert set(found) == {"_to_copy to meta", "indexing by a list"}


def test_the_next_step_is_made_before_the_losses_are_read(encoder, tokenizer, tmp_path, monkeypatch):
    loop = make(["tagging"], encoder, tokenizer, tmp_path)
    order: list[str] = []
    made, read = loop.feed.made, loop.readings.read
    monkeypatch.setattr(loop.feed, "made", lambda step: order.append(f"make {step}") or made(step))
    monkeypatch.setattr(loop.readings, "read", lambda: order.append("read") or read())
    loop.run()
    makes = [f"make {step}" for step in range(loop.steps)]
    assert [each for each in order if each != "read"] == makes, "each batch is made once"
    assert order.index("make 1") < order.index("read") < order.index("make 2")
    assert order.count("read") == 1 + loop.steps // LOG_EVERY + 1


def test_a_fault_between_two_readings_is_named_by_its_step_and_never_kept(encoder, tokenizer, tmp_path):
    def broken(folder, seconds):
        loop = make(["tagging"], encoder, tokenizer, folder, seconds=seconds)
        step, order = loop.optimizer.step, []

        def spoiled(count, *given):
            if count == 4:
                loop.jobs[0].parts[0].head.out.bias.data[0] = float("nan")
            order.append(count)
            return step(count, *given)

        loop.optimizer.step = spoiled
        where = loop.jobs[0].indices(4)[:5]
        with pytest.raises(TrainingFailed) as found:
            loop.run()
        assert f"tagging: loss nan, gradient norm nan at step 5 (items {where}...)" in found.value.message
        return order[-1]

    assert broken(tmp_path / "rare", 1e9) == LOG_EVERY
    assert broken(tmp_path / "often", -1) == 5, "read before it would be saved"
    again = make(["tagging"], encoder, tokenizer, tmp_path / "often")
    assert again.checkpoint.load(again.state())[0] == 4
