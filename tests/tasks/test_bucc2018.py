"""BUCC is read in full from either form of its data, and its threshold from where it may come."""

import dataclasses
import json
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from xadapt import experiment, toyworld
from xadapt.examples import Passage
from xadapt.metrics import summary
from xadapt.metrics.bitext_f1 import above, items, threshold
from xadapt.stages.data import Counts
from xadapt.stages.rescore import rescore
from xadapt.stages.score import Score
from xadapt.task import Placed
from xadapt.tasks.bucc2018 import gather
from xadapt.workflow import execute
from xadapt.workflow.context import Context
from xadapt.workflow.digest import as_before
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

SOURCE = [{"id": "zh-1", "sentence": "一"}, {"id": "zh-2", "sentence": "二"}]
TARGET = [
    {"id": "en-1", "sentence": "two"},
    {"id": "en-2", "sentence": "one"},
    {"id": "en-3", "sentence": "x"},
]
GOLD = [{"source_id": "zh-1", "target_id": "en-2"}, {"source_id": "zh-1", "target_id": "en-9"}]
HUB = {"sentence1": ["一", "二"], "sentence2": ["two", "one", "x"], "gold": [[1, 2], [2, 1]]}


def read(*files: list[dict[str, Any]]) -> tuple[list[Passage], Counter[str]]:
    rows = [Placed(number, f"{number}", row) for number, file in enumerate(files) for row in file]
    counts = Counts()
    return list(gather(rows, counts.drop)), counts.dropped


def test_both_sides_of_a_folder_are_read_with_the_gold_of_the_queries() -> None:
    found, dropped = read(SOURCE, TARGET, GOLD)
    assert found == [
        Passage("zh-1", "一", "query", ("en-2",)),
        Passage("zh-2", "二", "query"),
        *(Passage(row["id"], row["sentence"], "candidate") for row in TARGET),
    ]
    assert dropped == {"gold pair of a sentence that is not there": 1}


def test_the_row_of_the_hub_counts_from_one() -> None:
    found, dropped = read([HUB])
    assert [each.text for each in found] == ["一", "二", "two", "one", "x"]
    texts = {each.id: each.text for each in found}
    pairs = {each.text: [texts[name] for name in each.relevant] for each in found if each.side == "query"}
    assert pairs == {"一": ["one"], "二": ["two"]} and not dropped


@pytest.mark.parametrize("pair", [[0, 1], [1, 0], [3, 1], [1, 4]])
def test_gold_outside_the_sentences_is_named(pair: list[int]) -> None:
    with pytest.raises(ValueError, match=rf"field 'gold': \[{pair[0]}, {pair[1]}\]"):
        read([{**HUB, "gold": [pair]}])


def test_bad_rows_name_their_field() -> None:
    with pytest.raises(ValueError, match="field 'id': 'zh-1' stands there twice"):
        read([*SOURCE, SOURCE[0]], TARGET, GOLD)
    with pytest.raises(ValueError, match="field 'sentence': None is not text"):
        read([{"id": "zh-1", "sentence": None}], TARGET, GOLD)
    with pytest.raises(ValueError, match="field 'sentence2': 7 is not text"):
        read([{**HUB, "sentence2": ["a", 7]}])
    with pytest.raises(KeyError, match="target_id"):
        read(SOURCE, TARGET, [{"source_id": "zh-1"}])


EXPERIMENT = """
[model]
name = "toyworld"
[data]
world = "folder"
languages = ["de"]
[reading]
layer = 2
[recipe.a]
[target]
tasks = ["bucc2018"]
"""


def folder(path: Path, parts: dict[str, str]) -> Path:
    """A data folder with rows of the toy world under other names."""
    place = path / "bucc18" / "de"
    place.mkdir(parents=True)
    for name, split in parts.items():
        rows = toyworld.rows("bucc18", "qaa", split, 60 if "pool" in split else 6)
        (place / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


TESTED = {"pool_source": "pool_source", "pool_target": "pool_target", "validation": "validation"}
DEV = {"dev_source": "pool_source", "dev_target": "pool_target", "dev": "validation"}


def scores(tmp_path: Path, data: Path) -> list[Score]:
    path = tmp_path / "bucc.toml"
    path.write_text(EXPERIMENT)
    return [goal for goal in experiment.load(str(path), data_folder=data).goals() if isinstance(goal, Score)]


def run(found: list[Score], store: Store, data: Path) -> list[dict[str, Any]]:
    outcomes = list(execute.run(Plan.of(found), Context(store, data=data, device="cpu")))
    assert [o.error for o in outcomes if o.error] == []
    again = list(rescore(store, store.digests()))
    assert len(again) == len(found) and not any(each.wrong or each.why for each in again)
    return [json.loads((store.path(each) / "score.json").read_text()) for each in found]


@pytest.mark.slow
def test_without_development_data_each_half_is_tuned_on_the_other(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", TESTED)
    found, store = scores(tmp_path, data), Store(tmp_path / "store")
    assert [each.tuned_on for each in found] == [None, None]
    (field,) = (each for each in dataclasses.fields(Score) if each.name == "tuned_on")
    assert as_before(field, found[0]), "stored scores keep their digests"
    for score, facts in zip(found, run(found, store, data), strict=True):
        lines = (store.path(score.predictions) / "predictions.jsonl").read_text().splitlines()
        mined = [json.loads(line) for line in lines]
        assert len(facts["thresholds"]) == 2 and facts["n"] == 60 == len(mined)
        assert all(set(line["prediction"]) == {"targets", "score"} for line in mined if line["prediction"])
        test, counted, limits = score.counted(Context(store))
        assert limits == facts["thresholds"]
        gold = [each.relevant for each in test]
        for half in (0, 1):
            # What counts in one half shows its limit; that limit is the best of the rest.
            own = [n for n, each in enumerate(test) if _half(each.id) == half]
            others = [n for n in range(60) if n not in own]
            limit = threshold([gold[n] for n in others], [mined[n]["prediction"] for n in others])
            assert limits[half] == limit
            assert [counted[n] for n in own] == above([mined[n]["prediction"] for n in own], limit)
        assert facts["metrics"] == summary("bitext_f1", items(gold, counted))


def _half(name: str) -> int:
    return int(sha256(name.encode()).hexdigest()[:2], 16) % 2


@pytest.mark.slow
def test_development_data_of_a_folder_set_the_threshold_and_are_part_of_the_digest(tmp_path: Path) -> None:
    halves = scores(tmp_path, folder(tmp_path / "one", TESTED))
    data = folder(tmp_path / "both", TESTED | DEV)
    found, store = scores(tmp_path, data), Store(tmp_path / "store")
    for score, other, facts in zip(found, halves, run(found, store, data), strict=True):
        assert score.tuned_on is not None and score.predictions == other.predictions
        assert score.tuned_on.data != score.predictions.data and score.digest != other.digest
        assert score.tuned_on in score.inputs.values()
        test, _, limits = score.counted(Context(store))
        # Here both sets have the same rows, so the threshold is the best of the test set itself.
        lines = (store.path(score.predictions) / "predictions.jsonl").read_text().splitlines()
        mined = [json.loads(line)["prediction"] for line in lines]
        assert limits == facts["thresholds"] == [threshold([each.relevant for each in test], mined)]


def test_gold_of_sentences_that_are_not_there_counts_as_bad() -> None:
    counts = Counts()
    files = (SOURCE, TARGET, GOLD)
    list(gather((Placed(n, f"{n}", row) for n, rows in enumerate(files) for row in rows), counts.drop))
    assert dict(counts.bad) == {2: 1} and counts.first[2].startswith("2: gold pair of a sentence")
