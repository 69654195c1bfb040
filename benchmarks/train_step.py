"""Tokens per second of training: xadapt against `adapters`, `peft` and full fine-tuning, side by side.

    python benchmarks/train_step.py [--device cuda] [--shape mid] [--rows 32] [--write] [--quick]

Three parts. `one`: one NLI task by each method. `nine`: nine intermediate tasks at their recipes' batch
sizes, side by side here, one after another there; `short`: with one short row each. A library is run in bare
steps and by its trainer (`trainers.py`), padding to the longest allowed, dynamically, and grouped by length;
on a GPU in bf16, and with `--compile` compiled too. `defaults` is fp32 padded to the longest allowed, as in
the example scripts of the libraries. Where the order of examples is the same the losses of the last steps
must be: the figures are worth nothing where something else is computed. Tokens are real ones, pads do not
count; `of_ceiling` is the share of a matmul's FLOP/s measured in the same process, on a GPU in bf16, so that
it says little of contenders in fp32.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from command import asked as asked_for
from command import parser
from contenders import Run, Training, ours, placed_encoder, with_method
from libraries import AdapterLibrary, Flags, Library, full_model, peft_model
from measuring import in_turn, keep, matmul_ceiling, medians
from trainers import library, trainer
from workload import SHAPES, TASKS, Lengths, Shape, examples, step_flops

from xadapt.modeling.encoder import Encoder
from xadapt.recipe import Bottleneck, Full, LoRA, Method, Recipe

PARTS = ("one", "nine", "short")
METHODS: dict[str, Method] = {"bottleneck": Bottleneck(), "lora": LoRA(rank=8, alpha=8), "full": Full()}
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


def trained(
    model: Library, trainings: Sequence[Training], device: torch.device, compiled: bool
) -> dict[str, Callable[[], Run]]:
    """The library's own trainer by default and with its best flags; on a CPU with those that count there."""
    if device.type == "cpu":
        return {
            "trainer, dynamic": trainer(model, trainings, Flags("dynamic")),
            "trainer, grouped": trainer(model, trainings, Flags("grouped")),
        }
    best = Flags("grouped", bf16=True)
    found = {
        "trainer, defaults": trainer(model, trainings, Flags("max")),
        "trainer, dynamic": trainer(model, trainings, Flags("dynamic", bf16=True)),
        "trainer, grouped": trainer(model, trainings, best),
        "trainer, grouped, 2 workers": trainer(model, trainings, best, workers=2),
    }
    if compiled:
        found["trainer, grouped, compiled"] = trainer(model, trainings, replace(best, compile=True))
    return found


def one(
    encoder: Encoder, plain: Training, device: torch.device, asked: argparse.Namespace
) -> dict[str, Callable[[], Run]]:
    """The contenders of one task, by method, library and flags."""
    found: dict[str, Callable[[], Run]] = {}
    if "bottleneck" in asked.method:
        found |= several(encoder, [plain], device, asked)
    if "lora" in asked.method:
        low = with_method(plain, METHODS["lora"], encoder.config)
        model = Library(peft_model(encoder, low), device)
        found |= against("lora: peft", model, encoder, [low], device, asked)
    if "full" in asked.method:
        full = with_method(plain, METHODS["full"], encoder.config)
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
    placed = placed_encoder(encoder, device, asked.precision)
    found = {f"{name.partition(':')[0]}: xadapt": ours(placed, trainings, device, asked.precision)}
    for how, flags in variants(device, asked.compile).items():
        found[f"{name}, {how}"] = library(model, trainings, flags)
    for how, run in trained(model, trainings, device, asked.compile).items():
        found[f"{name}, {how}"] = run
    return {word: run for word, run in found.items() if wanted(word, asked)}


def wanted(contender: str, asked: argparse.Namespace) -> bool:
    """xadapt always: the others are measured against it."""
    if contender.endswith(": xadapt"):
        return True
    chosen = not asked.only or any(word in contender for word in asked.only)
    return chosen and not any(word in contender for word in asked.without)


