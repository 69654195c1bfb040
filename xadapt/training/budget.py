"""`--memory`: what is picked for a run and for each loop, and what its record says of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from xadapt.memory.amount import parse
from xadapt.memory.choose import Choice, at, choose
from xadapt.memory.estimate import How
from xadapt.memory.sizes import Sizes
from xadapt.modeling.quantized import check
from xadapt.stages import memory as planned
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.training.loop import Job, Loop
from xadapt.training.memory import Memory
from xadapt.training.precision import accelerator
from xadapt.training.restore import Base
from xadapt.workflow.context import Context
from xadapt.workflow.plan import Fits
from xadapt.workflow.stage import Stage


def prepare(amount: str, stages: Sequence[Stage], context: Context, workers: int) -> tuple[Context, Fits]:
    """The context of a run within this amount of memory, and what fits side by side in it.

    Workers share it equally. Raises ConfigError for what is no amount, DoesNotFit for a training of `stages`
    that is too much, WrongEnvironment where weights would have to be quantised and cannot be.
    """
    budget = parse(amount) // workers
    device, how = _where(context)
    bits = planned.bits(stages, budget, how, device.type)
    if bits is not None:
        check(bits, device)
    found = replace(how, bits=bits)
    return replace(context, memory=budget, bits=bits), planned.fits(budget, found, device.type)


def _where(context: Context) -> tuple[torch.device, How]:
    placed = accelerator(context.device, context.precision)
    bf16 = placed.mixed_precision == "bf16"
    return placed.device, How("bf16" if bf16 else "fp32", padded=placed.device.type != "cuda")


class Budget:
    """Of one loop: its limits before it runs, the facts of its record afterwards."""

    def __init__(
        self, stages: Sequence[Train | Mixture], jobs: Sequence[Job], ground: Base, context: Context
    ) -> None:
        self.device, how = ground.placed.device, _where(context)[1]
        self.how = replace(how, bits=context.bits if ground.engine == "fast" else None)  # type: ignore[arg-type]
        self.model = Sizes.of(ground.encoder.config.to_dict())
        self.loads = [planned.load(stage, self.model) for stage in stages] if self.model else []
        self.choice = self._choose(jobs, ground, context)
        self.offered = ground.engine == "fast"
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        if self.choice is not None:
            context.progress(memory=self.choice.line())

    def _choose(self, jobs: Sequence[Job], ground: Base, context: Context) -> Choice | None:
        if context.memory is None or self.model is None:
            return None
        longest = max(item.tokens for job in jobs for part in job.parts for item in part.items)
        offered, own = ground.engine == "fast", (self.how.bits,)
        given = self.model, self.loads, longest, context.memory, self.how, self.device.type
        return choose(*given, checkpointing=offered, bits=own)

    def limits(self) -> Memory:
        """For the loop."""
        if self.choice is None:
            return Memory(offered=self.offered)
        return Memory(self.choice.tokens, self.choice.how.checkpointing, self.offered)

    def facts(self, loop: Loop) -> dict[str, Any]:
        """What was expected of the largest pass, what was picked, and what did not fit."""
        memory = loop.memory
        how = replace(self.how, checkpointing=memory.recomputes)
        found: dict[str, Any] = {
            "pass_tokens": memory.largest,
            "passes": memory.passes,
            "checkpointing": how.checkpointing,
            "bits": how.bits,
        }
        if self.model is not None:
            expected = at(self.model, self.loads, memory.largest, how)
            found |= {"expected_bytes": expected.total, "expected": vars(expected)}
        if self.choice is not None:
            found |= {"budget_bytes": self.choice.budget, "picked": self.choice.line()}
        return found | ({"out_of_memory": memory.events} if memory.events else {})
