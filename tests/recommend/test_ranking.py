"""Ranks, their combination, and regret on matrices by hand."""

from itertools import combinations, permutations
from statistics import fmean

import pytest

from xadapt.recommend.matrix import Matrix
from xadapt.recommend.ranking import combined, mean_ranks, ordered, ranks
from xadapt.recommend.regret import random_regret, regret

GAINS = {"mnli": 4.0, "squad": -1.0, "hellaswag": 2.5, "ccg": 3.0}


def test_equal_scores_have_the_mean_of_their_places():
    assert ranks({"a": 1.0, "b": 3.0, "c": 1.0, "d": 0.0}) == {"a": 2.5, "b": 1.0, "c": 2.5, "d": 4.0}


def test_methods_count_the_same_whatever_their_units():
    methods = {"x": {"a": 1000.0, "b": 0.0, "c": -1.0}, "y": {"a": 0.1, "b": 0.3, "c": 0.2}}
    assert mean_ranks(methods) == {"a": 2.0, "b": 1.5, "c": 2.5}
    assert combined(methods, "x") == (("b",), ("a",), ("c",))


def test_between_equals_one_method_decides():
    methods = {"x": {"a": 1.0, "b": 2.0}, "y": {"a": 2.0, "b": 1.0}}
    assert combined(methods, "x") == (("b",), ("a",))
    assert combined(methods, "y") == (("a",), ("b",))
    assert ordered({"a": 1.0, "b": 1.0, "c": 2.0}) == (("c",), ("a", "b"))


def test_regret_is_what_the_best_of_the_first_lacks():
    order = (("squad",), ("hellaswag",), ("ccg",), ("mnli",))
    assert [regret(GAINS, order, k) for k in (1, 2, 3, 4, 9)] == [5.0, 1.5, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_chance_is_the_mean_over_all_draws(k):
    draws = [max(GAINS.values()) - max(GAINS[name] for name in draw) for draw in combinations(GAINS, k)]
    assert random_regret(GAINS, k) == pytest.approx(fmean(draws))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("scores", [(1, 1, 1, 1), (2, 1, 1, 0), (1, 1, 0, 0), (0, 1, 1, 1), (1, 0, 0, 0)])
def test_regret_of_equals_is_the_mean_over_their_orders_whatever_the_file_says(scores, k):
    said = dict(zip(GAINS, scores, strict=True))
    orders = [
        order
        for order in permutations(GAINS)
        if [said[name] for name in order] == sorted(said.values(), reverse=True)
    ]
    lacking = fmean(4.0 - max(GAINS[name] for name in order[:k]) for order in orders)
    assert regret(GAINS, ordered(said), k) == pytest.approx(lacking)
    turned = dict(reversed(said.items()))
    assert regret(GAINS, ordered(turned), k) == pytest.approx(lacking)


def test_chance_with_fewer_modules_than_draws_finds_the_best():
    assert random_regret(GAINS, 9) == pytest.approx(0)


def test_the_prior_has_nothing_of_the_target_itself():
    rows = {
        "xnli": {"mnli": 10.0, "squad": -5.0},
        "xquad": {"mnli": 0.0, "squad": 3.0},
        "panx": {"mnli": 1.0, "squad": 2.0},
    }
    modules = ("mnli", "squad")
    assert Matrix(rows, {}).prior({"xnli"}, modules) == {"mnli": 0.5, "squad": 2.5}
    changed = rows | {"xnli": {"mnli": -99.0, "squad": 99.0}}
    assert Matrix(changed, {}).prior({"xnli"}, modules) == Matrix(rows, {}).prior({"xnli"}, modules)


def test_the_prior_has_nothing_of_what_shares_the_training_of_the_target():
    rows = {
        "xquad": {"mnli": 0.0, "squad": 9.0},
        "mlqa": {"mnli": 0.0, "squad": 7.0},
        "panx": {"mnli": 1.0, "squad": -2.0},
    }
    assert Matrix(rows, {}).prior({"mlqa", "xquad"}, ("mnli", "squad")) == rows["panx"]


def test_the_prior_compares_modules_on_the_same_targets():
    rows = {"xquad": {"mnli": 0.0, "squad": 3.0}, "panx": {"mnli": 50.0}}
    assert Matrix(rows, {}).prior({"xnli"}, ("mnli", "squad")) == {"mnli": 0.0, "squad": 3.0}
    assert Matrix(rows, {}).prior({"xquad"}, ("mnli", "squad")) == {}
