"""`xadapt plan`"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .beside import Memory, Together, planned
from .options import DEFAULT_STORE, DataPath, ExperimentName, Json, Settings, StorePath
from .output import document, note, stdout

TRAININGS = ("train", "mixture")

if TYPE_CHECKING:
    from xadapt.experiment import Experiment
    from xadapt.forecast.device import Device
    from xadapt.forecast.table import Forecast
    from xadapt.forecast.within import Limit, Picked
    from xadapt.forecast.work import Forecaster
    from xadapt.workflow.plan import Plan
    from xadapt.workflow.stage import Stage
    from xadapt.workflow.store import Store

Groups = Sequence[Sequence["Stage"]]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="Whose hours: calibrated, or a stated one such as h200; what was measured here if anything was.",
        rich_help_panel="Where",
    ),
]
Workers = Annotated[
    int, typer.Option(min=1, help="Processes that will share the cores.", rich_help_panel="Where")
]
Check = Annotated[bool, typer.Option("--check", help="Of what has run: forecast against actual.")]


def plan(
    experiment: ExperimentName,
    store: StorePath = DEFAULT_STORE,
    data: DataPath = None,
    device: DeviceName = None,
    workers: Workers = 1,
    together: Together = None,
    memory: Memory = "",
    check: Check = False,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Say what an experiment needs, how much of it is there, what the rest costs, and what is shared.

    Nothing runs, nothing heavy is loaded. Hours need a device: `xadapt bench device` measures this one.

    **Examples**

    `xadapt plan demo --workers 2`

    `xadapt plan xstilts --device h200 --json`

    `xadapt plan xstilts --device l4 --together 4`

    `xadapt plan xstilts --device l4 --memory 8GB`

    `xadapt plan demo --check`
    """
    from xadapt import experiment as experiments
    from xadapt.forecast import packing
    from xadapt.forecast.disk import free
    from xadapt.forecast.table import forecast
    from xadapt.forecast.text import scarce
    from xadapt.memory.amount import parse
    from xadapt.sources.fetch import Needs
    from xadapt.workflow.plan import Plan
    from xadapt.workflow.store import Store

    if memory and not check:
        # Before anything heavy is asked for.
        parse(memory)
    asked = experiments.load(experiment, settings, data)
    made, kept = Plan.of(asked.goals()), Store(store)
    found = _device(device, asked, workers)
    if check:
        _only(memory, together)
        _check(made, kept, found, data, as_json)
        return
    missing = list(made.missing(kept))
    limit = _limit(memory, made, missing, kept, workers, found)
    groups = planned(made, data, found, together, limit.fits if limit else None, workers)
    left = _left(groups, missing)
    forecaster = _forecaster(kept, found, data, limit)
    costs = forecast(made, missing, asked, forecaster, found, groups, workers)
    within = _picked(left, forecaster)
    unlocked = Needs.of(made.stages).unlocked
    if as_json:
        facts = _facts(made, asked, costs, found, workers)
        most = max((len(group) for group in groups if group[0].kind in TRAININGS), default=0)
        facts |= {"together": most, "free_disk_bytes": free(store)} | (
            {"memory": within.facts()} if within else {}
        )
        document({"experiment": experiment} | facts | {"unlocked": unlocked})
        return
    _print(made, asked, costs, found, workers, store)
    lines = [packing.said(left), within.line() if within else "", scarce(costs, free(store))]
    for line in filter(None, [*lines, _unlocked(unlocked, experiment)]):
        stdout().print(line, markup=False)


def _unlocked(count: int, experiment: str) -> str:
    said = "source on the hub is" if count == 1 else "sources on the hub are"
    return f"{count} {said} not locked: xadapt fetch {experiment}" if count else ""


def _only(memory: str, together: int | None) -> None:
    """Raises ConfigError for what says how to run, where nothing is to run."""
    from xadapt.errors import ConfigError

    for option, given in (("--memory", memory), ("--together", together)):
        if given:
            raise ConfigError(f"{option} {given}: --check is of what has run", f"leave out {option}")


def _device(name: str | None, asked: "Experiment", workers: int) -> "Device | None":
    import os

    from xadapt.forecast.device import device
    from xadapt.forecast.model import model

    return device(name, model(asked.base), max(1, (os.cpu_count() or 1) // workers), note)


def _limit(
    memory: str,
    made: "Plan",
    missing: "list[Stage]",
    store: "Store",
    workers: int,
    device: "Device | None",
) -> "Limit | None":
    """What --memory means on the device of the forecast; without one on that of this machine."""
    if not (memory and missing):
        return None
    from xadapt.forecast.within import limit
    from xadapt.memory.estimate import How
    from xadapt.workflow.context import Context

    if device is not None:
        kind, padded = device.type, device.type != "cuda" or device.precision == "fp32"
        how = How(device.precision, padded)
    else:
        from xadapt.training.budget import where

        place, how = where(Context(store=store))
        kind = place.type
    return limit(memory, made.stages, workers, how, kind, missing)


def _forecaster(
    store: "Store", device: "Device | None", data: Path | None, limit: "Limit | None"
) -> "Forecaster":
    from xadapt.forecast.reading import Reading
    from xadapt.forecast.work import Forecaster

    return Forecaster(Reading(store, data), "bf16" if device is None else device.precision, limit)


def _picked(groups: Groups, forecaster: "Forecaster") -> "Picked | None":
    """What a run within the limit picks for the trainings, side by side or alone, that need most."""
    from xadapt.forecast.within import picked

    found = []
    for group in groups if forecaster.limit else ():
        works = [forecaster.work(stage) for stage in group if stage.kind in TRAININGS]
        if works and (choice := forecaster.picks(works)) is not None:
            tokens = sum(work.held.load.tokens for work in works if work.held)
            found.append((group[0], tokens, choice))
    return picked(found)


def _left(groups: Groups, missing: "list[Stage]") -> list[list["Stage"]]:
    to_do = {stage.digest for stage in missing}
    return [[stage for stage in group if stage.digest in to_do] for group in groups]


def _facts(
    made: "Plan", asked: "Experiment", costs: "Forecast", device: "Device | None", workers: int
) -> dict[str, Any]:
    missing = {kind: total.to_do for kind, total in costs.kinds.items() if total.to_do}
    cells = list(asked.cells())
    counts: dict[str, Any] = {"stages": dict(made.count()), "missing": missing, "served": dict(made.served())}
    counts |= {"cells": len(cells), "undefined": sum(cell.score is None for cell in cells)}
    of = None if device is None else {"name": device.name, "basis": device.basis, "workers": workers}
    return counts | {"device": of} | costs.facts()


def _print(
    made: "Plan", asked: "Experiment", costs: "Forecast", device: "Device | None", workers: int, store: Path
) -> None:
    from xadapt.forecast.model import model
    from xadapt.forecast.text import compositions, kinds, notes, sharing

    out = stdout()
    served, cells = made.served(), list(asked.cells())
    undefined = sum(cell.score is None for cell in cells)
    for line in (*kinds(costs, served), "", *compositions(costs), "", *sharing(costs)):
        out.print(line, markup=False)
    out.print(f"{len(cells)} cells, {undefined} of them undefined; store {store}", markup=False)
    for line in notes(costs, device, workers, model(asked.base)):
        out.print(line, markup=False)


def _check(made: "Plan", store: "Store", device: "Device | None", data: Path | None, as_json: bool) -> None:
    from xadapt.forecast.check import check
    from xadapt.forecast.text import checked

    found = check(made, store, device, data)
    if as_json:
        document(found.facts())
        return
    for line in checked(found):
        stdout().print(line, markup=False)
