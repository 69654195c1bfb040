"""Forecast against actual, of the stages that have run: the forecast sees nothing of what they left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xadapt.errors import IntegrityError
from xadapt.forecast.device import Device
from xadapt.forecast.loading import loadings
from xadapt.forecast.model import unsized
from xadapt.forecast.reading import Reading
from xadapt.forecast.work import Forecaster, Work
from xadapt.memory.reached import BEYOND
from xadapt.workflow.plan import Plan
from xadapt.workflow.record import NAME as RECORD
from xadapt.workflow.record import Record
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store


@dataclass
class Pair:
    """Forecast and actual of some stages."""

    stages: int = 0
    tokens: float = 0.0
    actual_tokens: float = 0.0
    seconds: float | None = None
    actual_seconds: float = 0.0
    disk: float = 0.0
    actual_disk: float = 0.0
    memory: float = 0.0
    """The largest peak that records expected."""
    actual_memory: float = 0.0
    """The largest that was reached: on a CPU later stages of a process use again what earlier ones took."""

    def remember(self, expected: float, actual: float) -> None:
        self.memory, self.actual_memory = max(self.memory, expected), max(self.actual_memory, actual)

    def facts(self) -> dict[str, Any]:
        return {
            "stages": self.stages,
            "tokens": _pair(self.tokens, self.actual_tokens),
            "seconds": _pair(self.seconds, self.actual_seconds),
            "disk_bytes": _pair(self.disk, self.actual_disk),
            "memory_bytes": _pair(self.memory, self.actual_memory) if self.memory else None,
        }


def _pair(forecast: float | None, actual: float) -> dict[str, float | None]:
    ratio = round(forecast / actual, 4) if forecast is not None and actual else None
    return {
        "forecast": None if forecast is None else round(forecast, 1),
        "actual": round(actual, 1),
        "ratio": ratio,
    }


@dataclass(frozen=True)
class Checked:
    """By kind of stage."""

    kinds: dict[str, Pair]
    device: str
    remarks: tuple[str, ...]

    @property
    def total(self) -> Pair:
        every = list(self.kinds.values())
        seconds = [pair.seconds for pair in every if pair.seconds is not None]
        return Pair(
            sum(pair.stages for pair in every),
            sum(pair.tokens for pair in every),
            sum(pair.actual_tokens for pair in every),
            sum(seconds) if seconds else None,
            sum(pair.actual_seconds for pair in every),
            sum(pair.disk for pair in every),
            sum(pair.actual_disk for pair in every),
            *max(((pair.memory, pair.actual_memory) for pair in every), default=(0.0, 0.0)),
        )

    def facts(self) -> dict[str, Any]:
        kinds = {kind: pair.facts() for kind, pair in self.kinds.items()}
        return {"device": self.device, "kinds": kinds, "total": self.total.facts(), "remarks": self.remarks}


def check(plan: Plan, store: Store, device: Device | None, data: Path | None) -> Checked:
    """Of each finished stage what would have been forecast before it ran, and what its record says."""
    forecaster = Forecaster(Reading(None, data))
    kinds: dict[str, Pair] = {}
    records, faults = _records(plan, store)
    works: dict[str, Work] = {}
    for stage, record in records:
        work = works[stage.digest] = _ran(forecaster.work(stage), record)
        pair = kinds.setdefault(stage.kind, Pair())
        pair.stages += 1
        pair.tokens += work.tokens
        pair.actual_tokens += _share(record, float(record.notes.get("tokens", 0)), "training_seconds")
        pair.disk += work.disk
        pair.actual_disk += sum(record.sizes.values()) + _size(store, record)
        if (held := memory(record)) is not None:
            pair.remember(*held)
        if device is None or work.timed:
            pair.actual_seconds += _seconds(record)
        if device is not None and work.timed:
            beside = [plan.by_digest[d] for d in record.notes.get("together", ()) if d in plan.by_digest]
            spent = device.seconds(work)
            if "training_seconds" in record.notes and len(beside) > 1:
                every = [forecaster.work(other) for other in beside]
                alone = sum(map(device.seconds, every))
                spent *= device.together(every) / alone if alone else 1.0
            pair.seconds = (pair.seconds or 0.0) + spent
    for digest, spent in loadings([stage for stage, _ in records], works, device).items() if device else ():
        pair = kinds[plan.by_digest[digest].kind]
        pair.seconds = (pair.seconds or 0.0) + spent
    untimed = sorted({unsized(stage) for stage, _ in records if not works[stage.digest].timed})
    unknown = [f"size of {name} is not known: no time of what it computes" for name in untimed]
    remarks = (*faults, *unknown, *_remarks([record for _, record in records], device))
    return Checked(kinds, "" if device is None else device.name, remarks)


def _size(store: Store, record: Record) -> int:
    """Of the record itself, whose sizes are those of the other files."""
    return (store.folder(record.digest) / RECORD).stat().st_size


def _records(plan: Plan, store: Store) -> tuple[list[tuple[Stage, Record]], list[str]]:
    """(what has run with its record, the records that cannot be read with the reason)."""
    found, faults = [], []
    for stage in plan.stages:
        if stage in store:
            try:
                found.append((stage, store.record(stage.digest)))
            except IntegrityError as error:
                faults.append(f"left out: {stage.title()}: {error}")
    return found, faults


def _ran(work: Work, record: Record) -> Work:
    """Of a training that was resumed the part that its record counts: the steps since then."""
    before, steps = record.notes.get("resumed_at_step") or 0, record.notes.get("steps") or work.steps
    if not before or not steps:
        return work
    share = max(0.0, 1 - before / steps)
    names = ("read", "trained", "flops", "scored")
    return replace(
        work, steps=round(work.steps * share), **{name: share * getattr(work, name) for name in names}
    )


def memory(record: Record) -> tuple[float, float] | None:
    """(expected, taken) bytes at the peak of a stage, where its record has both of the same thing.

    On a GPU that is everything on it; on a CPU what was taken beyond the frozen encoder. Older records have
    there what the process had ever held, which says nothing of one stage.
    """
    held, taken = record.notes.get("memory") or {}, record.notes.get("peak_memory_bytes")
    if taken is None or "expected_bytes" not in held:
        return None
    if record.notes.get("device") != "cpu":
        return held["expected_bytes"], taken
    if record.notes.get("peak_memory_of") != BEYOND:
        return None
    return held["expected_bytes"] - held["expected"]["weights"], taken


def _seconds(record: Record) -> float:
    """Of one stage: what ran side by side is shared out."""
    if "training_seconds" in record.notes:
        return _share(record, float(record.notes["training_seconds"]), "training_seconds")
    return float(record.notes.get("predicting_seconds", record.seconds))


def _share(record: Record, value: float, sign: str) -> float:
    """A fact of a whole loop, shared by the trainings in it; a prediction has facts of its own."""
    return value / max(1, len(record.notes.get("together", ()))) if sign in record.notes else value


def kind_of(device: str) -> str:
    """As torch calls it; a training notes a GPU by its name."""
    return device if device in ("cpu", "mps", "cuda") else "cuda"


def _remarks(records: Sequence[Record], device: Device | None) -> list[str]:
    if not records:
        return ["nothing of this plan has run in this store"]
    threads = sorted({note for record in records if (note := record.notes.get("threads"))})
    said = [] if not threads else [f"trainings ran with {' and '.join(map(str, threads))} threads each"]
    resumed = sum(bool(record.notes.get("resumed_at_step")) for record in records)
    if resumed:
        said.append(f"{resumed} trainings were resumed: forecast and actual are of the steps since then")
    older = sum("peak_memory_bytes" in record.notes and memory(record) is None for record in records)
    if older:
        said.append(f"memory of {older} stages is not compared: their records have that of the whole process")
    others = {str(record.notes["device"]) for record in records if "device" in record.notes}
    if device is not None and (others := {each for each in others if kind_of(each) != device.type}):
        said.append(f"ran on {' and '.join(sorted(others))}: times of {device.name} do not compare")
    said.append("no time: run xadapt bench device" if device is None else f"{device.name}: {device.basis}")
    return said
