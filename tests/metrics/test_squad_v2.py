"""The SQuAD v2.0 rules, computed by hand."""

import pytest

from xadapt.metrics import summary
from xadapt.metrics.squad_v2 import items


def test_the_best_gold_answer_counts_as_in_version_one() -> None:
    assert items([("cat sat", "a dog here")], ["dog"]) == [(0.0, pytest.approx(2 / 3), 1, 0, 2 / 3, 1)]


def test_nothing_is_right_only_without_an_answer() -> None:
    found = items([(), (), ("x",)], ["", "x", ""])
    assert [row[:2] for row in found] == [(1, 1), (0, 0), (0, 0)]


def test_a_gold_answer_of_articles_alone_is_none() -> None:
    """The script drops golds that normalise to nothing; what is left is a question without an answer."""
    assert items([("the",), ("the",), ("the", "cat")], ["", "cat", ""]) == [
        (1, 1, 1, 0, 0, 0),
        (0, 0, 1, 0, 0, 0),
        (0, 0, 1, 0, 0, 1),
    ]
    assert items([()], ["The"])[0][:2] == (1, 1), "what normalises to nothing is nothing"


def test_a_missing_prediction_scores_nothing() -> None:
    assert [row[:3] for row in items([("x",), ()], [None, None])] == [(0, 0, 1), (0, 0, 1)]


def test_both_halves_stand_beside_the_whole() -> None:
    rows = items([("cat",), ("cat sat",), (), ()], ["cat", "cat", "", "x"])
    found = summary("squad_v2", rows)
    assert next(iter(found)) == "em_f1"
    assert found == pytest.approx(
        {
            "em_f1": (50 + 100 * (1 + 2 / 3 + 1) / 4) / 2,
            "exact_match": 50,
            "f1": 100 * (1 + 2 / 3 + 1) / 4,
            "answered_exact_match": 50,
            "answered_f1": 100 * (1 + 2 / 3) / 2,
            "unanswerable_accuracy": 50,
        }
    )
    assert summary("squad_v2", items([("a b",)], ["a b"]))["unanswerable_accuracy"] == 0
