"""mAP@20 and MRR@20, by hand."""

import pytest

from xadapt.metrics import metric, summary


def map20(right: tuple[str, ...], mine: list[str] | None) -> float:
    return summary("map20", metric("map20").items([right], [mine]))["map@20"]


def test_average_precision_is_the_mean_precision_at_the_right_places() -> None:
    # Right at places 1, 3 and 4 of three: (1/1 + 2/3 + 3/4) / 3.
    assert map20(("a", "b", "c"), ["a", "x", "b", "c"]) == pytest.approx(100 * (1 + 2 / 3 + 3 / 4) / 3)
    # What is not found counts as 0: (1/2) / 2.
    assert map20(("a", "b"), ["x", "a"]) == pytest.approx(25.0)
    assert map20(("a",), ["a"]) == 100.0 and map20(("a",), ["x"]) == 0.0 == map20(("a",), None)


def test_average_precision_looks_at_twenty_and_divides_by_no_more() -> None:
    many = tuple(f"r{n}" for n in range(30))
    assert map20(many, list(many)) == pytest.approx(100.0), "30 right ones, 20 can be named"
    wrong = [f"x{n}" for n in range(19)]
    assert map20(("a", "b"), [*wrong, "a", "b"]) == pytest.approx(100 / 20 / 2), "place 21 is too late"
    assert map20(("a", "b"), ["a", "a", "b"]) == pytest.approx(100 * (1 + 2 / 3) / 2), "a counts once"


def test_reciprocal_rank_is_that_of_the_first_right_one_among_twenty() -> None:
    wrong = [f"x{n}" for n in range(20)]
    gold = [("a",)] * 5
    mine = [["a"], ["x", "y", "y", "a"], [*wrong[:19], "a"], [*wrong, "a"], None]
    rows = metric("mrr20").items(gold, mine)
    assert [first for first, _ in rows] == [1.0, 0.25, 0.05, 0.0, 0.0]
    assert summary("mrr20", rows)["mrr@20"] == pytest.approx(100 * 1.3 / 5)


def test_with_one_right_candidate_both_are_equal() -> None:
    mine = [["x"] * place + ["a"] for place in range(25)]
    gold = [("a",)] * len(mine)
    assert metric("map20").items(gold, mine) == metric("mrr20").items(gold, mine)
