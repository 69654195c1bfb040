"""Kernels and host time of a whole training step: forward, losses, backward, clip and optimizer.

    python benchmarks/kernels.py [--tasks 9] [--method bottleneck] [--write] [--quick]

Counts the aten operations that compute (no views, no allocations), which are the kernels that an eager step
launches on a GPU, on an encoder as deep as XLM-R Large and 64 wide, so that what a CPU measures is work of
the host. Rows are of one length (`equal`), for which attention is one call, as the variable-length kernel is
on a GPU, or of different ones (`ragged`), which a CPU handles bucket by bucket. `encoder` is forward and
backward without heads, losses, clip and optimizer.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from contenders import Run, Training, ours, placed_encoder
from libraries import AdapterLibrary, Flags
from measuring import in_turn, keep, medians, quiet
from torch.utils._python_dispatch import TorchDispatchMode
from trainers import library
from workload import SHAPES, item

from xadapt.modeling.assemble import Assembled
from xadapt.modeling.encoder import Encoder
from xadapt.recipe import Bottleneck, LoRA, Recipe
from xadapt.task_types.items import lay_out, pack

METHODS = {"bottleneck": Bottleneck(), "lora": LoRA()}
FREE = ("detach", "empty", "new_empty", "_unsafe_view", "sym_", "_local_scalar", "is_same", "lift_fresh")
"""What launches nothing: allocations, names of what is there, and reading one number."""
ROWS = {"equal": (6,) * 9, "ragged": (6, 4, 5, 6, 3, 6, 6, 2, 6)}


class Kernels(TorchDispatchMode):
    """Counts the operations below it that compute, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.by_name: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        views = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
        name = func.__name__.split(".")[0]
        if not views and not name.startswith(FREE):
            self.by_name[name] += 1
        return func(*args, **(kwargs or {}))


def trainings(sizes: Sequence[int], steps: int, method: Any, config: Any) -> list[Training]:
    """Tasks of one row each."""
    found = []
    for number, size in enumerate(sizes):
        random = np.random.default_rng(number)
        items = [item(step, size, SHAPES["host"].vocabulary, random) for step in range(steps)]
        recipe = Recipe(
            batch=1, steps=steps, lr=1e-3, warmup=0.0, dropout=0.0, max_length=max(sizes), method=method
        )
        found.append(Training.of(f"task{number}", items, recipe, config, number))
    return found


def of_a_step(make: Callable[[int], Callable[[], Run]]) -> Counter[str]:
    """The kernels of a run of three steps less those of a run of two."""
    counts = []
    for steps in (3, 2):
        run = make(steps)
        run()
        with Kernels() as kernels:
            run()
        counts.append(kernels.by_name)
    return counts[0] - counts[1]


def of_the_encoder(encoder: Encoder, every: Sequence[Training]) -> int:
    """Forward and backward of one step with its modules, without heads."""
    assembled = Assembled([each.slot for each in every], encoder.config)
    packed = pack([lay_out(each.batch(0)) for each in every])
    with Kernels() as kernels:
        encoder(packed, assembled.sites(packed, range(len(every)))).sum().backward()
    return kernels.by_name.total()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=9)
    parser.add_argument("--method", default="bottleneck", choices=list(METHODS))
    parser.add_argument("--steps", type=int, default=12, help="of a timed run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--quick", action="store_true", help="count and time once")
    asked = parser.parse_args()
    quiet()
    steps, rounds = (3, 1) if asked.quick else (asked.steps, asked.rounds)
    found = {kind: measure(sizes[: asked.tasks], asked, steps, rounds) for kind, sizes in ROWS.items()}
    print(json.dumps(found, indent=2))
    if asked.write:
        keep("kernels", f"{asked.tasks} tasks, {asked.method}", found, torch.device("cpu"))


def measure(sizes: Sequence[int], asked: argparse.Namespace, steps: int, rounds: int) -> dict[str, Any]:
    """Of xadapt, and of `adapters` one task after another."""
    device, method = torch.device("cpu"), METHODS[asked.method]
    encoder = SHAPES["host"].encoder()
    placed = placed_encoder(encoder, device, "fp32")

    def mine(count: int) -> Callable[[], Run]:
        return ours(placed, trainings(sizes, count, method, encoder.config), device, "fp32")

    def theirs(count: int) -> Callable[[], Run]:
        every = trainings(sizes, count, method, encoder.config)
        return library(AdapterLibrary(encoder, every, device), every, Flags("dynamic"))

    makers = {"xadapt": mine} | ({"adapters": theirs} if isinstance(method, Bottleneck) else {})
    runs = {name: make(steps) for name, make in makers.items()}
    times = medians(in_turn({name: _seconds(run) for name, run in runs.items()}, rounds + 1))
    facts = {}
    for name, make in makers.items():
        kernels = of_a_step(make)
        facts[name] = {
            "kernels": kernels.total(),
            "host_ms": round(1000 * times[name] / (steps - 1), 2),
            "most": dict(kernels.most_common(12)),
        }
    facts["xadapt"]["encoder"] = of_the_encoder(placed, trainings(sizes, 1, method, encoder.config))
    return facts


def _seconds(run: Callable[[], Run]) -> Callable[[], float]:
    return lambda: run().seconds


if __name__ == "__main__":
    main()