def nine(shape: Shape, config: Any, asked: argparse.Namespace) -> list[Training]:
    """At their own batch sizes, or one `of` so many rows."""
    tasks = {name: replace(each, rows=max(1, each.rows // asked.part_of)) for name, each in TASKS.items()}
    return [
        training(name, lengths, shape, config, asked.steps, seed)
        for seed, (name, lengths) in enumerate(tasks.items())
    ]


def short(shape: Shape, config: Any, asked: argparse.Namespace) -> list[Training]:
    """One row of 32 tokens for each of nine tasks."""
    row = Lengths((32,), 32, 1)
    return [training(name, row, shape, config, asked.steps, seed) for seed, name in enumerate(TASKS)]


def measured(
    runs: dict[str, Callable[[], Run]], rounds: int, warm: bool = True
) -> tuple[dict[str, float], dict[str, Run]]:
    """Median seconds and the last run of each contender; with `warm` after a round that does not count."""
    last: dict[str, Run] = {}

    def noting(name: str, run: Callable[[], Run]) -> Callable[[], float]:
        def noted() -> float:
            last[name] = run()
            return last[name].seconds

        return noted

    noted = {name: noting(name, run) for name, run in runs.items()}
    if warm:
        in_turn(noted, 1)
    return medians(in_turn(noted, rounds)), last


def disagreement(losses: dict[str, float], precision: str) -> str:
    """Who did not end at the loss of xadapt, as the same training must; empty where all did.

    Grouped by length a library sees other batches.
    """
    found = []
    for name, last in losses.items():
        mine = losses[f"{name.partition(':')[0]}: xadapt"]
        # So written that NaN is far from everything.
        if not abs(last - mine) <= TOLERANCE[precision] and "grouped" not in name:
            found.append(f"{name}: the last loss is {last:.5f}, that of xadapt {mine:.5f}")
    return "; ".join(found)


def facts(
    seconds: dict[str, float], last: dict[str, Run], flops: dict[str, float], ceiling: float
) -> dict[str, Any]:
    """Of each contender; `flops` are those that a token needs, by method."""
    speed = {name: last[name].tokens / time for name, time in seconds.items()}
    made = {}
    for name, time in seconds.items():
        method = name.partition(":")[0]
        made[name] = {
            "seconds": round(time, 4),
            "tokens_per_second": round(speed[name], 1),
            "xadapt_is_faster_by": round(speed[f"{method}: xadapt"] / speed[name], 2),
            "last_loss": round(last[name].losses[-1], 5),
            "of_ceiling": round(flops[method] * speed[name] / ceiling, 3),
        }
    return made


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--part", choices=PARTS, action="append")
    made.add_argument("--method", choices=list(METHODS), action="append", help="of the part `one`")
    made.add_argument("--rows", type=int, default=32, help="sequences of an NLI step")
    made.add_argument(
        "--part-of", type=int, default=1, help="of the rows of the nine tasks take one in so many"
    )
    made.add_argument("--steps", type=int, help="of a run, the first is not timed")
    made.add_argument("--compile", action="store_true", help="also with torch.compile for the libraries")
    made.add_argument("--without", nargs="*", default=[], help="leave out contenders whose name has a word")
    made.add_argument("--only", nargs="*", default=[], help="beside xadapt those whose name has a word")
    asked, device = asked_for(made, cpu="mid")
    asked.steps = 3 if asked.quick else asked.steps or (20 if device.type == "cuda" else 3)
    asked.method = asked.method or list(METHODS)
    for part in asked.part or PARTS:
        found = measure(part, device, asked)
        print(json.dumps({part: found}, indent=2), flush=True)
        last = {name: each["last_loss"] for name, each in found["contenders"].items()}
        wrong = disagreement(last, asked.precision)
        if asked.write:
            keep("train_step", _title(part, asked), found | {"agrees": not wrong}, device)
        if wrong:
            raise SystemExit(wrong)


def _title(part: str, asked: argparse.Namespace) -> str:
    some = f", {' '.join(asked.only)}" if asked.only else ""
    if part == "one":
        return f"one, {asked.shape}, {asked.rows} rows, {' '.join(asked.method)}{some}"
    fewer = f", one row in {asked.part_of}" if part == "nine" and asked.part_of > 1 else ""
    return f"{part}, {asked.shape}{fewer}{some}"


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
    # The first step of a run is not timed; on a GPU a first run also compiles.
    seconds, last = measured(runs, asked.rounds, warm=device.type == "cuda")
    steps = range(1, asked.steps)
    timed = [item.tokens for each in trainings for step in steps for item in each.batch(step)]
    hidden = shape.architecture.hidden
    dtype = torch.bfloat16 if asked.precision == "bf16" else torch.float32
    ceiling = matmul_ceiling(device, dtype, 8192 if device.type == "cuda" else 512, hidden, 4 * hidden)
    flops = {name: step_flops(shape, timed, method) / sum(timed) for name, method in METHODS.items()}
    counts = {"tokens": sum(timed), "steps": len(steps), "rounds": asked.rounds}
    made = facts(seconds, last, flops, ceiling)
    return {"contenders": made, "ceiling_tflops": round(ceiling / 1e12, 3)} | counts


if __name__ == "__main__":
    main()
