"""What every metric module has in common."""

from typing import Any

import numpy as np
import pytest

from xadapt.metrics import at_chance, metric, metrics, summary

ITEMS: dict[str, tuple[list[Any], list[Any]]] = {
    "accuracy": (["a", "b", "a"], ["a", "a", None]),
    "squad": ([("x",), ("y z",), ()], ["x", "y", ""]),
    "chunk_f1": ([["B-PER", "O"], ["NOUN"], ["O"]], [["B-PER", "O"], ["VERB"], ["B-LOC"]]),
    "accuracy_f1": (["1", "0", "1"], ["1", "1", None]),
    "squad_v2": ([("x",), ("y z",), ()], ["x", "y", ""]),
    "bitext_f1": (
        [("a",), ("b",), ()],
        [{"targets": ["a"], "score": 1.2}, {"targets": ["c"], "score": 1.1}, None],
    ),
    "mlqa": ([("x",), ("y z",), ()], ["x", "y", ""]),
    "map20": ([("x", "y"), ("z",), ("w",)], [["x", "a", "y"], ["a", "z"], None]),
    "mrr20": ([("x",), ("z",), ("w",)], [["x", "a"], ["a", "z"], None]),
    "token_accuracy": ([["N", "V"], ["N"], ["D"]], [["N", "N"], None, ["D"]]),
}


@pytest.mark.parametrize("name", metrics())
def test_scores_of_many_draws_at_once_equal_scores_one_by_one(name: str) -> None:
    rows = np.array(metric(name).items(*ITEMS[name]), dtype=np.float64)
    once = metric(name).scores(rows.sum(0))
    assert summary(name, rows.tolist()) == pytest.approx({key: float(value) for key, value in once.items()})
    assert next(iter(once)) == next(iter(summary(name, rows.tolist()))), "the main value is the first"
    sums = np.stack([rows.sum(0), rows[:2].sum(0), rows[[0, 0, 2]].sum(0)])
    together = metric(name).scores(sums)
    for place, each in enumerate(sums):
        for key, value in metric(name).scores(each).items():
            assert together[key][place] == pytest.approx(float(value))
            assert 0 <= float(value) <= 100


@pytest.mark.parametrize("name", metrics())
def test_lengths_must_agree_and_no_items_is_an_error(name: str) -> None:
    gold, mine = ITEMS[name]
    with pytest.raises(ValueError):
        metric(name).items(gold, mine[:-1])
    with pytest.raises(ValueError, match="no items"):
        summary(name, [])


def test_an_unknown_metric_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match="known are accuracy, "):
        metric("bleu")


def test_a_score_is_at_chance_when_its_interval_reaches_the_best_constant_answer():
    gold = ["a"] * 60 + ["b"] * 40
    of = {count: [(float(n < count), 1.0) for n in range(100)] for count in (60, 66, 80)}
    assert at_chance("accuracy", gold, of[60]) and at_chance("accuracy", gold, of[66])
    assert not at_chance("accuracy", gold, of[80])
    tags = [("N", "V"), ("N", "N")] * 50
    constant = metric("token_accuracy").items(tags, [("N", "N")] * 100)
    assert at_chance("token_accuracy", tags, constant)
    assert not at_chance("token_accuracy", tags, metric("token_accuracy").items(tags, tags))
    assert not at_chance("chunk_f1", tags, [(0.0, 0.0, 1.0)] * 100), "no constant answer to beat"
    assert at_chance("accuracy", list(range(50)), [(0.0, 1.0)] * 50), "a search: one line of all"
