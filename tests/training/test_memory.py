"""A step in passes, with layers computed again, or after memory was out, is the step it would have been."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from xadapt.composition import Fuse
from xadapt.errors import DoesNotFit, is_out_of_memory, out_of_memory
from xadapt.examples import Text
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.recipe import IA3, Bottleneck, FusionSettings
from xadapt.task_types import encode_training, task_type
from xadapt.task_types.items import Batch
from xadapt.training.job import entries
from xadapt.training.loop import Loop
from xadapt.training.memory import Memory
from xadapt.training.passes import IGNORE, divisible, largest, passes
from xadapt.training.streams import Stream

from ..modeling.conftest import random_fusion, random_module
from ..modeling.tiny_models import build
from .small import EXAMPLES, PLANS, make, result
from .test_library import ground
from .test_library import make as by_library
from .test_loop import Killed

KINDS = list(PLANS)
EACH = [*([kind] for kind in KINDS), KINDS]


def stepped(kinds, encoder, tokenizer, folder, memory: Memory, steps=1, **change) -> Loop:
    loop = make(kinds, encoder, tokenizer, folder, **change)
    loop.memory = memory
    for step in range(steps):
        loop._step(step)
    return loop


def gradients(loop: Loop) -> dict[str, torch.Tensor]:
    return {entry.name: entry.gradient.clone() for entry in loop.entries}


def assert_close(found: Loop, expected: Loop) -> None:
    """Gradients and losses, up to fp32 rounding."""
    own, others = gradients(found), gradients(expected)
    for name, gradient in others.items():
        scale = max(float(gradient.abs().max()), 1e-2)
        assert float((own[name] - gradient).abs().max()) < 2e-5 * scale, name
    for job, other in zip(found.jobs, expected.jobs, strict=True):
        assert job.recent == pytest.approx(other.recent, rel=1e-5)


@pytest.mark.parametrize("kinds", EACH, ids="+".join)
@pytest.mark.parametrize("tokens", [1, 25])
def test_passes_have_the_gradients_of_the_whole_step(kinds, tokens, encoder, tokenizer, tmp_path):
    whole = stepped(kinds, encoder, tokenizer, tmp_path, Memory(), dropout=0.2)
    cut = stepped(kinds, encoder, tokenizer, tmp_path, Memory(tokens=tokens), dropout=0.2)
    assert cut.memory.passes > 1 and cut.tokens == whole.tokens
    assert_close(cut, whole)


def test_passes_draw_no_more_than_the_whole_step(encoder, tokenizer, tmp_path, monkeypatch):
    """However many they are, with layers computed again, and with a batch that is read twice."""
    drawn: list[int] = []
    draw = Stream.draw

    def counted(self, out, rate):
        drawn.append(out.numel())
        draw(self, out, rate)

    monkeypatch.setattr(Stream, "draw", counted)
    numbers = {}
    for memory in (Memory(), Memory(tokens=25), Memory(tokens=1), Memory(tokens=1, checkpointing=True)):
        drawn.clear()
        stepped(KINDS, encoder, tokenizer, tmp_path, memory, dropout=0.2)
        numbers[memory.tokens, memory.checkpointing] = sum(drawn)
    assert len(set(numbers.values())) == 1, numbers


def test_a_regularizer_counts_once_where_the_first_examples_have_no_target(encoder, tokenizer, tmp_path):
    def gradient(memory: Memory) -> Loop:
        loop = make(["tagging"], encoder, tokenizer, tmp_path, dropout=0.0)
        parts = tuple(random_module(Bottleneck(reduction_factor=4), seed) for seed in (1, 2))
        fusion = replace(random_fusion(parts, 4), settings=FusionSettings(regularization=0.05))
        loop = with_slot(loop, Slot(Fuse(parts), combined=fusion))
        part = loop.jobs[0].parts[0]
        unknown = loop.jobs[0].indices(0)[0]
        part.items = [
            replace(item, target=[IGNORE] * len(item.target)) if number == unknown else item
            for number, item in enumerate(part.items)
        ]
        loop.memory = memory
        loop._step(0)
        return loop

    cut = gradient(Memory(tokens=1))
    assert cut.memory.passes == PLANS["tagging"].batch - 1
    assert_close(cut, gradient(Memory()))


def with_slot(loop: Loop, slot: Slot) -> Loop:
    """The same jobs on another module."""
    assembled = Assembled([slot], loop.encoder.config)
    trained = entries(assembled, loop.jobs)
    given = loop.encoder, assembled, loop.jobs, trained, loop.placed, loop.checkpoint, loop.progress
    return Loop(*given)


def test_masks_of_language_modelling_are_drawn_for_the_whole_step(tokenizer):
    kind, recipe = task_type("mlm"), PLANS["classification"]
    lines = [Text(each.id, each.text) for each in EXAMPLES["classification"]]
    items = encode_training(kind, lines, tokenizer, recipe, ())
    batch = kind.batch(items[:8], np.random.default_rng(0), recipe)
    cut = passes({0: batch}, 20)
    assert len(cut) > 3
    assert torch.cat([each[0].batch.ids for each in cut]).tolist() == batch.ids.tolist()
    assert sum(each[0].part for each in cut) == pytest.approx(1)
    at = [each[0].batch.targets["at"] + each[0].start for each in cut]
    assert torch.cat(at).tolist() == batch.targets["at"].tolist()


@pytest.mark.parametrize("kinds", EACH, ids="+".join)
def test_layers_that_are_computed_again_give_the_same_bits(kinds, encoder, tokenizer, tmp_path):
    plain = stepped(kinds, encoder, tokenizer, tmp_path, Memory(), dropout=0.2)
    again = stepped(kinds, encoder, tokenizer, tmp_path, Memory(checkpointing=True), dropout=0.2)
    expected = gradients(plain)
    for name, gradient in gradients(again).items():
        assert torch.equal(gradient, expected[name]), name


def test_layers_that_are_computed_again_keep_less(encoder, tokenizer, tmp_path):
    def kept(memory: Memory) -> int:
        loop = make(["classification"], encoder, tokenizer, tmp_path)
        loop.memory = memory
        sizes = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            losses = loop._losses(0, {0: loop.jobs[0].batch(0)})
        assert losses
        return sum(tensor.untyped_storage().nbytes() for tensor in sizes.values())

    assert kept(Memory(checkpointing=True)) < 0.6 * kept(Memory())


def test_without_a_limit_and_below_it_a_step_is_the_same_bits(encoder, tokenizer, tmp_path):
    plain = stepped(KINDS, encoder, tokenizer, tmp_path, Memory(), steps=3)
    below = stepped(KINDS, encoder, tokenizer, tmp_path, Memory(tokens=10_000), steps=3)
    for number in range(len(KINDS)):
        for name, expected in result(plain, number).items():
            assert torch.equal(result(below, number)[name], expected), name


class Scarce:
    """An encoder that is out of memory above so many tokens, or without checkpointing."""

    def __init__(self, encoder, room: int, alone: bool = True, inference: bool = False) -> None:
        self.encoder, self.room, self.alone, self.asked = encoder, room, alone, []
        self.inference = inference

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def __call__(self, packed, sites, *, through=None, **given):
        self.asked.append(len(packed.ids))
        recomputes = getattr(through, "keywords", None) is not None
        asked = through is not None or self.inference
        if asked and (len(packed.ids) > self.room or not (self.alone or recomputes)):
            raise torch.OutOfMemoryError("Tried to allocate more than there is")
        return (
            self.encoder(packed, sites, **given)
            if through is None
            else self.encoder(packed, sites, through=through, **given)
        )


def test_out_of_memory_halves_the_passes_and_keeps_the_batch(encoder, tokenizer, tmp_path):
    loop = make(["classification"], encoder, tokenizer, tmp_path)
    whole = stepped(["classification"], encoder, tokenizer, tmp_path, Memory())
    loop.encoder = Scarce(encoder, 50)
    loop._step(0)
    assert_close(loop, whole)
    assert loop.encoder.asked[0] == whole.tokens == loop.tokens and max(loop.encoder.asked[-2:]) <= 50
    assert "did not fit" in loop.memory.events[0] and loop.memory.passes > 1
    before = len(loop.memory.events)
    loop._step(1)
    assert len(loop.memory.events) == before, "the limit holds for the steps after it"


def test_out_of_memory_at_one_example_turns_on_checkpointing_then_fails(encoder, tokenizer, tmp_path):
    loop = make(["span"], encoder, tokenizer, tmp_path)
    loop.encoder = Scarce(encoder, 1000, alone=False)
    loop._step(0)
    assert loop.memory.recomputes and "checkpointing on" in loop.memory.events[-1]
    assert_close(loop, stepped(["span"], encoder, tokenizer, tmp_path, Memory()))
    loop.encoder = Scarce(encoder, 5)
    with pytest.raises(DoesNotFit, match=r"one example of \d+ tokens; tried: .*checkpointing on") as found:
        loop._step(1)
    assert "\n" not in found.value.message


def test_short_examples_are_cut_too_before_a_step_is_given_up(encoder, tokenizer, tmp_path):
    loop = make(["tagging", "span"], encoder, tokenizer, tmp_path)
    batches = {number: job.batch(0) for number, job in enumerate(loop.jobs)}
    every = (passes(batches, tokens) for tokens in range(1, 200))
    cut = next(each for each in every if 0 < divisible(each) < largest(each))
    memory, library = Memory(), Memory(offered=False)
    memory._lower(0, cut, "no room")
    assert memory.recomputes and memory.limit is None, "the long example alone comes first"
    for each in (memory, library):
        each._lower(0, cut, "no room")
        assert each.limit == divisible(cut) // 2
        with pytest.raises(DoesNotFit, match=r"tried: .* \(no room\)$"):
            each._lower(0, passes(batches, 1), "no room")


@pytest.mark.parametrize("refused", [2, 3], ids=["ahead", "in its turn too"])
def test_batches_that_do_not_fit_are_cut_as_steps_are(refused, encoder, tokenizer, tmp_path, monkeypatch):
    """Moving those of the second step is refused: ahead of it, where nothing is lost, and in it."""
    kinds, asked = ["classification"], []
    whole = stepped(kinds, encoder, tokenizer, tmp_path, Memory(), steps=2)
    move = Batch.to

    def scarce(self, device):
        asked.append(len(self.ids))
        if 1 < len(asked) <= refused:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.")
        return move(self, device)

    monkeypatch.setattr(Batch, "to", scarce)
    loop = stepped(kinds, encoder, tokenizer, tmp_path, Memory(), steps=2)
    assert_close(loop, whole)
    assert asked[0] + asked[1] == whole.tokens and set(asked[1:refused]) == {asked[1]}
    if refused == 2:
        assert asked[2] == asked[1] and not loop.memory.events and loop.memory.passes == 1
    else:
        assert loop.memory.events == [f"step 2: {asked[1]} tokens did not fit, {asked[1] // 2} from then on"]
        assert max(asked[3:]) <= asked[1] // 2, "the step after it is made ahead within the limit"


def test_what_else_is_wrong_with_a_batch_is_said_when_it_is_made_ahead(
    encoder, tokenizer, tmp_path, monkeypatch
):
    def broken(self, device):
        raise RuntimeError("device-side assert triggered")

    loop = make(["span"], encoder, tokenizer, tmp_path)
    monkeypatch.setattr(Batch, "to", broken)
    with pytest.raises(RuntimeError, match="assert"):
        loop.feed.prepare(0, None)


def test_another_error_is_no_want_of_memory(encoder, tokenizer, tmp_path):
    loop = make(["span"], encoder, tokenizer, tmp_path)

    def broken(*_, **__):
        raise RuntimeError("shapes do not fit")

    loop.encoder = type("Broken", (), {"__call__": broken})()
    with pytest.raises(RuntimeError, match="shapes"):
        loop._step(0)


def scarce(encoder, tokenizer, folder, seconds=1e9, kinds=KINDS) -> Loop:
    loop = make(kinds, encoder, tokenizer, folder, seconds=seconds)
    loop.encoder = Scarce(encoder, 100)
    return loop


def dies(loop: Loop, at: int = 6) -> Loop:
    """Ends as a killed process does, when a step is over."""

    def die(step, **_):
        if step == at:
            raise Killed

    loop.progress = die
    with pytest.raises(Killed):
        loop.run()
    return loop


def assert_same(found: Loop, expected: Loop) -> None:
    for number in range(len(found.jobs)):
        own = result(found, number)
        for name, weight in result(expected, number).items():
            assert torch.equal(own[name], weight), name


@pytest.mark.slow
def test_a_run_killed_after_memory_was_out_continues_bit_for_bit(encoder, tokenizer, tmp_path):
    whole = scarce(encoder, tokenizer, tmp_path / "whole")
    whole.run()
    dies(scarce(encoder, tokenizer, tmp_path / "cut", seconds=-1))
    again = scarce(encoder, tokenizer, tmp_path / "cut")
    assert again.run() == 5
    assert len(again.encoder.asked) and max(again.encoder.asked) <= 100, "no pass is too large again"
    assert again.memory.notes() == whole.memory.notes() and again.memory.events
    assert_same(again, whole)


@pytest.mark.slow
def test_a_checkpoint_that_says_nothing_of_memory_is_read(encoder, tokenizer, tmp_path):
    first = scarce(encoder, tokenizer, tmp_path, seconds=-1)
    save = first.checkpoint.save
    object.__setattr__(first.checkpoint, "save", lambda *given: save(*given[:3], {}))
    dies(first)
    again = scarce(encoder, tokenizer, tmp_path)
    assert again.run() == 5 and not again.memory.events
    assert 0 < again.memory.largest <= 100, "the limit is in its tensors"
    again.memory.resume({"events": ["step 1"], "largest": 9, "passes": 2})
    assert (again.memory.events, again.memory.passes) == (["step 1"], 2), "of before other forwards counted"


def test_an_update_that_memory_is_out_for_ends_the_training_and_is_done_anew(
    encoder, tokenizer, tmp_path, monkeypatch
):
    whole = make(["tagging"], encoder, tokenizer, tmp_path / "whole")
    whole.run()
    cut = make(["tagging"], encoder, tokenizer, tmp_path / "cut", seconds=-1)
    step = cut.optimizer.step

    def half(count, *given):
        norms = step(count, *given)
        if count == 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.\nmore")
        return norms

    monkeypatch.setattr(cut.optimizer, "step", half)
    with pytest.raises(DoesNotFit, match=r"the update of step 4 \(CUDA out of memory. .*MiB.\)$") as found:
        cut.run()
    assert "--memory" in found.value.hint and not cut.memory.events
    again = make(["tagging"], encoder, tokenizer, tmp_path / "cut")
    assert again.run() == 3, "what has moved in part is not taken"
    assert_same(again, whole)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("Tried to allocate 1 GiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.31 GB, other allocations: 1.20 GB)"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: 9 bytes"
        ),
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=lambda error: str(error)[:40],
)
def test_want_of_memory_is_known_on_every_device_and_said_in_one_line(error):
    assert is_out_of_memory(error)
    said = out_of_memory("train mnli", error)
    assert (
        said.code == 6 and said.message.startswith("train mnli: out of memory (") and "()" not in said.message
    )
    assert "\n" not in said.message and len(said.message) < 200


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError({"no": "text"}),
        ValueError("out of memory"),
        OSError(28, "No space left on device"),
    ],
    ids=str,
)
def test_what_is_no_want_of_memory(error):
    assert not is_out_of_memory(error)


def test_a_pass_is_never_larger_than_allowed_but_for_one_example(encoder, tokenizer, tmp_path):
    loop = make(KINDS, encoder, tokenizer, tmp_path)
    batches = {number: job.batch(0) for number, job in enumerate(loop.jobs)}
    for tokens in (1, 25, 60, 200):
        cut = passes(batches, tokens)
        longest = max(item.tokens for batch in batches.values() for item in batch.items)
        assert largest(cut) <= max(tokens, longest)
        order = [item for each in cut for one in each.values() for item in one.batch.items]
        assert order == [item for batch in batches.values() for item in batch.items]


def test_a_library_takes_passes_and_says_that_it_has_no_checkpointing(tokenizer, tmp_path):
    folder = build("roberta", tmp_path / "model")

    def stepped_by_library(memory: Memory) -> Loop:
        loop = by_library(ground(folder, tokenizer, IA3()), IA3(), tmp_path, "choice")
        loop.memory = memory
        return loop

    whole, cut = stepped_by_library(Memory()), stepped_by_library(Memory(tokens=1, offered=False))
    whole._step(0)
    expected = gradients(whole)
    cut._step(0)
    assert cut.memory.passes == 2
    for name, gradient in gradients(cut).items():
        assert torch.allclose(gradient, expected[name], atol=1e-6), name
    cut.encoder = Scarce(cut.encoder, 5)
    with pytest.raises(DoesNotFit, match="tried: one example at a time"):
        cut._step(1)
