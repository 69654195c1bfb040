"""What fusions attend to: the weight of each part by layer and language, read beside the predictions."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from xadapt.report.content import Section
from xadapt.report.table import Result, Row, Table, row_of
from xadapt.workflow.store import Store

FILE = "attention.json"
Entry = dict[str, Any]
"""One cell: where it stands, the names of its `parts`, and `layers` [layers][parts]; null where left out."""


def entries(found: Sequence[Result], store: Store) -> list[Entry]:
    """Of every cell that a fusion predicted, in the order of the cells."""
    return list(_entries(found, store))


def _entries(found: Sequence[Result], store: Store) -> Iterator[Entry]:
    for result in found:
        score = result.cell.score
        if score is None or result.value is None or score.predictions not in store:
            continue
        made = score.predictions
        if not (place := store.path(made) / FILE).is_file():
            continue
        facts = json.loads(place.read_text(encoding="utf-8"))
        cell = result.cell
        yield {
            **row_of(result)._asdict(),
            "task": cell.task,
            "language": cell.language,
            "seed": cell.seed,
            "predictions": made.digest,
            "parts": facts["parts"],
            "layers": facts["layers"],
        }


def sections(of: Sequence[Entry], table: Table) -> list[Section]:
    """A table for each fusion and task: a line for each language and layer, the mean over seeds."""
    tables: dict[tuple[Row, str], list[Entry]] = {}
    for entry in of:
        row = Row(entry["composition"], entry["recipe"], entry["selection"])
        tables.setdefault((row, entry["task"]), []).append(entry)
    return [_section(f"{task}: attention of {table.name(row)}", own) for (row, task), own in tables.items()]


def _section(title: str, own: Sequence[Entry]) -> Section:
    rows: list[tuple[str, ...]] = []
    for language in dict.fromkeys(entry["language"] for entry in own):
        seeds = [entry["layers"] for entry in own if entry["language"] == language]
        rows += _lines(language, seeds)
    note = "The weight of each part, as a mean over tokens and seeds; layers count from 0."
    return Section(title, ("language", "layer", *own[0]["parts"]), tuple(rows), note)


def _lines(language: str, seeds: Sequence[list[list[float | None]]]) -> Iterator[tuple[str, ...]]:
    """The mean over layers first; none for a layer that is left out."""
    layers = {
        number: [_mean(shares) for shares in zip(*(each[number] for each in seeds), strict=True)]
        for number, first in enumerate(seeds[0])
        if None not in first
    }
    yield language, "all", *(f"{_mean(shares):.3f}" for shares in zip(*layers.values(), strict=True))
    for number, shares in layers.items():
        yield language, str(number), *(f"{share:.3f}" for share in shares)


def _mean(values: Sequence[float | None]) -> float:
    return sum(value for value in values if value is not None) / len(values)
