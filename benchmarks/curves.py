"""Loss curves in bf16 against fp32, and how far those of other seeds lie apart.

    python benchmarks/curves.py [--device cuda] [--shape small] [--seeds 3] [--steps 60] [--write] [--quick]

The same bottleneck on the same examples in both precisions, the frozen matrices in bf16 and what trains in
fp32, for each of some seeds, which draw the examples, the module and the head. A point is the mean of ten
steps. `precision` is the difference of both curves of a seed, `seeds` that of the fp32 curves of two, both as
the root of the mean square over points and seeds: bf16 is within the noise when it is not above `seeds`.
"""

import argparse
import itertools
import json
from typing import Any

import numpy as np
import torch
from command import asked as asked_for
from command import parser
from contenders import Training, ours, placed_encoder
from measuring import keep
from workload import SHAPES, TASKS, examples

from xadapt.recipe import Recipe


def apart(pairs: list[tuple[list[float], list[float]]]) -> float:
    far = [np.subtract(one, other) for one, other in pairs]
    return round(float(np.sqrt(np.mean(np.square(far)))), 6)


def measure(asked: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    shape, lengths = SHAPES[asked.shape], TASKS["nli"]
    encoder = shape.encoder()
    recipe = Recipe(batch=asked.rows, steps=asked.steps, lr=1e-3, warmup=0.0, dropout=0.0, max_length=128)
    found: dict[str, list[list[float]]] = {"fp32": [], "bf16": []}
    for seed in range(1, asked.seeds + 1):
        items = examples(lengths, asked.steps * asked.rows // 4, shape.vocabulary, seed)
        training = Training.of("nli", items, recipe, encoder.config, seed)
        for precision, curves in found.items():
            placed = placed_encoder(encoder, device, precision)
            losses = ours(placed, [training], device, precision)().curve
            curves.append([round(each, 6) for each in losses])
    both = list(zip(found["fp32"], found["bf16"], strict=True))
    between = list(itertools.combinations(found["fp32"], 2))
    return {
        "precision": apart(both),
        "seeds": apart(between),
        "at_the_end": {
            "precision": apart([(one[-1:], other[-1:]) for one, other in both]),
            "seeds": apart([(one[-1:], other[-1:]) for one, other in between]),
        },
        "curves": found,
        "steps": asked.steps,
        "rows": asked.rows,
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument("--steps", type=int)
    made.add_argument("--rows", type=int)
    asked, device = asked_for(made, cpu="tiny")
    on_gpu = device.type == "cuda"
    asked.steps = 6 if asked.quick else asked.steps or (200 if on_gpu else 60)
    asked.rows = asked.rows or (32 if on_gpu else 8)
    found = measure(asked, device)
    print(json.dumps({asked.shape: found}, indent=2))
    if asked.write:
        keep("curves", asked.shape, found, device)


if __name__ == "__main__":
    main()
