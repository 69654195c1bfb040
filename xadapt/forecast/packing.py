"""Which trainings run side by side: as many as a GPU gains from, and as its memory holds.

Told by the plan and the device alone. Lengths are those of the table, never those of what has run, so that a
plan puts the same stages side by side from its first run to its last.
"""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from xadapt.forecast.reading import Reading
from xadapt.forecast.work import Forecaster, Work
from xadapt.memory.choose import usable
from xadapt.memory.estimate import Precision
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.workflow.plan import Fits
from xadapt.workflow.stage import Stage

SATURATING = 16_384
"""Tokens of a step beyond which one more training beside the others gains nothing.

Nine trainings at 24 layers cost the host some 11 ms a step. XLM-R Large computes 1.2 GFLOP a token, so that
16 k tokens take some 50 ms of an H200 at half its peak, and longer on any smaller GPU: the host is then well
hidden. An estimate; no GPU has measured it.
"""
MOST = 64
"""Stages in one call: what is done is kept when all of them are."""


def beside(data: Path | None, precision: Precision, tokens: float, budget: float | None) -> Fits:
    """Whether stages fit side by side: into `tokens` in a mean step, and `budget` bytes in their largest."""
    forecaster = Forecaster(Reading(None, data), precision)
    known: dict[str, Work] = {}

    def work(stage: Stage) -> Work:
        if stage.digest not in known:
            known[stage.digest] = forecaster.work(stage)
        return known[stage.digest]

    def answer(stages: Sequence[Stage]) -> bool:
        works = [work(stage) for stage in stages if isinstance(stage, Train | Mixture)]
        if len(works) < 2:
            return True
        if sum(one.step for one in works) > tokens:
            return False
        # Of a model of unknown size nothing is known to fit.
        return budget is None or 0 < forecaster.peak(works) <= budget

    return answer


def on_gpu(
    together: int | None, room: int | None, data: Path | None, precision: Precision, also: Fits | None = None
) -> tuple[int, Fits]:
    """How many stages run in one call on a GPU, and which, for `Plan.groups`.

    `together` of `--together` is the most, and then no number of tokens is too many. `room` are the bytes of
    the GPU, None where they are not known or `also`, the limit of `--memory`, holds them.
    """
    budget = None if room is None else usable(room, "cuda")
    fits = beside(data, precision, SATURATING if together is None else math.inf, budget)
    return together or MOST, lambda stages: fits(stages) and (also is None or also(stages))


def said(groups: Sequence[Sequence[Stage]]) -> str | None:
    """What was packed, for people; None where every training has its call to itself."""
    sizes = [sum(isinstance(stage, Train | Mixture) for stage in group) for group in groups]
    packed = Counter(size for size in sizes if size > 1)
    if not packed:
        return None
    each = ", ".join(f"{calls} x {size}" for size, calls in sorted(packed.items(), reverse=True))
    alone = sizes.count(1)
    return f"side by side: {sum(size * calls for size, calls in packed.items())} trainings, as {each}" + (
        f"; {alone} alone" if alone else ""
    )
