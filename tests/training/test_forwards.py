"""Predictions where memory is out: smaller batches, nothing twice, the same answers, said in the record."""

import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xadapt.errors import DoesNotFit
from xadapt.modeling.assemble import Assembled
from xadapt.modeling.encoder import Encoder
from xadapt.task_types import task_type
from xadapt.training.answering import Answering, held
from xadapt.training.forwards import Forwards
from xadapt.training.inference import _most
from xadapt.training.memory import Memory
from xadapt.training.precision import accelerator
from xadapt.training.restore import Base

from .full_world import World
from .small import EXAMPLES, PLANS, make, slots
from .test_memory import Scarce, dies


class Tight:
    """Does what has room, and knows what it was asked for and what it has done."""

    def __init__(self, sizes: list[int], room: int, error: Exception | None = None) -> None:
        self.sizes, self.room, self.error = sizes, room, error or torch.OutOfMemoryError("no room")
        self.asked: list[int] = []
        self.done: list[int] = []

    def __call__(self, batch: list[int]) -> None:
        self.asked.append(sum(self.sizes[index] for index in batch))
        if self.asked[-1] > self.room:
            raise self.error
        self.done += batch


SIZES = [3, 9, 1, 7, 5, 5, 2, 8, 4, 6]


@pytest.mark.parametrize("room", [9, 12, 30, 100])
def test_what_is_left_goes_on_in_half_the_tokens_and_nothing_is_done_twice(room):
    forwards, tight = Forwards(), Tight(SIZES, room)
    forwards.run(SIZES, 50, tight)
    assert sorted(tight.done) == list(range(len(SIZES)))
    failed = [tokens for tokens in tight.asked if tokens > room]
    assert len(forwards.events) == len(failed) and forwards.largest <= room
    assert [SIZES[index] for index in tight.done] == sorted(SIZES, reverse=True), "as without want of memory"
    more = Tight(SIZES, room)
    forwards.run(SIZES, 50, more)
    assert max(more.asked) <= room and len(forwards.events) == len(failed), "the limit holds for what follows"


def test_later_batches_may_be_the_ones_that_do_not_fit():
    class Growing(Tight):
        def __call__(self, batch: list[int]) -> None:
            self.room = 30 if len(self.done) < 2 else 12
            super().__call__(batch)

    forwards, tight = Forwards(), Growing(SIZES, 0)
    forwards.run(SIZES, 17, tight)
    assert sorted(tight.done) == list(range(len(SIZES))) and forwards.events == [
        "forward: 13 tokens did not fit, 6 from then on"
    ]


def test_one_text_that_does_not_fit_is_one_line():
    forwards = Forwards()
    with pytest.raises(DoesNotFit, match=r"one text of 9 tokens \(no room\); tried: forward: 17") as found:
        forwards.run(SIZES, 20, Tight(SIZES, 8))
    assert found.value.code == 6 and "\n" not in found.value.message and "max_length" in found.value.hint
    with pytest.raises(DoesNotFit, match="tried: one text at a time"):
        Forwards().run([9], 5, Tight([9], 8))


def test_another_error_is_no_want_of_memory():
    with pytest.raises(RuntimeError, match="shapes"):
        Forwards().run(SIZES, 20, Tight(SIZES, 8, RuntimeError("shapes do not fit")))


def test_what_failed_holds_no_tensors_when_it_goes_on():
    alive: weakref.WeakSet = weakref.WeakSet()
    seen = []

    class Kept:
        pass

    def forward(batch: list[int]) -> None:
        seen.append(len(alive))
        kept = Kept()
        # A cycle, as frames and closures make them.
        kept.own = kept
        alive.add(kept)
        if len(batch) > 2:
            raise torch.OutOfMemoryError("no room")

    gc.disable()
    try:
        Forwards().run([1] * 8, 8, forward)
    finally:
        gc.enable()
    assert seen[:3] == [0, 0, 0]


@pytest.mark.slow
def test_a_resumed_training_knows_what_did_not_fit_of_its_development_data(encoder, tokenizer, tmp_path):
    def selecting(folder, seconds=1e9):
        forwards, tight = Forwards(), Tight(SIZES, 12)

        def score() -> float:
            forwards.run(SIZES, 50, tight)
            return float(len(tight.done))

        given = {"measures": {0: score}, "select": "dev", "snapshots": 3}
        loop = make(["tagging"], encoder, tokenizer, folder, seconds=seconds, **given)
        loop.memory = Memory(forwards=forwards)
        return loop, tight

    whole, _ = selecting(tmp_path / "whole")
    whole.run()
    dies(selecting(tmp_path / "cut", seconds=-1)[0])
    again, tight = selecting(tmp_path / "cut")
    assert again.run() == 5
    assert max(tight.asked) <= 12, "nothing runs out again"
    assert again.memory.notes() == whole.memory.notes() and again.memory.forwards.largest <= 12
    assert again.memory.events == whole.memory.events != []


