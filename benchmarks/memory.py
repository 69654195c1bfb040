"""Memory of a training step by method, model and batch, and what fits on cards of 8, 11, 16 and 24 GB.

    python benchmarks/memory.py [--device cuda] [--shape base large] [--rows 8 32] [--write] [--quick]

On a GPU the peak of the allocator over a step, reset before it; on a CPU the bytes that autograd keeps of the
forward, which are the same wherever it runs. `expected` is what `xadapt.memory` says before anything runs,
`ratio` expected over measured. Sequences have 128 tokens, all of one length, so that no figure depends on a
draw. `fits` is the largest batch in one pass on a card, and what else is picked; `estimated` the bytes of
a step in bf16 by batch, and the smallest card that holds it as it is. Both are from the estimate.
On a CPU the vocabulary is small, and what two layers and three keep is drawn out to all of them, which are
alike, so that no machine is too small; with `--quick` each shape has two layers.
"""

import argparse
import gc
import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import keep, quiet
from workload import SHAPES, item
from workload import Shape as Random

from xadapt.errors import DoesNotFit
from xadapt.memory.activations import per_token
from xadapt.memory.choose import at, choose, usable
from xadapt.memory.estimate import How, Load
from xadapt.memory.sizes import Shape, Sizes
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, Full, LoRA, Method, Recipe
from xadapt.task_types import task_type
from xadapt.training.batches import Schedule
from xadapt.training.checkpoint import Checkpoint
from xadapt.training.full import weights
from xadapt.training.job import Job, Part, entries
from xadapt.training.loop import Loop
from xadapt.training.memory import Memory
from xadapt.training.precision import accelerator, frozen_dtype

METHODS: dict[str, Method] = {
    "seq_bn": Bottleneck(),
    "double_seq_bn": Bottleneck(place="double"),
    "par_bn": Bottleneck(place="parallel", reduction_factor=2),
    "lora": LoRA(targets=("query", "value")),
    "full": Full(),
}
LENGTH = 128
CARDS = (8, 11, 16, 24)
"""GB."""
BATCHES = (1, 8, 32, 128)
LABELS = 3
WORDS = 500
"""Of a vocabulary, where the full one is not needed."""


@lru_cache(maxsize=1)
def ready(shape: Random, whole: bool, device: str) -> Encoder:
    """Where it trains or is frozen. One is kept: no step changes what memory it takes."""
    placed = accelerator(device, "auto")
    encoder = shape.encoder()
    if not whole:
        encoder.freeze()
    encoder.place(placed.device, torch.float32 if whole else frozen_dtype(placed))
    return encoder


def loop(shape: Random, method: Method, rows: int, memory: Memory, device: str) -> Loop:
    """A training of one sentence task."""
    # Those that came before hang in rings of references.
    gc.collect()
    placed, whole = accelerator(device, "auto"), isinstance(method, Full)
    encoder = ready(shape, whole, device)
    recipe = Recipe(method=method, batch=rows, steps=4, max_length=LENGTH)
    random = np.random.default_rng(0)
    items = [item(number, LENGTH, shape.vocabulary, random) for number in range(rows)]
    kind = task_type("classification")
    head = kind.head(encoder, ("a", "b", "c"), 1).to(placed.device)
    schedule = Schedule("t", rows, recipe, 1)
    job = Job("t", [Part(kind, items, head, schedule)], schedule)
    slot = Slot() if whole else Slot(own=Module.initial(method, encoder.config, 1, encoder.row_norms))
    assembled = Assembled([slot], encoder.config).to(placed.device)
    trained = [*weights(encoder), *entries(assembled, [job])]
    nowhere = Checkpoint(Path(), [], 1e9)
    return Loop(encoder, assembled, [job], trained, placed, nowhere, lambda **_: None, memory=memory)


