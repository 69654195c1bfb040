"""Tokens per second of training: xadapt against `adapters`, `peft` and full fine-tuning, side by side.

    python benchmarks/train_step.py [--device cuda] [--shape mid] [--rows 32] [--write] [--quick]

Three parts. `one`: one NLI task, each library padding to the longest allowed, dynamically, and grouped by
length (on a GPU in bf16, and with `--compile` compiled too). `nine`: nine intermediate tasks at their
recipes' batch sizes, side by side here, one after another there; `short`: with one short row each. The losses
of the last steps must be the same: the figures are worth nothing where something else is computed. Tokens are
real ones, pads do not count; `of_ceiling` is the share of a matmul's FLOP/s measured in the same process.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from contenders import (
    AdapterLibrary,
    Flags,
    Library,
    Run,
    Training,
    full_model,
    library,
    ours,
    peft_model,
    placed_encoder,
    with_method,
)
from measuring import in_turn, keep, matmul_ceiling, medians, quiet
from workload import SHAPES, TASKS, Lengths, Shape, examples, step_flops

from xadapt.modeling.encoder import Encoder
from xadapt.recipe import Bottleneck, Full, LoRA, Recipe

PARTS = ("one", "nine", "short")
METHODS = ("bottleneck", "lora", "full")
LORA = LoRA(rank=8, alpha=8)
TOLERANCE = {"fp32": 1e-3, "bf16": 3e-2}
"""Of the loss of the last step."""


def recipe(steps: int, rows: int, longest: int) -> Recipe:
    return Recipe(batch=rows, steps=steps, lr=1e-3, warmup=0.0, dropout=0.0, max_length=longest)


def training(name: str, lengths: Lengths, shape: Shape, config: Any, steps: int, seed: int) -> Training:
    items = examples(lengths, steps * lengths.rows, shape.vocabulary, seed)
    return Training.of(name, items, recipe(steps, lengths.rows, lengths.longest), config, seed)


def variants(device: torch.device, compiled: bool) -> dict[str, Flags]:
    """How a library is run: by default, and with each flag that may pay."""
    bf16 = device.type == "cuda"
    found = {
        "pad to max": Flags("max"),
        "dynamic": Flags("dynamic", bf16),
        "grouped": Flags("grouped", bf16),
    }
    if compiled:
        found["pad to max, compiled"] = Flags("max", bf16, compile=True)
        found["grouped, compiled"] = Flags("grouped", bf16, compile=True)
    return found


def one(
    encoder: Encoder, plain: Training, device: torch.device, asked: argparse.Namespace
) -> dict[str, Callable[[], Run]]:
    """The contenders of one task, by method, library and flags."""
    found: dict[str, Callable[[], Run]] = {}
    if "bottleneck" in asked.method:
        found |= several(encoder, [plain], device, asked)
    if "lora" in asked.method:
        low = with_method(plain, LORA, encoder.config)
        model = Library(peft_model(encoder, low), device)
        found |= against("lora: peft", model, encoder, [low], device, asked)
    if "full" in asked.method:
        full = with_method(plain, Full(), encoder.config)
        model = Library(full_model(encoder, full.head), device)
        found |= against("full: transformers", model, encoder, [full], device, asked)
    return found


def several(
    encoder: Encoder, trainings: Sequence[Training], device: torch.device, asked: argparse.Namespace
) -> dict[str, Callable[[], Run]]:
    """The contenders of bottlenecks on one encoder."""
    model = AdapterLibrary(encoder, trainings, device)
    return against("bottleneck: adapters", model, encoder, trainings, device, asked)


def against(
    name: str,
    model: Library,
    encoder: Encoder,
    trainings: Sequence[Training],
    device: torch.device,
    asked: argparse.Namespace,
) -> dict[str, Callable[[], Run]]:
    """xadapt, and a library with each set of flags."""
    precision = "bf16" if device.type == "cuda" else "fp32"
    placed = placed_encoder(encoder, device, precision)
    found = {f"{name.partition(':')[0]}: xadapt": ours(placed, trainings, device, precision)}
    for how, flags in variants(device, asked.compile).items():
        found[f"{name}, {how}"] = library(model, trainings, flags)
    return found


def nine(shape: Shape, config: Any, asked: argparse.Namespace) -> list[Training]:
    return [
        training(name, lengths, shape, config, asked.steps, seed)
        for seed, (name, lengths) in enumerate(TASKS.items())
    ]


def short(shape: Shape, config: Any, asked: argparse.Namespace) -> list[Training]:
    """One row of 32 tokens for each of nine tasks."""
    made = nine(shape, config, asked)
    row = Lengths(32, 32, 1)
    found = []
    for seed, each in enumerate(made):
        items = examples(replace(row, mean=320), asked.steps, shape.vocabulary, seed)
        found.append(replace(each, items=items, recipe=recipe(asked.steps, 1, 32)))
    return found


def measured(runs: dict[str, Callable[[], Run]], rounds: int) -> tuple[dict[str, float], dict[str, Run]]:
    """Median seconds and the last run of each contender; a first round warms up."""
    last: dict[str, Run] = {}

    def noting(name: str, run: Callable[[], Run]) -> Callable[[], float]:
        def noted() -> float:
            last[name] = run()
            return last[name].seconds

        return noted

    noted = {name: noting(name, run) for name, run in runs.items()}
    in_turn(noted, 1)
    return medians(in_turn(noted, rounds)), last


def check_losses(last: dict[str, Run], precision: str) -> None:
    """The same training must end at the same loss; grouped by length it sees other batches."""
    for name, run in last.items():
        mine = last[f"{name.partition(':')[0]}: xadapt"].losses[-1]
        if "grouped" not in name and abs(run.losses[-1] - mine) > TOLERANCE[precision]:
            raise SystemExit(f"{name}: the last loss is {run.losses[-1]:.5f}, that of xadapt {mine:.5f}")


def facts(seconds: dict[str, float], last: dict[str, Run], flops: float, ceiling: float) -> dict[str, Any]:
    """Of each contender; `flops` are those that a token of a bottleneck's training needs."""
    speed = {name: last[name].tokens / time for name, time in seconds.items()}
    made = {}
    for name, time in seconds.items():
        made[name] = {
            "seconds": round(time, 4),
            "tokens_per_second": round(speed[name], 1),
            "xadapt_is_faster_by": round(speed[f"{name.partition(':')[0]}: xadapt"] / speed[name], 2),
            "last_loss": round(last[name].losses[-1], 5),
        }
        if name.startswith("bottleneck"):
            made[name]["of_ceiling"] = round(flops * speed[name] / ceiling, 3)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--shape", choices=list(SHAPES), help="large on a GPU, mid on a CPU")
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--method", choices=METHODS, action="append", help="of the part `one`")
    parser.add_argument("--rows", type=int, default=32, help="sequences of an NLI step")
    parser.add_argument("--steps", type=int, help="of a run, the first is not timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="also with torch.compile for the libraries")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a smoke run on a tiny encoder")
    asked = parser.parse_args()
    quiet()
    device = torch.device(asked.device)
    on_gpu = device.type == "cuda"
    asked.shape = "tiny" if asked.quick else asked.shape or ("large" if on_gpu else "mid")
    asked.steps = 3 if asked.quick else asked.steps or (20 if on_gpu else 2)
    asked.method = asked.method or METHODS
    asked.rounds = 1 if asked.quick else asked.rounds
    for part in asked.part or PARTS:
        found = measure(part, device, asked)
        print(json.dumps({part: found}, indent=2), flush=True)
        if asked.write:
            title = f"{part}, {asked.shape}" + (f", {asked.rows} rows" if part == "one" else "")
            keep("train_step", title, found, device)


