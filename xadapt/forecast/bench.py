"""Stages of the toy world that run through the code of any experiment, with a clock around each."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from xadapt import toyworld
from xadapt.composition import Composition
from xadapt.recipe import Method, ModelSpec, Recipe
from xadapt.sources.origin import Toy
from xadapt.stages.data import Data
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.attempt import run_group
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage

POINTS = (("mnli", 4), ("mnli", 32), ("squad", 32))
"""Training data and batch size of the steps: few short sequences, many, and many long ones."""
FEW, MANY = 40, 400
TESTS = (("mnli", "xnli", FEW), ("mnli", "xnli", MANY), ("squad", "xquad", MANY))
"""Of predictions what the module was trained on, the target and its rows."""
STEPS = 12
WARM = 3
"""Steps that are left out, in which memory is taken and kernels are chosen."""


@dataclass
class Ran:
    """Stages side by side: seconds in all, and (tokens, seconds) of a step, one or the mean of some."""

    seconds: float
    steps: list[tuple[float, float]]


@dataclass
class Bench:
    """Runs stages; `clock` is read around them."""

    model: ModelSpec
    context: Context
    clock: Callable[[], float]
    steps: int = STEPS
    scale: int = 1
    """What rows and batches are divided by, where a step takes long."""
    say: Callable[[str], None] = lambda text: None
    every: int = 1
    """Steps from one reading of the clock to the next."""
    points: tuple[tuple[str, int], ...] = POINTS
    tests: tuple[tuple[str, str, int], ...] = TESTS
    overlaps: bool = False
    """Whether the device computes while the host prepares, as a GPU does."""
    _at: list[tuple[int, float]] = field(default_factory=list)

    def run(self, *stages: Stage) -> Ran:
        """Companions side by side; what they need before the clock starts. Raises what a stage raises."""
        for stage in stages:
            for needed in stage.inputs.values():
                if needed not in self.context.store:
                    self.run(needed)
        self._at = []
        started = self.clock()
        outcomes = run_group(stages, replace(self.context, progress=self._facts))
        seconds = self.clock() - started
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        pairs = zip(self._at, self._at[1:], strict=False)
        each = [((now[0] - old[0]) / self.every, (now[1] - old[1]) / self.every) for old, now in pairs]
        return Ran(seconds, each)

    def _facts(self, **facts: Any) -> None:
        if "step" in facts and facts["step"] % self.every == 0:
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


def predict(bench: Bench, target: str, rows: int, module: Train) -> Predict:
    return Predict(
        task=target, language="en", data=data(target, "test", rows), model=bench.model, module=module
    )


def usual(bench: Bench, ran: Ran) -> tuple[float, float]:
    """(tokens, seconds), of a step once all is warm: the medians."""
    kept = ran.steps[min(WARM // bench.every, len(ran.steps) - 1) :]
    tokens, seconds = (statistics.median(each) for each in zip(*kept, strict=True))
    return tokens, seconds