def kept(made: Loop) -> int:
    """Bytes that autograd keeps of one forward, weights left out."""
    own = {weight.untyped_storage().data_ptr() for weight in _weights(made)}
    found: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        found[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        losses = made._losses(0, {0: made.jobs[0].batch(0)})
    assert losses
    return sum(storage.nbytes() for place, storage in found.items() if place not in own)


def _weights(made: Loop) -> list[torch.Tensor]:
    heads = [weight for job in made.jobs for part in job.parts for weight in part.head.parameters()]
    return [*made.encoder.parameters(), *made.assembled.parameters(), *made.assembled.buffers(), *heads]


def drawn_out(shape: Random, method: Method, rows: int, again: bool, device: str) -> int:
    """What all layers keep, from two of them and three: each further layer keeps as much."""
    two, three = (
        kept(loop(layered(shape, layers), method, rows, Memory(checkpointing=again), device))
        for layers in (2, 3)
    )
    return two + (shape.architecture.layers - 2) * (three - two)


def layered(shape: Random, layers: int) -> Random:
    """As many of its layers, with few words: what autograd keeps does not depend on them."""
    return Random(replace(shape.architecture, layers=layers), WORDS)


def peak(shape: Random, method: Method, rows: int, again: bool, device: str) -> int:
    """Bytes at the peak of the second step on a GPU, when AdamW has its state."""
    made = loop(shape, method, rows, Memory(checkpointing=again), device)
    made._step(0)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    made._step(1)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated()


def row(shape: Random, method: Method, rows: int, again: bool, device: str) -> dict[str, Any]:
    """Measured and expected, in bytes."""
    placed, model = accelerator(device, "auto"), sizes(shape)
    bf16 = placed.mixed_precision == "bf16"
    how = How("bf16" if bf16 else "fp32", padded=False, checkpointing=again)
    recipe = Recipe(method=method, batch=rows, max_length=LENGTH)
    load = Load(recipe, Shape(method), rows * LENGTH, LABELS)
    if placed.device.type == "cuda":
        measured = peak(shape, method, rows, again, device)
        expected = at(model, [load], load.tokens, how).total
    else:
        measured = drawn_out(shape, method, rows, again, device)
        each = per_token(model, load.shape, dropout=True, wide=how.wide, padded=False)
        expected = round(load.tokens * (model.layers * 4 * model.hidden if again else each))
    return {
        "rows": rows,
        "tokens": load.tokens,
        "checkpointing": again,
        "precision": how.precision,
        "measured": measured,
        "expected": expected,
        "ratio": round(expected / measured, 3),
    }


def sizes(shape: Random) -> Sizes:
    return Sizes.made(replace(shape.architecture, vocabulary=shape.vocabulary))


def fits(shape: Random, method: Method) -> dict[str, Any]:
    """On each card: rows of 128 tokens in one pass in bf16, and what is picked for one row of 512."""
    model, found = sizes(shape), {}
    for card in CARDS:
        load = Load(Recipe(method=method), Shape(method), 32 * LENGTH, LABELS)
        bits = (None,) if isinstance(method, Full) else (None, 8, 4)
        given = model, [load], 512, card * 2**30, How("bf16"), "cuda"
        try:
            choice = choose(*given, bits=bits)
        except DoesNotFit as error:
            found[f"{card} GB"] = {"fits": False, "why": error.message}
            continue
        found[f"{card} GB"] = {"fits": True, "rows": choice.tokens // LENGTH, "picked": choice.line()}
    return found


def estimated(shape: Random, method: Method) -> dict[str, Any]:
    """By rows of 128 tokens in one pass in bf16: bytes, and the smallest card, or None."""
    found: dict[str, Any] = {}
    for rows in BATCHES:
        load = Load(Recipe(method=method, batch=rows), Shape(method), rows * LENGTH, LABELS)
        total = at(sizes(shape), [load], load.tokens, How("bf16")).total
        cards = [f"{card} GB" for card in CARDS if total <= usable(card * 2**30, "cuda")]
        found[f"{rows} rows"] = {"bytes": total, "card": cards[0] if cards else None}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--shape", nargs="+", default=["base", "large"], choices=sorted(SHAPES))
    parser.add_argument("--rows", nargs="+", type=int, help="8 and 32, on a CPU 8")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    quiet(asked.device != "cpu" and torch.cuda.is_available())
    device = accelerator(asked.device, "auto").device
    rows = asked.rows or ([1] if asked.quick else [8] if device.type == "cpu" else [8, 32])
    some = f", {' '.join(asked.methods)}" if asked.methods != list(METHODS) else ""
    for name in asked.shape:
        shape = layered(SHAPES[name], 2) if asked.quick else SHAPES[name]
        facts: dict[str, Any] = {"shape": name, "layers": shape.architecture.layers, "methods": {}}
        for word in asked.methods:
            method = METHODS[word]
            every = [
                row(shape, method, many, again, asked.device) for many in rows for again in (False, True)
            ]
            facts["methods"][word] = {
                "steps": every,
                "fits": fits(SHAPES[name], method),
                "estimated": estimated(SHAPES[name], method),
            }
            if asked.write:
                keep("memory", f"{name}{some}", facts, device)
        print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
