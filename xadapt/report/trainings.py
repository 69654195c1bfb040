"""What stands behind the rows of a report: trainings with cost and curve, and what fusions attend to."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xadapt.errors import IntegrityError
from xadapt.report.quantised import TRAININGS
from xadapt.report.table import Result, Row, Table
from xadapt.workflow.plan import Plan
from xadapt.workflow.record import Record
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store


@dataclass(frozen=True)
class Training:
    """One finished training of the store."""

    digest: str
    title: str
    seconds: float
    """Its share of the wall-clock time of the trainings that ran side by side with it."""
    tokens: float
    """Its share of the tokens that went through the encoder."""
    curve: tuple[tuple[float, float], ...]
    """(step, training loss)"""


@dataclass(frozen=True)
class Cost:
    """Of everything a row needed in the tasks that have a gain, each training once."""

    seconds: float
    tokens: float
    trainings: int


@dataclass(frozen=True)
class Attention:
    """Of one fusion in one task: the mean over languages and seeds of what each layer takes of each part."""

    parts: tuple[str, ...]
    layers: tuple[tuple[float | None, ...], ...]
    """[layers, parts], each row sums to one; null where a layer is left out."""
    digests: tuple[str, ...]
    """Of the predictions it is a mean of."""


@dataclass(frozen=True)
class Behind:
    """All of it, by row and task."""

    trainings: Mapping[tuple[Row, str], tuple[Training, ...]]
    attention: Mapping[tuple[Row, str], Attention]

    def cost(self, row: Row, tasks: Iterable[str]) -> Cost | None:
        """None where nothing that trained is there."""
        needed = {one.digest: one for task in tasks for one in self.trainings.get((row, task), ())}
        if not needed:
            return None
        every = needed.values()
        return Cost(sum(one.seconds for one in every), sum(one.tokens for one in every), len(needed))


def behind(found: Sequence[Result], store: Store) -> Behind:
    """Read it from the store; what is not there, or was changed, is left out."""
    known: dict[str, Training | None] = {}
    trainings, attention = {}, {}
    for (row, task), cells in Table.of(found).places.items():
        scored = [result for result in cells if result.folder is not None]
        if row.baseline or not scored:
            continue
        trainings[row, task] = tuple(_trainings(scored, store, known))
        if seen := _attention(scored, store):
            attention[row, task] = seen
    return Behind(trainings, attention)


def _trainings(
    cells: Sequence[Result], store: Store, known: dict[str, Training | None]
) -> Iterator[Training]:
    """Those below the cells, inputs first."""
    goals = {
        cell.cell.score.predictions.digest: cell.cell.score.predictions for cell in cells if cell.cell.score
    }
    for stage in Plan.of(goals.values()).stages:
        if stage.kind in TRAININGS:
            if stage.digest not in known:
                known[stage.digest] = training(stage, store)
            if one := known[stage.digest]:
                yield one


def training(stage: Stage, store: Store) -> Training | None:
    try:
        folder = store.folder(stage.digest)
        record = Record.read(folder)
        curve = json.loads((folder / "curve.json").read_text(encoding="utf-8"))
    except (IntegrityError, OSError, ValueError):
        return None
    beside = len({*record.notes.get("together", ()), stage.digest})
    seconds = record.notes.get("training_seconds", record.seconds) / beside
    points = tuple((float(step), float(loss)) for step, loss in curve)
    return Training(stage.digest, stage.title(), seconds, record.notes.get("tokens", 0) / beside, points)


def _attention(cells: Sequence[Result], store: Store) -> Attention | None:
    found: dict[str, Any] = {}
    for cell in cells:
        if cell.cell.score is not None:
            digest = cell.cell.score.predictions.digest
            path = store.folder(digest) / "attention.json"
            if path.is_file():
                found[digest] = json.loads(path.read_text(encoding="utf-8"))
    if not found:
        return None
    each = [facts["layers"] for facts in found.values()]
    layers = tuple(
        # Null where a layer has no module.
        tuple(None if None in part else sum(part) / len(each) for part in zip(*rows, strict=True))
        for rows in zip(*each, strict=True)
    )
    return Attention(tuple(next(iter(found.values()))["parts"]), layers, tuple(found))