def measure(part: str, device: torch.device, asked: argparse.Namespace) -> dict[str, Any]:
    shape = SHAPES[asked.shape]
    encoder = shape.encoder()
    if part == "one":
        lengths = replace(TASKS["nli"], rows=asked.rows)
        trainings = [training("nli", lengths, shape, encoder.config, asked.steps, 1)]
        runs = one(encoder, trainings[0], device, asked)
    else:
        trainings = (nine if part == "nine" else short)(shape, encoder.config, asked)
        runs = several(encoder, trainings, device, asked)
    precision = "bf16" if device.type == "cuda" else "fp32"
    seconds, last = measured(runs, asked.rounds)
    check_losses(last, precision)
    steps = range(1, asked.steps)
    timed = [item.tokens for each in trainings for step in steps for item in each.batch(step)]
    hidden = shape.architecture.hidden
    units = int(hidden // Bottleneck().reduction_factor)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    ceiling = matmul_ceiling(device, dtype, 8192 if device.type == "cuda" else 512, hidden, 4 * hidden)
    made = facts(seconds, last, step_flops(shape, timed, units) / sum(timed), ceiling)
    counts = {"tokens": sum(timed), "steps": len(steps), "rounds": asked.rounds}
    return {"contenders": made, "ceiling_tflops": round(ceiling / 1e12, 3)} | counts


if __name__ == "__main__":
    main()
