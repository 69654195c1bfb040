"""Every method side by side with others trains as it does apart."""

from pathlib import Path

import pytest

from xadapt.composition import Stack
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.encoder import Encoder, Packed
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, LoRA
from xadapt.task_types import encode_training, task_type
from xadapt.training.batches import Schedule
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.precision import accelerator

from ..modeling.conftest import random_module
from .small import EXAMPLES, PLANS, result

METHODS = {
    "double": Bottleneck(reduction_factor=4, place="double", non_linearity="swish"),
    "double left out": Bottleneck(reduction_factor=4, place="double", leave_out=(0,)),
    "parallel": Bottleneck(reduction_factor=4, place="parallel"),
    "scaled": Bottleneck(reduction_factor=4, scaling=2.0),
    "plain": Bottleneck(reduction_factor=4),
    "dora": LoRA(rank=2, dora=True),
    "dora dropped out": LoRA(rank=3, dropout=0.2, dora=True, targets=("key", "output"), rslora=True),
    "rslora": LoRA(rank=2, dropout=0.1, rslora=True),
}
KINDS = ("classification", "tagging")


def slots(encoder: Encoder) -> dict[str, Slot]:
    """As training starts, and one more double above a frozen one."""
    made = {
        name: Slot(own=Module.initial(method, encoder.config, 3, encoder.row_norms))
        for name, method in METHODS.items()
    }
    frozen = random_module(METHODS["double"], 1)
    return made | {"stack of doubles": Slot(Stack((frozen,)), own=random_module(METHODS["double"], 2))}


def make(names, encoder, tokenizer, folder: Path) -> Loop:
    jobs = []
    for name in names:
        kind = KINDS[list(slots(encoder)).index(name) % 2]
        items = encode_training(task_type(kind), EXAMPLES[kind], tokenizer, PLANS[kind], ("a", "b"))
        head = task_type(kind).head(encoder, ("a", "b"), 5)
        schedule = Schedule(name, len(items), PLANS[kind], 1)
        jobs.append(Job(name, [Part(task_type(kind), items, head, schedule)], schedule))
    assembled = Assembled([slots(encoder)[name] for name in names], encoder.config)
    placed, checkpoint = accelerator("cpu", "fp32"), Checkpoint(folder, names, 1e9)
    return Loop(encoder, assembled, jobs, entries(assembled, jobs), placed, checkpoint, lambda **_: None)


def test_methods_side_by_side_equal_each_apart(encoder, tokenizer, tmp_path):
    names = list(slots(encoder))
    together = make(names, encoder, tokenizer, tmp_path / "k")
    together.run()
    for number, name in enumerate(names):
        apart = make([name], encoder, tokenizer, tmp_path / name)
        before = result(apart, 0)
        apart.run()
        found = result(together, number)
        for weight, expected in result(apart, 0).items():
            moved = (expected - before[weight]).abs().max()
            assert moved > 0, (name, weight)
            assert (found[weight] - expected).abs().max() < 1e-5 + 1e-2 * moved, (name, weight)


@pytest.mark.parametrize("name", METHODS)
def test_a_module_that_starts_changes_little(encoder, name):
    """LoRA, DoRA and parallel modules start as nothing; others as small as `adapters` has them."""
    slot = slots(encoder)[name]
    packed = Packed.of([[5, 6, 7, 8], [9, 10, 11]])
    found = encoder(packed, Assembled([slot], encoder.config).sites(packed, [0]))
    near = 1e-5 if name == "parallel" or isinstance(METHODS[name], LoRA) else 0.2
    assert (found - encoder(packed)).abs().max() < near
