"""What a plan costs: by kind of stage, by composition, and what its trainings are shared by."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xadapt.composition import Composition
from xadapt.experiment.cell import Cell
from xadapt.experiment.cells import Experiment
from xadapt.forecast.device import Device
from xadapt.forecast.disk import Beside, beside
from xadapt.forecast.loading import loadings
from xadapt.forecast.model import unsized
from xadapt.forecast.work import Forecaster, Work
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.workflow.plan import Plan
from xadapt.workflow.stage import Stage

Timed = Callable[[Sequence[Stage]], dict[str, float]]
"""Seconds by digest of stages that are done one after another."""


@dataclass
class Total:
    """Of some stages; `seconds` is None without a device, and where that of one cannot be told."""

    stages: int = 0
    to_do: int = 0
    tokens: float = 0.0
    flops: float = 0.0
    seconds: float | None = None
    untimed: int = 0
    """Stages whose seconds are not known."""
    disk: float = 0.0
    memory: float = 0.0
    """At the peak of its largest stage."""
    trainings: int = 0
    """Of what is to do."""

    def add(self, work: Work, seconds: float | None) -> None:
        self.to_do += 1
        self.tokens += work.tokens
        self.flops += work.flops
        self.disk += work.disk
        self.memory = max(self.memory, work.memory)
        self.untimed += seconds is None
        self.seconds = None if self.untimed or seconds is None else (self.seconds or 0.0) + seconds

    def __add__(self, other: "Total") -> "Total":
        seconds = [each.seconds for each in (self, other) if each.seconds is not None]
        untimed = self.untimed + other.untimed
        return Total(
            self.stages + other.stages,
            self.to_do + other.to_do,
            self.tokens + other.tokens,
            self.flops + other.flops,
            sum(seconds) if seconds and not untimed else None,
            untimed,
            self.disk + other.disk,
            max(self.memory, other.memory),
            self.trainings + other.trainings,
        )

    def facts(self) -> dict[str, Any]:
        hours = None if self.seconds is None else round(self.seconds / 3600, 4)
        counts = {"stages": self.stages, "cached": self.stages - self.to_do, "to_do": self.to_do}
        return counts | {
            "tokens": round(self.tokens),
            "flops": float(f"{self.flops:.4g}"),
            "hours": hours,
            "disk_bytes": round(self.disk),
            "peak_memory_bytes": round(self.memory) or None,
            "trainings": self.trainings,
        }


@dataclass
class Price:
    """What a composition adds to those that stand above it, and what it would cost alone."""

    composition: str
    numbers: int = 0
    adds: Total = field(default_factory=Total)
    alone: Total = field(default_factory=Total)

    def facts(self) -> dict[str, Any]:
        return {
            "composition": self.composition,
            "numbers": self.numbers,
            "adds": self.adds.facts(),
            "alone": self.alone.facts(),
        }


@dataclass(frozen=True)
class Shared:
    """A training that several targets use, and how many numbers hang on it."""

    digest: str
    title: str
    targets: dict[str, int]

    @property
    def numbers(self) -> int:
        return sum(self.targets.values())


@dataclass(frozen=True)
class Forecast:
    """Of the stages of a plan that are still to do; `seconds` of each by digest where a device is known."""

    kinds: dict[str, Total]
    prices: tuple[Price, ...]
    shared: tuple[Shared, ...]
    seconds: dict[str, float]
    guessed: int
    """Data stages whose rows are an assumption."""
    unreadable: tuple[str, ...] = ()
    """Records that say nothing, with the reason."""
    unsized: tuple[str, ...] = ()
    """Models whose size is not known, so that neither time nor weights of what they compute are."""
    beside: Beside = field(default_factory=Beside)

    @property
    def needed(self) -> float:
        """Bytes on the disk."""
        return self.total.disk + self.beside.total

    @property
    def total(self) -> Total:
        return sum(self.kinds.values(), start=Total())

    def facts(self) -> dict[str, Any]:
        shared = [
            {"digest": one.digest, "title": one.title, "numbers": one.numbers, "targets": one.targets}
            for one in self.shared
        ]
        return {
            "kinds": {kind: total.facts() for kind, total in self.kinds.items()},
            "total": self.total.facts(),
            "compositions": [price.facts() for price in self.prices],
            "shared": shared,
            "assumed_data_stages": self.guessed,
            "unreadable": self.unreadable,
            "unsized_models": self.unsized,
            "encoded_bytes": round(self.beside.encoded),
            "checkpoint_bytes": round(self.beside.checkpoints),
        }


def forecast(
    plan: Plan,
    missing: Sequence[Stage],
    asked: Experiment,
    forecaster: Forecaster,
    device: Device | None,
    groups: Sequence[Sequence[Stage]] = (),
    workers: int = 1,
) -> Forecast:
    """`missing` are the stages of the plan of `asked` that are to do by so many processes.

    `groups` are what runs side by side.
    """
    forecaster.reading.learn(plan.stages, missing)
    works = {stage.digest: forecaster.work(stage) for stage in missing}
    bare = {} if device is None else {d: device.seconds(work) for d, work in works.items() if work.timed}
    for group in groups:
        found = [s.digest for s in group if s.digest in works and isinstance(s, Train | Mixture)]
        if len(found) > 1:
            _pack(found, works, bare, forecaster, device)

    def timed(stages: Sequence[Stage]) -> dict[str, float]:
        started = {} if device is None else loadings(stages, works, device, workers)
        return {
            one.digest: bare[one.digest] + started.get(one.digest, 0.0)
            for one in stages
            if one.digest in bare
        }

    seconds = timed(missing)
    kinds: dict[str, Total] = {kind: Total(stages=count) for kind, count in plan.count().items()}
    for stage in missing:
        kinds[stage.kind].add(works[stage.digest], seconds.get(stage.digest))
        kinds[stage.kind].trainings += isinstance(stage, Train | Mixture)
    cells = [cell for cell in asked.cells() if cell.score is not None]
    forms = {str(one): form(one) for one in asked.compositions}
    guessed = sum(not work.exact and work.cost.startswith("data") for work in works.values())
    prices = _prices(cells, forms, works, timed, seconds)
    unreadable = tuple(forecaster.reading.unreadable.values())
    unknown = tuple(sorted({unsized(stage) for stage in missing if not works[stage.digest].timed}))
    states = {digest: work.state for digest, work in works.items()}
    found_beside = beside(plan.stages, missing, groups, states, forecaster.reading, workers)
    shared = _shared(plan, cells)
    return Forecast(kinds, prices, shared, seconds, guessed, unreadable, unknown, found_beside)


def _pack(
    group: Sequence[str],
    works: dict[str, Work],
    seconds: dict[str, float],
    forecaster: Forecaster,
    device: Device | None,
) -> None:
    """Share out the time of trainings side by side; each needs the memory of all."""
    own = [works[digest] for digest in group]
    peak = forecaster.peak(own)
    if device is not None:
        alone = sum(seconds.get(digest, 0.0) for digest in group)
        share = device.together(own) / alone if alone else 1.0
    for digest, work in zip(group, own, strict=True):
        works[digest] = replace(work, memory=peak)
        if digest in seconds:
            seconds[digest] *= share


def _prices(
    cells: Sequence[Cell],
    forms: dict[str, str],
    works: dict[str, Work],
    timed: Timed,
    seconds: dict[str, float],
) -> tuple[Price, ...]:
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[forms[cell.composition] if cell.recipe else "baselines"].append(cell)
    paid: set[str] = set()
    return tuple(_price(name, found, works, timed, seconds, paid) for name, found in groups.items())


def _price(
    name: str,
    cells: Sequence[Cell],
    works: dict[str, Work],
    timed: Timed,
    seconds: dict[str, float],
    paid: set[str],
) -> Price:
    price = Price(name, len(cells))
    stages = Plan.of(cell.score for cell in cells if cell.score is not None).stages
    alone = timed([stage for stage in stages if stage.digest in works])
    for stage in stages:
        new = [] if stage.digest in paid else [(price.adds, seconds)]
        for total, times in ((price.alone, alone), *new):
            total.stages += 1
            if (work := works.get(stage.digest)) is not None:
                total.add(work, times.get(stage.digest))
                total.trainings += isinstance(stage, Train | Mixture)
        paid.add(stage.digest)
    return price


def form(composition: Composition) -> str:
    """A composition without its tasks: `stack(mnli)` and `stack(squad)` are one line of the table."""
    inner = sorted({form(part) for part in composition.parts if isinstance(part, Composition)})
    if composition.form.startswith("+"):
        return f"{inner[0] if inner else 'one'} {composition.form}"
    return f"{composition.form}({', '.join(inner)})" if inner else composition.form


def _shared(plan: Plan, cells: Sequence[Cell]) -> tuple[Shared, ...]:
    """Trainings that numbers of more than one target hang on, most numbers first."""
    below: dict[str, frozenset[str]] = {}
    for stage in plan.stages:
        own = (stage.digest,) if isinstance(stage, Train | Mixture) else ()
        below[stage.digest] = frozenset(own).union(*(below[needed] for needed in stage.inputs))
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for cell in cells:
        for digest in below[cell.score.digest] if cell.score else ():
            found[digest][cell.task] += 1
    every = (Shared(digest, plan.by_digest[digest].title(), dict(of)) for digest, of in found.items())
    return tuple(sorted((one for one in every if len(one.targets) > 1), key=lambda one: -one.numbers))
