"""A short measured run: what each kind of stage costs on this device, on rows of the toy world.

The stages are those of any experiment and run through the same code, in a store that is thrown away. The
line through steps of three sizes gives the seconds of a step and of a token (on a GPU see `on_gpu`), stages
on few and on many rows give those of a stage and of an example, trainings side by side what each adds.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from xadapt.composition import Alone, Composition, Fuse, Gate, Stack
from xadapt.errors import DoesNotFit
from xadapt.forecast.bench import FEW, MANY, POINTS, STEPS, Bench, data, predict, train, usual
from xadapt.forecast.device import Calibration
from xadapt.forecast.machine import processor
from xadapt.forecast.model import model as model_of
from xadapt.forecast.on_gpu import hinge, pace, synchronized
from xadapt.forecast.stated import HOST, Cost
from xadapt.forecast.stepping import BESIDE
from xadapt.forecast.work import LEARNED
from xadapt.recipe import Bottleneck, Full, LoRA, Method, ModelSpec
from xadapt.stages.baseline import FURTHER, Baseline
from xadapt.stages.score import Score
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.record import package_versions
from xadapt.workflow.store import Store

PARTS = (2, 6)
"""Modules that are mixed: few narrow ones, and many of half the hidden size."""
SLOW = 0.3
"""Seconds of a step of eight short examples, above which less is measured."""
TOGETHER = 4
"""Trainings side by side."""
MOST = 0.8
"""Of a step of theirs that tokens may take, for the rest to tell what the host needs."""


def training(bench: Bench, method: Method, base: Composition) -> Cost:
    """Of a training under one composition."""
    points, overhead = [], []
    few, many = FEW // bench.scale, 4 * MANY // bench.scale
    for name, whole in bench.points:
        batch = whole // bench.scale or 1
        ran = bench.run(train(bench, method, base, name, batch, rows=few + batch))
        size, spent = usual(bench, ran)
        points.append((size, spent))
        overhead.append(ran.seconds - spent * bench.steps)
    batch = POINTS[1][1] // bench.scale
    ran = bench.run(train(bench, method, base, POINTS[1][0], batch, rows=many))
    row = max(0.0, ran.seconds - bench.steps * points[1][1] - overhead[1]) / (many - few - batch)
    step, token = hinge(points) if bench.overlaps else line(points)
    return Cost(stage=max(0.0, statistics.median(overhead) - row * few), step=step, token=token, row=row)


def side_by_side(bench: Bench, alone: Cost) -> tuple[float, float]:
    """What each further training adds to the overhead of a step and to that of a stage, as shares of these.

    Of a training that costs `alone`. Where a step of short examples is not the host's, its share is what is
    assumed without a measurement.
    """
    name, whole = POINTS[0]
    batch = whole // bench.scale or 1
    rows, seeds = FEW // bench.scale + batch, range(10, 10 + TOGETHER)
    stages = [train(bench, Bottleneck(), Alone(), name, batch, rows=rows, seed=seed) for seed in seeds]
    ran = bench.run(*stages)
    tokens, spent = usual(bench, ran)
    computed = alone.token * tokens
    host = spent if bench.overlaps else spent - computed
    known = alone.step > 0 and computed <= MOST * spent
    stage = ran.seconds - spent * bench.steps - alone.row * rows
    return added(host, alone.step) if known else BESIDE, added(stage, alone.stage) if alone.stage else 1.0


def added(spent: float, one: float) -> float:
    """By each further one of `TOGETHER`, as a share of `one` alone."""
    return min(1.0, max(0.0, (spent / one - 1) / (TOGETHER - 1)))


def predicting(bench: Bench, method: Method, base: Composition) -> Cost:
    """Of predictions by a module that was trained under one composition."""
    points = []
    few, batch = FEW // bench.scale, POINTS[1][1] // bench.scale
    for name, target, rows in bench.tests:
        module = train(bench, method, base, name, batch, rows=few + batch)
        made = predict(bench, target, rows // bench.scale, module)
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


def modules(bench: Bench, hidden: int, only: Sequence[str] = ()) -> Iterator[tuple[str, Cost]]:
    """Training and predicting, by method and composition; not what is too much for the device."""
    import torch

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
            if only and f"{method.name} {name}" not in only:
                continue
            bench.say(f"{method.name} {name}")
            yield f"train {method.name} {name}", training(bench, used, base)
            yield f"predict {method.name} {name}", predicting(bench, used, base)
    if only and "full alone" not in only:
        return
    bench.say("full")
    try:
        yield "train full alone", training(bench, Full(), Alone())
    except (DoesNotFit, torch.OutOfMemoryError):
        bench.say("full: more than this device has")


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
    only: Sequence[str] = (),
) -> Calibration:
    """Run everything once in a scratch store; a minute with the toy encoder on one core.

    `only` are methods and forms, `bottleneck alone` among them, and then nothing else is measured.
    """
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
        bench.run(predict(bench, "xnli", FEW, first))
        notes = context.store.record(first.digest).notes
        on_cpu, on_gpu = notes["device"] == "cpu", notes["device"] not in ("cpu", "mps")
        if on_cpu and threads == 1:
            bench.clock = time.process_time
        elif on_gpu:
            bench.clock = synchronized
            pace(bench)
        costs = dict(modules(bench, size.sizes.hidden, only))
        bench.say("side by side")
        beside, apart = side_by_side(bench, costs["train bottleneck alone"])
        costs |= {} if only else dict(counted(bench))
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
        beside=beside,
        apart=apart,
        memory=torch.cuda.get_device_properties().total_memory if on_gpu else 0,
        mixed=(PARTS[0] / 16, PARTS[1] / 2),
    )
