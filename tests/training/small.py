"""Five kinds of task on a small random encoder, each as a job of a loop."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import tokenizers
import torch

from xadapt.composition import Fuse, Stack
from xadapt.examples import Choice, Classification, Passage, Question, Tagging
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.encoder import Encoder
from xadapt.recipe import Architecture, Bottleneck, LoRA, Recipe
from xadapt.task_types import encode_training, task_type
from xadapt.training.batches import Schedule
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.precision import accelerator

from ..modeling.conftest import random_fusion, random_module

WORDS = "the cat dog saw a red big hat in lima oslo and then it sang".split()
SMALL = Architecture(layers=3, hidden=32, heads=4, intermediate=48, max_length=128)


def sentence(n: int, size: int) -> str:
    return " ".join(WORDS[(n * 7 + i * (n % 5 + 1)) % len(WORDS)] for i in range(size))


EXAMPLES = {
    "classification": [
        Classification(str(n), sentence(n, 3 + n % 5), sentence(n + 1, 4), "ab"[n % 2]) for n in range(20)
    ],
    "tagging": [
        Tagging(str(n), tuple(sentence(n, 2 + n % 4).split()), ("a", "b", "a", "b", "a")[: 2 + n % 4])
        for n in range(13)
    ],
    "choice": [
        Choice(str(n), sentence(n, 4), tuple(sentence(n + k, 2) for k in range(3)), n % 3) for n in range(10)
    ],
    "span": [
        Question(str(n), sentence(n, 3), sentence(n, 9), (sentence(n, 9).split()[2],), (_at,))
        for n in range(12)
        for _at in [len(" ".join(sentence(n, 9).split()[:2])) + 1]
    ],
    "ranking": [
        *(Passage(f"c{n}", sentence(n, 3), "candidate", pair=sentence(n, 6)) for n in range(9)),
        *(Passage(f"q{n}", sentence(n, 4), "query", (f"c{n}", f"c{(n + 3) % 9}")) for n in range(9)),
    ],
}
PLANS = {
    "classification": Recipe(batch=6, steps=9, lr=3e-3, dropout=0.2),
    "tagging": Recipe(batch=4, steps=12, lr=1e-3, dropout=0.1, clip=0.5, weight_decay=0.1),
    "choice": Recipe(batch=2, steps=5, lr=2e-3, dropout=0.0, pooling="max"),
    "span": Recipe(batch=3, steps=11, lr=2e-3, dropout=0.1, warmup=0.3),
    "ranking": Recipe(batch=5, steps=10, lr=2e-3, dropout=0.1, pooling="mean"),
}


def slots() -> dict[str, Slot]:
    a, b = random_module(Bottleneck(reduction_factor=4), 1), random_module(Bottleneck(reduction_factor=4), 2)
    return {
        "classification": Slot(own=a),
        "tagging": Slot(Stack((a,)), own=b),
        "choice": Slot(own=random_module(LoRA(rank=2, dropout=0.1), 3)),
        "span": Slot(Fuse((a, b)), combined=random_fusion((a, b), 4)),
        "ranking": Slot(own=random_module(Bottleneck(reduction_factor=4), 5)),
    }


def make(
    kinds: list[str],
    encoder: Encoder,
    tokenizer: tokenizers.Tokenizer,
    folder: Path,
    seconds: float = 1e9,
    seeds: list[int] | None = None,
    measures: Any = None,
    **change: Any,
) -> Loop:
    """A loop over jobs of these kinds; `change` is of their recipes."""
    jobs = []
    for kind, seed in zip(kinds, seeds or [1] * len(kinds), strict=True):
        recipe = replace(PLANS[kind], **change)
        items = encode_training(task_type(kind), EXAMPLES[kind], tokenizer, recipe, ("a", "b"))
        head = task_type(kind).head(encoder, ("a", "b"), 5)
        schedule = Schedule(kind, len(items), recipe, seed)
        jobs.append(Job(kind, [Part(task_type(kind), items, head, schedule)], schedule))
    assembled = Assembled([slots()[kind] for kind in kinds], encoder.config)
    placed, checkpoint = accelerator("cpu", "fp32"), Checkpoint(folder, kinds, seconds)
    everything = entries(assembled, jobs)
    return Loop(
        encoder, assembled, jobs, everything, placed, checkpoint, lambda **_: None, measures=measures or {}
    )


def result(loop: Loop, number: int) -> dict[str, torch.Tensor]:
    head = {f"head.{name}": w.clone() for name, w in loop.jobs[number].parts[0].head.state_dict().items()}
    return loop.assembled.trained(number).weights | head
