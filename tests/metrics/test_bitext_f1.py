"""Mined pairs by hand: where the threshold falls, and what counts."""

from typing import Any

import numpy as np
import pytest

from xadapt.metrics import metric, summary, tuned
from xadapt.metrics.bitext_f1 import above, items, threshold


def mined(score: float, *targets: str) -> dict[str, Any]:
    return {"targets": list(targets), "score": score}


GOLD = [("a",), ("b",), (), ("d",)]
MINED = [mined(1.4, "a"), mined(1.2, "b"), mined(1.1, "x"), mined(1.0, "y")]


def test_the_threshold_lies_between_the_last_pair_of_the_best_f1_and_the_next() -> None:
    # F1 after each pair: 2/4, 4/5, 4/6, 4/7.
    assert threshold(GOLD, MINED) == pytest.approx(1.15)
    assert [each and each["score"] for each in above(MINED, 1.15)] == [1.4, 1.2, None, None]


def test_at_the_last_pair_the_threshold_is_its_score() -> None:
    found = [mined(1.4, "a"), mined(1.2, "b"), None, mined(1.0, "d")]
    assert threshold(GOLD, found) == 1.0
    assert above(found, 1.0) == found


def test_pairs_of_one_score_stand_or_fall_together() -> None:
    # Taken one by one the right pair alone would give the best F1, but no threshold parts it from the other.
    found = [mined(1.0, "a"), None, mined(1.0, "x"), mined(0.5, "d")]
    assert threshold(GOLD, found) == 0.5
    assert threshold(GOLD, [None, None, mined(2.0, "x"), mined(1.0, "d")]) == 1.0


def test_of_equally_good_thresholds_the_highest_counts() -> None:
    gold = [("a",), (), (), ("b", "c")]  # F1 after each pair: 2/4, 2/5, 2/6, 4/7
    found = [mined(5.0, "a"), mined(4.0, "x"), mined(3.0, "y"), mined(2.0, "b")]
    assert threshold(gold, found) == 2.0
    gold = [("a",), (), (), ("b",)]  # 2/3, 2/4, 2/5, 4/6: the first and the last are equal
    assert threshold(gold, found) == 4.5


@pytest.mark.parametrize("found", [[None] * 4, [mined(1.0, "z")] * 4])
def test_without_a_right_pair_nothing_is_left_out(found: list[Any]) -> None:
    assert threshold(GOLD, found) == 0.0
    assert above(found, 0.0) == found


def test_rows_are_right_mined_and_gold_pairs() -> None:
    gold = [("a",), ("b", "c"), (), ()]
    found = [mined(1.0, "x"), mined(1.0, "c", "d"), None, mined(1.0, "y")]
    rows = items(gold, found)
    assert rows == [(0, 1, 1), (1, 2, 2), (0, 0, 0), (0, 1, 0)]
    assert summary("bitext_f1", rows) == pytest.approx({"f1": 200 / 7, "precision": 25, "recall": 100 / 3})
    assert next(iter(summary("bitext_f1", rows))) == "f1"


def test_nothing_mined_and_nothing_to_mine_is_zero() -> None:
    empty = metric("bitext_f1").scores(np.zeros(3))
    assert {name: float(value) for name, value in empty.items()} == {"f1": 0, "precision": 0, "recall": 0}


def test_only_a_metric_with_a_threshold_is_tuned() -> None:
    assert tuned("accuracy") is None
    found = tuned("bitext_f1")
    assert found is not None and found.threshold(GOLD, MINED) == pytest.approx(1.15)
