"""What runs side by side, in `xadapt run` and in the forecast of `xadapt plan`."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from xadapt.forecast.device import Device
    from xadapt.workflow.context import Context
    from xadapt.workflow.plan import Fits, Plan
    from xadapt.workflow.stage import Stage

Together = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Trainings side by side in one process, at most; on a GPU else as many as it gains from.",
        rich_help_panel="Where",
    ),
]
Memory = Annotated[
    str,
    typer.Option(
        help="Trainings take no more of the device than this, such as 8GB.",
        metavar="SIZE",
        rich_help_panel="Where",
    ),
]


def running(
    plan: "Plan",
    context: "Context",
    together: int | None,
    memory: str,
    workers: int,
    missing: "Sequence[Stage]",
) -> tuple["Context", int, "Fits | None"]:
    """The context of a run of what is `missing` within `memory`, and what fits side by side where it runs.

    Groups are those of the whole plan.
    """
    from xadapt.memory.amount import parse

    if memory and not missing:
        return replace(context, memory=parse(memory) // workers, workers=workers), together or 1, None
    if not memory and not (_trains(missing) and _may_have_gpu(context.device)):
        return context, together or 1, None
    from xadapt.forecast.packing import on_gpu
    from xadapt.training.budget import how, prepare, room
    from xadapt.training.precision import accelerator

    fits = None
    if memory:
        context, fits = prepare(memory, plan.stages, context, workers, missing)
    free = room(context, workers)
    if free is None:
        return context, together or 1, fits
    precision = how(accelerator(context.device, context.precision)).precision
    return context, *on_gpu(together, None if memory else free, context.data, precision, fits)


def planned(
    plan: "Plan",
    data: "Path | None",
    device: "Device | None",
    together: int | None,
    within: "Fits | None" = None,
    workers: int = 1,
) -> list[tuple["Stage", ...]]:
    """The groups in which a run on `device` would make a plan; `within` is what --memory says."""
    if device is None or device.room is None:
        return plan.groups(together or 1, within)
    from xadapt.forecast.packing import on_gpu

    room = None if within else device.room // workers
    return plan.groups(*on_gpu(together, room, data, device.precision, within))


def _trains(missing: "Sequence[Stage]") -> bool:
    """Whether something is to do that can stand beside others."""
    return any(stage.companions() is not None for stage in missing)


def _may_have_gpu(device: str) -> bool:
    """Without loading torch, which says so only where it was built for a GPU."""
    from importlib.metadata import version

    return device in ("auto", "cuda") and not version("torch").endswith("+cpu")