def ground(encoder, tokenizer) -> Base:
    return Base(encoder, tokenizer, accelerator("cpu", "fp32"), "small")


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_answers_are_the_same_after_memory_was_out(kind, encoder, tokenizer):
    def made(found) -> Answering:
        head = task_type(kind).head(encoder, ("a", "b"), 5)
        assembled = Assembled([slots()[kind]], encoder.config)
        return Answering(task_type(kind), head, ("a", "b"), PLANS[kind], assembled, ground(found, tokenizer))

    plain, scarce = made(encoder), made(Scarce(encoder, 100, inference=True))
    items = plain.encode(EXAMPLES[kind])
    whole, cut = plain.forward(items), scarce.forward(items)
    assert scarce.ground.forwards.events and not plain.ground.forwards.events
    assert max(scarce.ground.encoder.asked[-2:]) <= 100
    for a, b in zip(whole, cut, strict=True):
        assert np.allclose(a.output, b.output, atol=1e-5)
        assert all(np.allclose(a.attention[site], b.attention[site], atol=1e-4) for site in a.attention)
    rows = EXAMPLES[kind]
    assert plain.predictions(whole, items, rows) == scarce.predictions(cut, items, rows)


def test_what_is_expected_is_of_the_largest_forward_and_of_the_module(encoder, tokenizer):
    head = task_type("span").head(encoder, ("a", "b"), 5)
    given = task_type("span"), head, ("a", "b"), PLANS["span"]
    one = Answering(*given, Assembled([slots()["span"]], encoder.config), ground(encoder, tokenizer))
    items = one.encode(EXAMPLES["span"])
    for some in (items[:2], items, items[:1]):
        one.forward(some)
    found = one.memory()
    assert found["pass_tokens"] == sum(item.tokens for item in items) and found["bits"] is None
    quantised = replace(one, ground=replace(one.ground, bits=8))
    assert quantised.memory() == found | {"bits": 8}
    expected = found["expected"]
    assert found["expected_bytes"] == sum(expected.values()) and expected["weights"] == held(one.ground)
    parts = slots()["span"].composition.parts
    assert expected["modules"] > sum(4 * w.numel() for part in parts for w in part.weights.values())
    less = {"pass_tokens": 9, "expected_bytes": 1}
    assert _most([less, found, less], one.ground) == found
    one.ground.forwards.events.append("forward: 9 tokens did not fit, 4 from then on")
    assert _most([{"pass_tokens": 9}], one.ground)["out_of_memory"] == one.ground.forwards.events


def test_a_search_that_does_not_fit_beside_the_model_is_done_on_the_cpu():
    def decode(*_):
        if torch.get_default_device().type == "meta":
            raise torch.OutOfMemoryError("vectors do not fit")
        return ["found"]

    there = SimpleNamespace(placed=SimpleNamespace(device=torch.device("meta")), forwards=Forwards())
    one = Answering(SimpleNamespace(decode=decode), None, (), PLANS["ranking"], None, there)
    assert one.predictions([], [], []) == ["found"]
    assert there.forwards.events == ["decoding did not fit on meta, on the CPU instead"]


def test_a_search_for_which_there_is_no_other_place_says_so():
    def decode(*_):
        raise MemoryError

    there = SimpleNamespace(placed=SimpleNamespace(device=torch.device("cpu")), forwards=Forwards())
    one = Answering(SimpleNamespace(decode=decode), None, (), PLANS["ranking"], None, there)
    with pytest.raises(MemoryError):
        one.predictions([], [], [])


@pytest.mark.slow
def test_a_record_says_what_did_not_fit_and_what_is_expected_of_what_did(tmp_path, monkeypatch):
    world = World(tmp_path, "roberta")
    cell = world.cells("second")["lora", "alone"]
    world.done(cell.module)
    whole = Encoder.forward

    def scarce(self, packed, *given, **more):
        if len(packed.ids) > 60:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        return whole(self, packed, *given, **more)

    monkeypatch.setattr(Encoder, "forward", scarce)
    (folder,) = world.done(cell)
    found = world.context.store.record(cell.digest).notes["memory"]
    assert "did not fit" in found["out_of_memory"][0] and 0 < found["pass_tokens"] <= 60
    context = world.at("plain")
    monkeypatch.undo()
    (plain,) = world.done(cell, context=context)
    own = context.store.record(cell.digest).notes["memory"]
    assert "out_of_memory" not in own and own["pass_tokens"] > 60
    assert own["expected_bytes"] > found["expected_bytes"]
    assert (plain / "predictions.jsonl").read_text() == (folder / "predictions.jsonl").read_text()
