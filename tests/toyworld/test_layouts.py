"""Rows have the columns of the real datasets, with values of the same types; every task reads them all."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.toyworld.said import Row, rows
from xadapt import toyworld
from xadapt.stages.data import Counts
from xadapt.task import Placed, Source, sources
from xadapt.tasks import task, tasks
from xadapt.toyworld.datasets import POOLS
from xadapt.toyworld.dialects import LANGUAGES
from xadapt.toyworld.retrieval import BLOCK

REAL = Path(__file__).parents[3] / "shared" / "data"
WITHOUT_REAL_ROWS = {"ccg", "mewslix", "text"}
CLOSED = {"label", "answerKey", "pos_tags", "ner_tags", "changed"}
"""Columns whose values are of a closed set."""


def type_of(value: Any) -> str:
    """Nested as JSON is: a list by the types in it, a dictionary by its keys and theirs."""
    if isinstance(value, dict):
        return json.dumps({key: type_of(each) for key, each in sorted(value.items())})
    if isinstance(value, list):
        return json.dumps(sorted({type_of(each) for each in value}))
    return type(value).__name__


def columns(found: Iterable[Row]) -> dict[str, set[str]]:
    """The types that each column has."""
    seen: dict[str, set[str]] = {}
    for row in found:
        for column, value in row.items():
            seen.setdefault(column, set()).add(type_of(value))
    return seen


def values(found: Iterable[Row], column: str) -> set[Any]:
    return {
        value
        for row in found
        if column in row
        for value in (row[column] if isinstance(row[column], list) else [row[column]])
    }


@pytest.mark.skipif(not REAL.is_dir(), reason="no real rows beside the repository")
@pytest.mark.parametrize("name", sorted(set(toyworld.DATASETS) - WITHOUT_REAL_ROWS))
def test_columns_and_types_are_those_of_real_rows(name: str) -> None:
    """One copy may lack a column (English XCOPA has no `changed`): together they have them all."""
    known = toyworld.DATASETS[name]
    for split in known.splits:
        pool = split.startswith("pool_")
        real = [
            json.loads(line)
            for path in sorted((REAL / name).glob("*/*.jsonl"))
            if path.stem.startswith("pool_") == pool
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        made = rows(name, known.configs[0], split, 120)
        assert columns(made) == columns(real)
        for column in CLOSED & made[0].keys():
            assert values(made, column) <= values(real, column)


def made(found: Source) -> list[Row]:
    """Rows of a source, none where the world has no such (English to retrieve English from).

    A pool has one sentence in ten that has a translation.
    """
    dataset, config, split = found.local.split("/")
    known = toyworld.DATASETS[dataset]
    if config not in known.configs or split not in known.splits:
        return []
    return rows(dataset, config, split, 30 * BLOCK if split in POOLS else 30)


def placed(parts: Iterable[Source]) -> list[Placed]:
    """Each place once: a task may name one twice (the development rows of several sets)."""
    places = {source.local: source for source in parts}.values()
    return [
        Placed(number, f"{source.local}:{line}", row)
        for number, source in enumerate(places)
        for line, row in enumerate(made(source), 1)
    ]


@pytest.mark.parametrize("name", sorted(tasks()))
def test_its_task_takes_every_row(name: str) -> None:
    what = task(name)
    asked = [sources(what.train), sources(what.dev)]
    asked += [sources(given(code)) for given in (what.test, what.tune) if given for code in LANGUAGES]
    parts = [found for each in asked if (found := placed(each))]
    assert parts
    for part in parts:
        if what.gather:
            counts = Counts()
            assert list(what.gather(part, counts.drop)) and not counts.dropped
        else:
            assert what.read
            assert None not in [what.read(each.row, each.place) for each in part]
