"""What is measured otherwise on a GPU, which computes while its host prepares the next step.

A short step takes what the host needs for it, whatever its tokens, so that a line through short steps says
nothing of a token. One more point keeps the device busy, and what it takes by its tokens is theirs.
"""

import time
from collections.abc import Sequence

from xadapt.composition import Alone
from xadapt.forecast.bench import MANY, POINTS, Bench, predict, train, usual
from xadapt.recipe import Bottleneck

EVERY = 10
"""Steps between two readings of the clock: those at which the loop waits for the device anyway."""
STEPS, FEWER = 30, 20
"""Of a training; fewer where a step takes long."""
BUSY = (POINTS[-1], ("squad", 128), ("squad", 512), ("squad", 1024))
"""Up to 50,000 tokens."""
BOUND = 3.0
"""Times the shortest step, from which on a step is the device's for sure."""
SLOW = 0.3
"""Seconds of a busy step above which less is measured."""
TESTED = 20 * MANY
"""Rows of the largest prediction, so that it takes longer than a stage does whatever its rows."""
SEED = 20
"""Of trainings that are not what is measured later."""


def synchronized() -> float:
    """The time when a GPU is done with all that it was asked: the host alone is far ahead of it."""
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()


def pace(bench: Bench) -> None:
    """How this GPU is measured: the batch that keeps it busy, how many steps, and rows of predictions.

    The texts of predictions are encoded here: that is done once, and belongs to no module.
    """
    bench.steps, bench.every, bench.scale, bench.overlaps = STEPS, EVERY, 1, True
    idle, busy = _step(bench, *POINTS[0]), 0.0
    for name, batch in BUSY:
        bench.points = tuple(dict.fromkeys((*POINTS, (name, batch))))
        busy = _step(bench, name, batch)
        if busy >= BOUND * idle:
            break
    else:
        bench.say(f"{batch} examples do not keep it busy: hours of larger models will be too high")
    if busy > SLOW:
        bench.steps = FEWER
    else:
        bench.tests = (*bench.tests[:-1], (*bench.tests[-1][:2], TESTED))
    for name, target, rows in bench.tests:
        bench.run(predict(bench, target, rows, train(bench, Bottleneck(), Alone(), name, seed=SEED)))


def _step(bench: Bench, name: str, batch: int) -> float:
    """Seconds."""
    stage = train(bench, Bottleneck(), Alone(), name, batch, rows=batch, seed=SEED)
    return usual(bench, bench.run(stage))[1]


def hinge(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(seconds of the host for a step, seconds of the device for a token) of steps of (tokens, seconds).

    A step takes the longer of the two: the shortest one is the host's, the one of most tokens the device's.
    """
    tokens, seconds = max(points)
    return min(spent for _, spent in points), seconds / tokens
