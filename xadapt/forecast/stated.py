"""Costs of work, and those that are stated of known accelerators: assumptions until a device is measured."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from xadapt.forecast.model import Model
from xadapt.forecast.stepping import BESIDE, Steps
from xadapt.forecast.stepping import seconds as stepping
from xadapt.forecast.work import Work
from xadapt.memory.estimate import Precision


@dataclass(frozen=True)
class Cost:
    """Seconds: of a stage whatever it does, of an optimizer step, of a token, of an example."""

    stage: float = 0.0
    step: float = 0.0
    token: float = 0.0
    row: float = 0.0

    def of(self, work: Work, tokens: float = 1.0, layers: float = 1.0) -> float:
        """`tokens` and `layers` scale to a larger model what was measured on another one."""
        spent = self.step * work.steps * layers + self.token * work.tokens * tokens
        return self.stage + spent + self.row * work.rows

    def towards(self, other: "Cost", share: float) -> "Cost":
        """Between this cost (0) and another (1), or beyond."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Cost(*(max(0.0, mine + share * (its - mine)) for mine, its in pairs))


@dataclass(frozen=True)
class Stated:
    """An accelerator by its data sheet; every figure here is an assumption until `bench device` has run."""

    name: str
    peak: float
    """Operations per second of dense matrix products in the precision that xadapt takes there."""
    efficiency: float = 0.35
    launch: float = 0.011
    """Seconds of the host per optimizer step at 24 layers."""
    stage: float = 0.3
    """Seconds of the host per stage: modules and their probes are read, results written."""
    batch: int = 65_536
    """Tokens per forward of a prediction."""
    precision: Precision = "bf16"
    memory: int = 24
    """GB."""
    type: str = "cuda"

    @property
    def room(self) -> int:
        return self.memory * 2**30

    @property
    def basis(self) -> str:
        peak = f"{self.peak / 1e12:,.0f} TFLOP/s x {self.efficiency:.0%}"
        return f"stated, not measured: assumed {peak}, {1000 * self.launch:.0f} ms of host per step"

    def loading(self, model: Model) -> float:
        return 3.0 + 4.0 * model.parameters / 1e9

    def seconds(self, work: Work) -> float:
        if work.model is None or not work.flops:
            return HOST[work.cost.split()[0]].of(work)
        return self.together([work])

    def together(self, works: Sequence[Work]) -> float:
        if works[0].model is None:
            return sum(self.seconds(work) for work in works)
        launch = self.launch * works[0].model.sizes.layers / 24
        every = []
        for work in works:
            count = work.steps + math.ceil(work.read / self.batch)
            computed = work.flops / (self.peak * self.efficiency)
            every.append(Steps(count, launch, computed / max(1, count)))
        host = len(works) * self.stage + HOST["encode"].row * sum(work.rows for work in works)
        return host + stepping(every, BESIDE, overlaps=True)


HOST = {
    "data": Cost(0.05, row=40e-6),
    "baseline": Cost(0.1, row=40e-6),
    "score": Cost(0.01, row=10e-6),
    "merged": Cost(5.0),
    "train": Cost(5.0),
    "predict": Cost(5.0),
    "encoder": Cost(5.0),
    "encode": Cost(row=60e-6),
}
"""Of one core, by kind of stage: assumptions, of which `data` is measured (README, streams of rows)."""

STATED = {
    device.name: device
    for device in (
        Stated("h200", 989e12, memory=141),
        Stated("h100", 989e12, memory=80),
        Stated("a100", 312e12, memory=40),
        Stated("l40s", 362e12, memory=48),
        Stated("l4", 121e12),
        Stated("rtx4090", 165e12),
        Stated("rtx3090", 71e12),
        Stated("v100", 15.7e12, precision="fp32", memory=16),
        Stated("t4", 8.1e12, precision="fp32", memory=16),
    )
}
"""Dense bf16 peaks of the data sheets; V100 and T4 have no bf16 and compute in fp32."""
