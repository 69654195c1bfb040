"""Significance: right error rates, corrected for how many gains are looked at."""

import numpy as np
import pytest

from xadapt.metrics.interval import resampled
from xadapt.report.statistics import gains, holm, includes_zero, p_value
from xadapt.report.table import Row, Table

from . import grids


def drawn(first: np.ndarray, second: np.ndarray, seed: int = 0) -> np.ndarray:
    """Of the difference of two systems that are right or wrong on the same items."""

    def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
        return {"accuracy": 100 * sums[:, 0] / sums[:, 1]}

    rows = (np.stack([right, np.ones(len(right))], axis=1) for right in (first, second))
    one, other = (resampled(each, scores, "", seed) for each in rows)
    return one - other


def test_holm_gives_the_values_of_the_definition():
    # Smallest times 4, next times 3, ... and never below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []


@pytest.mark.slow
def test_equal_systems_are_called_different_about_as_often_as_the_level_says():
    random, called = np.random.default_rng(0), 0
    for seed in range(200):
        first, second = (random.random(200) < 0.6 for _ in range(2))
        called += p_value(drawn(first.astype(float), second.astype(float), seed), (), 200) < 0.05
    assert 2 <= called <= 20


def test_a_clear_gain_is_called_after_correction_for_hundreds():
    right = np.arange(300) < 200
    clear = p_value(drawn(right.astype(float), (np.arange(300) < 140).astype(float)), (), 300)
    assert clear * 500 < 0.05, "counting 1000 resamples could not say so: 500 * 2 / 1001 is about one"


def test_no_difference_at_all_is_none():
    right = (np.arange(50) < 30).astype(float)
    assert p_value(drawn(right, right), (), 50) == 1 and includes_zero((0, 0, 0))


def test_seeds_that_disagree_make_a_gain_less_certain():
    right, other = ((np.arange(300) < count).astype(float) for count in (190, 150))
    same, apart = (p_value(drawn(right, other), seeds, 300) for seeds in ((13.3, 13.4), (30.0, -3.3)))
    assert same < 0.01 < 0.05 < apart


@pytest.mark.parametrize(("seeds", "of_seeds"), [(2, 2.0), (3, 2.0), (5, 2.0), (2, 0.3), (3, 0.3)])
def test_with_few_seeds_chance_is_called_a_gain_no_more_often_than_the_level_says(seeds, of_seeds):
    """No difference in truth; items alone would move a mean by 0.3, seeds each score by `of_seeds`."""
    random, called, count = np.random.default_rng(0), 0, 2000
    resamples = 0.3 * random.normal(size=300)
    for _ in range(count):
        by_seed = of_seeds * random.normal(size=seeds)
        measured = by_seed.mean() + 0.3 * random.normal()
        drawn = np.concatenate([[measured], measured + resamples])
        called += p_value(drawn, tuple(by_seed), 300) < 0.05
    assert called / count < 0.065


@pytest.mark.parametrize(("items", "least"), [(1, 1.0), (2, 0.5), (5, 0.0625), (6, 0.03125)])
def test_a_few_items_that_all_agree_are_no_proof(items, least):
    """Resamples of them are all alike; that signs agree by chance is as likely as `least`."""
    assert p_value(drawn(np.ones(items), np.zeros(items)), (), items) == least
    assert p_value(drawn(np.ones(items), np.zeros(items)), (100.0, 100.0), items) == least


def test_one_item_less_than_all_of_five_is_no_proof_either():
    assert p_value(drawn(np.ones(5), np.array([0, 0, 0, 0, 1.0])), (), 5) >= 0.0625


def test_many_items_that_all_agree_are():
    for items in (300, 5000):
        assert p_value(drawn(np.ones(items), np.zeros(items)), (), items) < 1e-50


@pytest.mark.slow
def test_all_gains_of_a_table_are_corrected_together_and_seeds_are_told(tmp_path):
    every = [r for r in grids.results(tmp_path, 2) if r.cell.language in ("en", "af", "ar")]
    found = gains(Table.of(every), "zero-shot")
    assert len(found) == 9 * 9
    assert holm([gain.p for gain in found.values()]) == [gain.adjusted for gain in found.values()]
    best, none = (Row(f"stack({name})", "lora") for name in ("commonsense_qa", "anli_plus"))
    gain = found[best, "xnli"]
    assert len(gain.by_seed) == 2 and gain.deviation is not None
    assert sum(gain.by_seed) / 2 == pytest.approx(gain.interval[0])
    # Two seeds say little of what a third would: not among 81 gains.
    assert gain.p < 0.05 < gain.adjusted and not gain.significant
    one = gains(Table.of([r for r in every if r.cell.seed == 0]), "zero-shot")
    assert one[best, "xnli"].significant and one[best, "xnli"].deviation is None
    assert not one[none, "xnli"].significant, "made without a gain"
