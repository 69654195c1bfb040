"""A typed number passes every checksum that was typed with it; its own predictions tell."""

import dataclasses
import json
from pathlib import Path

import pytest

from xadapt.stages.rescore import rescore
from xadapt.stages.score import Score
from xadapt.workflow.record import Record, file_sha256
from xadapt.workflow.store import Store

from .test_score import make, score


@pytest.fixture
def made(tmp_path: Path) -> tuple[Store, Score]:
    store, stage = Store(tmp_path), score("mnli")
    make(store, stage)
    return store, stage


def seal(folder: Path) -> None:
    """Write a record that fits the files as they are now."""
    record = Record.read(folder)
    files = {name: file_sha256(folder / name) for name in record.files}
    sizes = {name: (folder / name).stat().st_size for name in record.files}
    dataclasses.replace(record, files=files, sizes=sizes).write(folder)


@pytest.mark.parametrize("name", ["mnli", "udpos", "squad", "tatoeba"])
def test_what_was_scored_scores_the_same(tmp_path: Path, name: str) -> None:
    store, stage = Store(tmp_path), score(name)
    make(store, stage)
    assert [(each.wrong, each.why) for each in rescore(store, store.digests())] == [(None, "")]


@pytest.mark.parametrize("typed", ["value", "n", "metrics"])
def test_a_typed_number_with_its_seal_is_found(made: tuple[Store, Score], typed: str) -> None:
    store, stage = made
    path = store.folder(stage.digest) / "score.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {typed: {"accuracy": 99.0} if typed == "metrics" else 99.0}))
    seal(path.parent)
    assert [error for _, error in store.verify() if error] == [], "no checksum can tell"
    (found,) = rescore(store, store.digests())
    assert found.digest == stage.digest and f"{typed} " in str(found.wrong)


def test_typed_items_are_found(made: tuple[Store, Score]) -> None:
    store, stage = made
    path = store.folder(stage.digest) / "items.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([[1 - rows[0][0], *rows[0][1:]], *rows[1:]]))
    seal(path.parent)
    (found,) = rescore(store, store.digests())
    assert "items.json: not what its predictions give" in str(found.wrong)


def test_without_its_predictions_a_score_is_said_not_to_be_checked(made: tuple[Store, Score]) -> None:
    store, stage = made
    store.quarantine(stage.predictions.digest)
    (found,) = rescore(store, store.digests())
    assert found.wrong is None and stage.predictions.digest in found.why
