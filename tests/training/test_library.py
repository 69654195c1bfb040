"""What goes through the libraries, in the one loop: each family and method trains, is kept, answers alike."""

from dataclasses import replace

import pytest
import torch

from xadapt import models
from xadapt.modeling import formats, head_format, library_format, pretrained
from xadapt.modeling.assemble import Slot
from xadapt.modeling.folders import About, Host
from xadapt.modeling.heads import pool
from xadapt.modeling.library import LibraryEncoder
from xadapt.modeling.module import Module
from xadapt.recipe import IA3, Bottleneck, Compacter, LoRA, PrefixTuning
from xadapt.task_types import encode_training, task_type
from xadapt.task_types.items import pack
from xadapt.training.batches import Schedule
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.precision import accelerator
from xadapt.training.restore import Base

from ..modeling.tiny_models import build
from .small import EXAMPLES, PLANS

ALL = ("query", "key", "value")
METHODS = {
    "bottleneck": Bottleneck(reduction_factor=4.0),
    "lora": LoRA(rank=2, targets=ALL, dropout=0.1),
    "ia3": IA3(),
    "compacter": Compacter(reduction_factor=8.0, phm_dim=2),
    "prefix_tuning": PrefixTuning(prefix_length=3, bottleneck_size=8),
}
LABELS = ("a", "b")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: build(name, tmp_path_factory.mktemp(name)) for name in models.FAMILIES}


def ground(folder, tokenizer, method) -> Base:
    """The model of a folder as its engine loads it, anew."""
    placed = accelerator("cpu", "fp32")
    given = str(folder), None, placed.device, torch.float32
    if models.engine(models.at(str(folder), "tiny"), method.name) == "fast":
        encoder = pretrained.load.__wrapped__(*given)
    else:
        encoder = pretrained.load_by_library.__wrapped__(*given, "tiny", isinstance(method, LoRA))
    return Base(encoder, tokenizer, placed, "tiny")


def new_module(on: Base, method) -> Module:
    if isinstance(on.encoder, LibraryEncoder):
        return on.encoder.initial(method, 1)
    return Module.initial(method, on.encoder.config, 1, on.encoder.row_norms)


def make(on: Base, method, folder, kind="classification", steps=2, **checkpoint) -> Loop:
    pooling = "last" if on.family.decoder else "first"
    recipe = replace(PLANS[kind], method=method, steps=steps, pooling=pooling, max_length=64, stride=8)
    items = encode_training(task_type(kind), EXAMPLES[kind], on.tokenizer, recipe, LABELS)
    head = task_type(kind).head(on.encoder, LABELS, 5)
    schedule = Schedule(kind, len(items), recipe, 1)
    jobs = [Job(kind, [Part(task_type(kind), items, head, schedule)], schedule)]
    assembled = on.assembled([Slot(own=new_module(on, method))])
    state = Checkpoint(folder, [kind], checkpoint.get("seconds", 1e9))
    return Loop(on.encoder, assembled, jobs, entries(assembled, jobs), on.placed, state, lambda **_: None)


@torch.no_grad()
def outputs(on: Base, assembled, loop, head):
    part = loop.jobs[0].parts[0]
    batch = part.type.batch(part.items[:5], part.schedule.random(0), part.schedule.recipe)
    packed = pack([batch])
    hidden = on.encoder(packed, assembled.sites(packed, [0]))
    return [torch.from_numpy(one) for one in part.type.outputs(head, hidden, batch, part.schedule.recipe)]


def kept_and_loaded(on: Base, again: Base, loop, folder) -> list[torch.Tensor]:
    """What the saved module and head answer on a model that was loaded anew."""
    part, module = loop.jobs[0].parts[0], loop.assembled.trained(0)
    kind, recipe = part.type.__name__.rpartition(".")[2], part.schedule.recipe
    labels = LABELS if kind == "classification" else ()
    about = About("own", "tiny", labels, recipe.pooling)
    head_format.save_head(folder, part.head, kind, about, on.encoder.config)
    head = part.type.head(again.encoder, LABELS, 9)
    head_format.load_head(folder, head, kind, labels)
    if isinstance(again.encoder, LibraryEncoder):
        library_format.save(folder, module, about, on.encoder)
        loaded = library_format.load(folder, recipe.method, again.encoder, "tiny")
    else:
        formats.save_module(folder, module, about, on.encoder.config)
        loaded = formats.load_module(folder, Host(again.encoder.config, "tiny"))
    return outputs(again, again.assembled([Slot(own=loaded)]), loop, head)


CASES = [
    (family, method)
    for family in models.FAMILIES
    for method in METHODS
    if models.unsupported(models.FAMILIES[family], METHODS[method]) is None
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classification", "span"])
@pytest.mark.parametrize(("family", "method"), CASES, ids=lambda value: value)
def test_two_steps_saved_and_loaded_answer_alike(folders, tokenizer, tmp_path, family, method, kind):
    on = ground(folders[family], tokenizer, METHODS[method])
    frozen = on.encoder.fingerprint()
    loop = make(on, METHODS[method], tmp_path / "state", kind)
    start = {name: weight.clone() for name, weight in loop.assembled.trained(0).weights.items()}
    loop.run()
    assert on.encoder.fingerprint() == frozen
    assert all(not torch.equal(w, start[n]) for n, w in loop.assembled.trained(0).weights.items() if w.any())
    expected = outputs(on, loop.assembled, loop, loop.jobs[0].parts[0].head)
    again = ground(folders[family], tokenizer, METHODS[method])
    found = kept_and_loaded(on, again, loop, tmp_path)
    assert len(found) == 5
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


class Killed(Exception):
    pass


@pytest.mark.parametrize("method", ["ia3", "prefix_tuning", "compacter"])
def test_a_run_killed_in_the_middle_continues_bit_for_bit(folders, tokenizer, tmp_path, method):
    def loop(name, **checkpoint):
        on = ground(folders["xlm-roberta"], tokenizer, METHODS[method])
        return make(on, METHODS[method], tmp_path / name, steps=6, **checkpoint)

    whole = loop("whole")
    whole.run()
    first = loop("parts", seconds=-1)

    def die(step, **_):
        if step == 4:
            raise Killed

    first.progress = die
    with pytest.raises(Killed):
        first.run()
    second = loop("parts")
    assert second.run() == 3
    expected = whole.assembled.trained(0).weights
    assert all(torch.equal(w, expected[n]) for n, w in second.assembled.trained(0).weights.items())
    heads = [one.jobs[0].parts[0].head.state_dict() for one in (whole, second)]
    assert all(torch.equal(weight, heads[1][name]) for name, weight in heads[0].items())


def test_what_a_decoder_answers_does_not_depend_on_the_padding(folders, tokenizer):
    on = ground(folders["qwen2"], tokenizer, METHODS["lora"])
    recipe = replace(PLANS["classification"], pooling="last")
    kind = task_type("classification")
    items = kind.encode(EXAMPLES["classification"], tokenizer, recipe, LABELS)
    assembled = on.assembled([Slot()])

    def pooled(some):
        batch = kind.batch(some, None, recipe)
        packed = pack([batch])
        return pool(on.encoder(packed, assembled.sites(packed, [0])), batch.lengths, "last")

    with torch.no_grad():
        assert (pooled(items)[:1] - pooled(items[:1])).abs().max() < 1e-5
