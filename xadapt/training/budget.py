"""`--memory`: what is picked for a run and for each loop, and what its record says of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator

from xadapt.memory.amount import parse
from xadapt.memory.choose import RESERVED, Choice, at, choose
from xadapt.memory.estimate import How, Load
from xadapt.memory.reached import Peak
from xadapt.memory.sizes import Sizes
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.library import LibraryEncoder
from xadapt.modeling.quantized import check
from xadapt.recipe import Full
from xadapt.stages import memory as planned
from xadapt.task_types import flat
from xadapt.training.forwards import Forwards
from xadapt.training.job import Job
from xadapt.training.loop import Loop
from xadapt.training.memory import Memory
from xadapt.training.precision import accelerator
from xadapt.workflow.context import Context
from xadapt.workflow.plan import Fits
from xadapt.workflow.stage import Stage


def prepare(
    amount: str, stages: Sequence[Stage], context: Context, workers: int, missing: Sequence[Stage]
) -> tuple[Context, Fits]:
    """The context of a run of `missing` within this amount of memory, and what fits side by side in it.

    Workers share it equally. Raises ConfigError for what is no amount, DoesNotFit for a training that is
    `missing` and too much, WrongEnvironment where weights would have to be quantised and cannot be.
    """
    budget = parse(amount) // workers
    device, given = where(context)
    needed = {stage.digest for stage in missing}
    bits = planned.bits(stages, budget, given, device.type, workers, needed=needed)
    if bits is not None:
        check(bits, device)
    found = replace(given, bits=bits)
    return replace(context, memory=budget, workers=workers, bits=bits), planned.fits(
        budget, found, device.type
    )


def room(context: Context, workers: int) -> int | None:
    """Bytes of the GPU of a run for each of its workers; None on a CPU."""
    if where(context)[0].type != "cuda":
        return None
    # Not what is free just now: a resumed run would put other trainings side by side, and begin them anew.
    whole: int = torch.cuda.get_device_properties().total_memory
    return whole // workers


def where(context: Context) -> tuple[torch.device, How]:
    """The device of a run, and how estimates see it."""
    placed = accelerator(context.device, context.precision)
    return placed.device, how(placed)


def how(placed: Accelerator) -> How:
    """Where something runs, as estimates see it."""
    bf16 = placed.mixed_precision == "bf16"
    # Attention without pads is for GPUs in half precision alone (modeling/attention.py).
    return How("bf16" if bf16 else "fp32", padded=not bf16 or placed.device.type != "cuda")


def sizes(encoder: Encoder) -> Sizes | None:
    """None where its config leaves one open."""
    return Sizes.of(encoder.config.to_dict())


class Budget:
    """Of one loop: its limits before it runs, the facts of its record afterwards."""

    def __init__(
        self,
        loads: Sequence[Load],
        jobs: Sequence[Job],
        encoder: Encoder,
        placed: Accelerator,
        context: Context,
    ) -> None:
        self.loads, self.device = loads, placed.device
        self.offered = not isinstance(encoder, LibraryEncoder)
        full = any(isinstance(load.recipe.method, Full) for load in loads)
        bits = context.bits if self.offered and not full else None
        self.how = replace(how(placed), bits=bits)  # type: ignore[arg-type]
        self.model = sizes(encoder)
        self.choice = self._choose(jobs, context.memory, context.workers)
        if self.choice is not None:
            self._enforce(self.choice.budget)
            context.progress(memory=self.choice.line())
        trained = (weight for weight in encoder.parameters() if weight.requires_grad)
        self.peak = Peak(self.device, sum(weight.nbytes for weight in trained))

    def _choose(self, jobs: Sequence[Job], budget: int | None, workers: int) -> Choice | None:
        if budget is None or self.model is None:
            return None
        longest = max(max(flat.sizes(part.items)) for job in jobs for part in job.parts)
        given = self.model, self.loads, longest, budget, self.how, self.device.type
        return choose(*given, checkpointing=self.offered, bits=(self.how.bits,), workers=workers)

    def _enforce(self, budget: int) -> None:
        """What the estimate missed is then met as on a small device: memory is out."""
        if self.device.type == "cuda":
            whole = torch.cuda.get_device_properties(self.device).total_memory
            share = (budget - RESERVED["cuda"]) / whole
            torch.cuda.set_per_process_memory_fraction(min(1.0, max(0.0, share)), self.device)

    def limits(self, forwards: Forwards) -> Memory:
        """For the loop; `forwards` are those of its training that are no steps."""
        found = Memory(offered=self.offered, forwards=forwards)
        if self.choice is not None:
            found.tokens, found.checkpointing = self.choice.tokens, self.choice.how.checkpointing
        return found

    def taken(self) -> dict[str, Any]:
        """The peak since the budget was made, for the record."""
        return self.peak.facts()

    def facts(self, loop: Loop) -> dict[str, Any]:
        """What was expected of the largest pass, what was picked, and what did not fit."""
        memory = loop.memory
        used = replace(self.how, checkpointing=memory.recomputes)
        found: dict[str, Any] = {
            "pass_tokens": memory.largest,
            "passes": memory.passes,
            "checkpointing": used.checkpointing,
            "bits": used.bits,
        }
        if self.model is not None:
            expected = at(self.model, self.loads, memory.largest, used)
            found |= {"expected_bytes": expected.total, "expected": vars(expected)}
        if self.choice is not None:
            found |= {"budget_bytes": self.choice.budget, "picked": self.choice.line()}
        return found | ({"out_of_memory": memory.events} if memory.events else {})
