"""Score and Baseline on the toy world: files as promised, ids that must agree."""

import json
from pathlib import Path

import numpy as np
import pytest

from xadapt import metrics, toyworld
from xadapt.errors import DataError
from xadapt.examples import Classification, Passage, Tagging
from xadapt.sources import Toy
from xadapt.stages.baseline import Baseline
from xadapt.stages.data import Data
from xadapt.stages.score import COLLAPSE, Score, scored
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

LOCAL = {"mnli": "mnli", "hellaswag": "hellaswag", "udpos": "udpos", "squad": "squad", "tatoeba": "tatoeba"}


def make(store: Store, stage: Stage) -> None:
    if stage in store:
        return
    for needed in stage.inputs.values():
        make(store, needed)
    with store.writing(stage) as work:
        work.notes.update(stage.run(work.out, Context(store)))


def data(name: str, config: str, split: str, size: int = 40) -> Data:
    version = toyworld.version(LOCAL[name])
    rows = Toy(dataset=LOCAL[name], config=config, split=split, size=size, version=version)
    return Data(task=name, task_version=task(name).version, rows=(rows,))


def score(name: str) -> Score:
    language = "qaa"
    train = None if name == "tatoeba" else data(name, "en", "train", 200)
    baseline = Baseline(task=name, language=language, data=data(name, language, "test"), train=train)
    return Score(task=name, metric=task(name).metric, predictions=baseline)


@pytest.mark.parametrize("name", LOCAL)
def test_every_task_type_is_scored(name: str, tmp_path: Path) -> None:
    store, stage = Store(tmp_path), score(name)
    make(store, stage)
    facts = json.loads((store.path(stage) / "score.json").read_text())
    rows = json.loads((store.path(stage) / "items.json").read_text())
    assert facts["n"] == len(rows) == 40
    assert 0 <= facts["value"] <= 100
    assert facts["value"] == facts["metrics"][facts["metric"]]
    again = metrics.metric(stage.metric).scores(np.array(rows, dtype=float).sum(0))
    assert facts["metrics"] == pytest.approx({key: float(value) for key, value in again.items()})
    assert store.record(stage.digest).notes["value"] == facts["value"]


def test_predictions_are_plain_lines_in_the_order_of_the_examples(tmp_path: Path) -> None:
    store, stage = Store(tmp_path), score("mnli")
    make(store, stage)
    lines = (store.path(stage.predictions) / "predictions.jsonl").read_text().splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"id", "prediction"}] * 40
    assert store.record(stage.predictions.digest).notes == {"method": "overlap regression"}


@pytest.mark.parametrize("change", ["fewer", "other", "order"])
def test_other_ids_are_refused(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, stage = Store(tmp_path / "store"), score("mnli")
    make(store, stage)
    folder = store.path(stage.predictions)
    lines = (folder / "predictions.jsonl").read_text().splitlines()
    changed = {
        "fewer": lines[:-1],
        "other": [*lines[:-1], '{"id": "?", "prediction": "neutral"}'],
        "order": lines[::-1],
    }[change]
    other = tmp_path / "other"
    other.mkdir()
    (other / "predictions.jsonl").write_text("\n".join(changed) + "\n")
    path = Store.path
    monkeypatch.setattr(
        Store, "path", lambda self, each: other if each == stage.predictions else path(self, each)
    )
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(DataError, match="its ids are not those of the examples"):
        stage.run(out, Context(store))


def test_one_answer_everywhere_is_marked_as_collapse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xadapt import baselines

    monkeypatch.setattr(baselines, "predict", lambda kind, train, test, seed, method: ["neutral"] * len(test))
    store, stage = Store(tmp_path), score("mnli")
    make(store, stage)
    assert json.loads((store.path(stage) / "score.json").read_text())["collapsed"] is True


WORDS = tuple("abcdefg")


@pytest.mark.parametrize(
    ("name", "answer", "collapsed"),
    [
        ("accuracy", lambda n: "b" if n else "a", False),
        ("accuracy", lambda n: "a", True),
        # Sentences of 3 to 7 words: no two of these predictions need be equal.
        ("chunk_f1", lambda n: ["O"] * (3 + n % 5), True),
        ("chunk_f1", lambda n: ["O"] * (2 + n % 5) + ["B-PER" if n == 9 else "O"], False),
        ("map20", lambda n: ["c1", "c2"], True),
        ("map20", lambda n: ["c1", "c2"][:: -1 if n else 1], False),
    ],
)
def test_one_answer_or_one_tag_everywhere_is_a_collapse(name, answer, collapsed) -> None:
    kinds = {
        "accuracy": lambda n: Classification(str(n), "x", None, "ab"[n % 2]),
        "chunk_f1": lambda n: Tagging(str(n), WORDS[: 3 + n % 5], ("B-PER",) * (3 + n % 5)),
        "map20": lambda n: Passage(str(n), "x", "query", ("c1",)),
    }
    for count in (COLLAPSE, COLLAPSE - 1):
        test = [kinds[name](n) for n in range(count)]
        facts, _ = scored(name, "en", test, [answer(n) for n in range(count)], [])
        assert facts["collapsed"] is (collapsed and count == COLLAPSE)
