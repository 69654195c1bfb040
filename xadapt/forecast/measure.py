"""A short measured run: what each kind of stage costs on this device, on rows of the toy world.

The stages are those of any experiment and run through the same code, in a store that is thrown away. The
line through steps of three sizes gives the seconds of a step and of a token, stages on few and on many rows
give those of a stage and of an example.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xadapt import toyworld
from xadapt.composition import Alone, Composition, Fuse, Gate, Stack
from xadapt.forecast.device import Calibration
from xadapt.forecast.machine import processor
from xadapt.forecast.model import model as model_of
from xadapt.forecast.stated import HOST, Cost
from xadapt.forecast.work import LEARNED
from xadapt.recipe import Bottleneck, Full, LoRA, Method, ModelSpec, Recipe
from xadapt.sources.origin import Toy
from xadapt.stages.baseline import FURTHER, Baseline
from xadapt.stages.data import Data
from xadapt.stages.predict import Predict
from xadapt.stages.score import Score
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run_group
from xadapt.workflow.record import package_versions
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

PARTS = (2, 6)
"""Modules that are mixed: few narrow ones, and many of half the hidden size."""
POINTS = (("mnli", 4), ("mnli", 32), ("squad", 32))
"""Training data and batch size of the steps: few short sequences, many, and many long ones."""
FEW, MANY = 40, 400
STEPS = 12
SLOW = 0.3
"""Seconds of a step of eight short examples, above which less is measured."""
WARM = 3
"""Steps that are left out, in which memory is taken and kernels are chosen."""


@dataclass
class Ran:
    """One stage: seconds in all, and (tokens, seconds) of each step."""

    seconds: float
    steps: list[tuple[int, float]]


@dataclass
class Bench:
    """Runs stages one after another; `clock` is read around each."""

    model: ModelSpec
    context: Context
    clock: Callable[[], float]
    steps: int = STEPS
    scale: int = 1
    """What rows and batches are divided by, where a step takes long."""
    say: Callable[[str], None] = lambda text: None
    _at: list[tuple[int, float]] = field(default_factory=list)

    def run(self, stage: Stage) -> Ran:
        """Also what it needs, before the clock starts. Raises what the stage raises."""
        for needed in stage.inputs.values():
            if needed not in self.context.store:
                self.run(needed)
        self._at = []
        started = self.clock()
        outcome = run_group((stage,), replace(self.context, progress=self._facts))[0]
        seconds = self.clock() - started
        if outcome.error is not None:
            raise outcome.error
        pairs = zip(self._at, self._at[1:], strict=False)
        return Ran(seconds, [(now[0] - before[0], now[1] - before[1]) for before, now in pairs])

    def _facts(self, **facts: Any) -> None:
        if "step" in facts:
            self._at.append((facts["tokens"], self.clock()))


def data(name: str, split: str, rows: int, language: str = "en") -> Data:
    """Rows of the toy world."""
    dataset = {"pawsx": "paws-x"}.get(name, name)
    origin = Toy(dataset=dataset, config=language, split=split, size=rows, version=toyworld.version(dataset))
    return Data(task=name, task_version=task(name).version, rows=(origin,))


def train(
    bench: Bench,
    method: Method,
    base: Composition,
    name: str = "mnli",
    batch: int = 8,
    *,
    rows: int = FEW,
    seed: int = 1,
) -> Train:
    recipe = Recipe(method=method, steps=bench.steps, batch=batch, pooling="max", dropout=0.0)
    return Train(
        task=name, data=data(name, "train", rows), model=bench.model, base=base, recipe=recipe, seed=seed
    )


def training(bench: Bench, method: Method, base: Composition) -> Cost:
    """Of a training under one composition."""
    points, overhead = [], []
    few, many = FEW // bench.scale, 4 * MANY // bench.scale
    for name, whole in POINTS:
        batch = whole // bench.scale or 1
        ran = bench.run(train(bench, method, base, name, batch, rows=few + batch))
        kept = ran.steps[min(WARM, len(ran.steps) - 1) :]
        size, spent = (statistics.median(each) for each in zip(*kept, strict=True))
        points.append((size, spent))
        overhead.append(ran.seconds - spent * bench.steps)
    batch = POINTS[1][1] // bench.scale
    ran = bench.run(train(bench, method, base, POINTS[1][0], batch, rows=many))
    row = max(0.0, ran.seconds - bench.steps * points[1][1] - overhead[1]) / (many - few - batch)
    step, token = line(points)
    return Cost(stage=max(0.0, statistics.median(overhead) - row * few), step=step, token=token, row=row)


def predicting(bench: Bench, method: Method, base: Composition) -> Cost:
    """Of predictions by a module that was trained under one composition."""
    points = []
    few, many, batch = FEW // bench.scale, MANY // bench.scale, POINTS[1][1] // bench.scale
    for name, target, rows in (("mnli", "xnli", few), ("mnli", "xnli", many), ("squad", "xquad", many)):
        module = train(bench, method, base, name, batch, rows=few + batch)
        made = Predict(
            task=target, language="en", data=data(target, "test", rows), model=bench.model, module=module
        )
        ran = bench.run(made)
        tokens = bench.context.store.record(made.digest).notes["tokens"]
        points.append((tokens, ran.seconds))
    stage, token = line(points)
    return Cost(stage=stage, token=token)


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(seconds at nothing, seconds for each) of the least-squares line, neither below zero."""
    sizes, spent = zip(*points, strict=True)
    if len(points) < 2 or len(set(sizes)) < 2:
        return 0.0, spent[0] / max(1, sizes[0])
    slope, start = statistics.linear_regression(sizes, spent)
    if slope <= 0:
        return max(0.0, statistics.fmean(spent)), 0.0
    if start < 0:
        return 0.0, sum(spent) / sum(sizes)
    return start, slope


