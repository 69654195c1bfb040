"""The Baseline stage: the same bytes each time, its method in the record."""

from pathlib import Path

from tests.stages.test_score import data, make
from xadapt.stages.baseline import Baseline
from xadapt.workflow.store import Store


def baseline(seed: int) -> Baseline:
    test, train = data("squad", "qab", "test"), data("squad", "en", "train", 100)
    return Baseline(task="squad", language="qab", data=test, train=train, seed=seed)


def predictions(store: Store, stage: Baseline) -> bytes:
    make(store, stage)
    return (store.path(stage) / "predictions.jsonl").read_bytes()


def test_the_seed_decides(tmp_path: Path) -> None:
    first, second = Store(tmp_path / "a"), Store(tmp_path / "b")
    assert predictions(first, baseline(0)) == predictions(second, baseline(0))
    assert predictions(first, baseline(0)) != predictions(first, baseline(1))
    assert first.record(baseline(0).digest).notes == {"method": "random span"}
