"""Bootstrap intervals: known widths, pairing, means over languages and runs, the same in every process."""

import numpy as np
import pytest

from xadapt.metrics import accuracy
from xadapt.metrics.interval import difference, interval, resampled


def rows(right: int, wrong: int) -> np.ndarray:
    return np.array([(1.0, 1.0)] * right + [(0.0, 1.0)] * wrong)


@pytest.mark.parametrize("number", [50, 1000])
def test_the_width_is_that_of_a_binomial(number: int) -> None:
    value, low, high = interval([{"de": rows(number * 4 // 5, number // 5)}], accuracy.scores)
    sigma = 100 * (0.8 * 0.2 / number) ** 0.5
    assert value == pytest.approx(80)
    assert low < value < high
    assert high - low == pytest.approx(2 * 1.96 * sigma, rel=0.15)


def test_a_system_against_itself_differs_by_nothing() -> None:
    system = {"de": rows(70, 30), "fr": rows(40, 60)}
    assert difference([system], [system], accuracy.scores) == (0.0, 0.0, 0.0)


def test_pairing_makes_the_interval_narrow() -> None:
    """`better` is right wherever `worse` is: the two never vary apart, as separate intervals would."""
    worse, better = {"de": rows(700, 300)}, {"de": rows(750, 250)}
    value, low, high = difference([better], [worse], accuracy.scores)
    assert value == pytest.approx(5)
    assert 3 < low < 5 < high < 7
    _, lowest, highest = interval([worse], accuracy.scores)
    assert high - low < highest - lowest


def test_languages_are_averaged_after_scoring() -> None:
    value, _, _ = interval([{"de": rows(10, 0), "fr": rows(0, 1000)}], accuracy.scores)
    assert value == pytest.approx(50)


def test_runs_are_averaged_and_may_be_of_other_numbers() -> None:
    low, high = {"de": rows(60, 40)}, {"de": rows(80, 20)}
    assert difference([low, high], [low], accuracy.scores)[0] == pytest.approx(10)


def test_the_seed_decides_and_not_the_language() -> None:
    first, second = {"de": rows(55, 45)}, {"fr": rows(55, 45)}
    assert interval([first], accuracy.scores, seed=3) == interval([first], accuracy.scores, seed=3)
    assert interval([first], accuracy.scores, seed=3) != interval([first], accuracy.scores, seed=4)
    assert interval([first], accuracy.scores) == interval([second], accuracy.scores)


def test_other_test_sets_are_drawn_apart_whatever_their_size() -> None:
    one, other = (resampled(rows(55, 45), accuracy.scores, of) for of in ("xnli", "pawsx"))
    assert one[0] == other[0] and abs(np.corrcoef(one[1:], other[1:])[0, 1]) < 0.15


def test_languages_of_a_parallel_test_set_are_not_so_many_test_sets() -> None:
    """Two equal systems on items that are as hard in every language: 95 % of intervals have no difference."""
    random, covered, count = np.random.default_rng(1), 0, 100
    for _ in range(count):
        common, *own = random.normal(size=(3, 100))
        first, second = (
            {code: _right(common + 0.5 * each + 0.8 * random.normal(size=100)) for code in "abcdefgh"}
            for each in own
        )
        _, low, high = difference([first], [second], accuracy.scores)
        covered += low <= 0 <= high
    assert 88 <= covered <= 99


def test_the_same_items_in_two_languages_are_as_certain_as_in_one() -> None:
    once, twice = (interval([dict.fromkeys(codes, rows(60, 40))], accuracy.scores) for codes in ("a", "ab"))
    assert twice == pytest.approx(once)


def _right(values: np.ndarray) -> np.ndarray:
    return np.stack([values > 0, np.ones(len(values))], 1).astype(float)


def test_other_items_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="other items"):
        difference([{"de": rows(1, 1)}], [{"fr": rows(1, 1)}], accuracy.scores)
    with pytest.raises(ValueError, match="other items"):
        difference([{"de": rows(1, 1)}], [{"de": rows(2, 1)}], accuracy.scores)