def modules(bench: Bench, hidden: int) -> Iterator[tuple[str, Cost]]:
    """Training and predicting, by method and composition."""
    wide: tuple[Method, ...] = (Bottleneck(reduction_factor=2.0), LoRA(rank=hidden // 2, alpha=hidden / 2))
    narrow: tuple[Method, ...] = (Bottleneck(), LoRA(rank=hidden // 16))
    for method, large in zip(narrow, wide, strict=True):
        few = [train(bench, method, Alone(), seed=seed) for seed in range(PARTS[0])]
        many = [train(bench, large, Alone(), seed=seed) for seed in range(PARTS[1])]
        forms: list[tuple[str, Method, Composition]] = [
            ("alone", method, Alone()),
            ("stack", method, Stack((few[0],))),
        ]
        for one in (Fuse, Gate):
            forms += [
                (f"{one.form} few", method, one(tuple(few))),
                (f"{one.form} many", large, one(tuple(many))),
            ]
        for name, used, base in forms:
            bench.say(f"{method.name} {name}")
            yield f"train {method.name} {name}", training(bench, used, base)
            yield f"predict {method.name} {name}", predicting(bench, used, base)
    bench.say("full")
    yield "train full alone", training(bench, Full(), Alone())


def counted(bench: Bench) -> Iterator[tuple[str, Cost]]:
    """What computes without an encoder: data, baselines, scores."""
    bench.say("data, baselines, scores")
    read: list[tuple[float, float]] = []
    for name, source in (("xnli", "mnli"), ("xcopa", "copa"), ("udpos", "udpos"), ("xquad", "squad")):
        kind = task(name).type
        test = data(name, "test", FEW)
        bench.run(test)
        sizes = (FEW, LEARNED, 3 * LEARNED)
        known = [data(source, "train", rows) for rows in sizes]
        read += [(rows, bench.run(each).seconds) for rows, each in zip(sizes, known, strict=True)]
        scoring = []
        for method in ("", *FURTHER.get(kind, ())):
            spent = []
            for each in known:
                made = Baseline(task=name, language="en", data=test, train=each, method=method)
                spent.append(bench.run(made).seconds)
                scored = Score(task=name, metric=task(name).metric, predictions=made)
                scoring.append(bench.run(scored).seconds)
            yield f"baseline {kind} {method}".rstrip(), learning(spent)
        yield f"score {kind}", Cost(stage=statistics.median(scoring))
    stage, row = line(read)
    yield "data toyworld", Cost(stage=stage, row=row)
    yield "data read", HOST["data"]


def learning(spent: Sequence[float]) -> Cost:
    """Of a baseline on few rows, on as many as it learns from, and on three times these: a step is a row."""
    few, whole, more = spent
    row = max(0.0, more - whole) / (2 * LEARNED)
    step = max(0.0, whole - few - row * (LEARNED - FEW)) / (LEARNED - FEW)
    return Cost(stage=max(0.0, few - (row + step) * FEW), step=step, row=row)


def measure(
    model: ModelSpec,
    threads: int,
    *,
    device: str = "auto",
    precision: str = "auto",
    say: Callable[[str], None],
) -> Calibration:
    """Run everything once in a scratch store; a minute with the toy encoder on one core."""
    import torch

    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        context = Context(store=Store(Path(folder)), device=device, precision=precision)
        context.store.prepare()
        size = model_of(model)
        assert size is not None, "its config is here"
        bench = Bench(model, context, time.perf_counter, say=say)
        bench.say("start")
        first = train(bench, Bottleneck(), Alone())
        # What a process loads once belongs to no stage.
        steps = bench.run(first).steps
        if statistics.median(spent for _, spent in steps) > SLOW:
            bench.steps, bench.scale = STEPS // 2, 8
        test = data("xnli", "test", FEW)
        bench.run(Predict(task="xnli", language="en", data=test, model=model, module=first))
        notes = context.store.record(first.digest).notes
        on_cpu, on_gpu = notes["device"] == "cpu", notes["device"] not in ("cpu", "mps")
        if on_cpu and threads == 1:
            bench.clock = time.process_time
        elif on_gpu:
            bench.clock = synchronized
        costs = dict(modules(bench, size.sizes.hidden)) | dict(counted(bench))
    return Calibration(
        name=processor() if on_cpu else notes["device"],
        threads=threads,
        precision=notes["precision"],
        type="cuda" if on_gpu else notes["device"],
        clock="cpu" if bench.clock is time.process_time else "wall",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        model=size,
        packages=dict(package_versions()),
        costs=costs,
        memory=torch.cuda.get_device_properties().total_memory if on_gpu else 0,
        mixed=(PARTS[0] / 16, PARTS[1] / 2),
    )


def synchronized() -> float:
    """The time when a GPU is done with all that it was asked: the host alone is far ahead of it."""
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()
