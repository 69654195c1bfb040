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
    one, other = (resampled("de", each, scores, seed) for each in rows)
    return one - other


def test_holm_gives_the_values_of_the_definition():
    # Smallest times 4, next times 3, ... and never below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []


def test_equal_systems_are_called_different_about_as_often_as_the_level_says():
    random, called = np.random.default_rng(0), 0
    for seed in range(200):
        first, second = (random.random(200) < 0.6 for _ in range(2))
        called += p_value(drawn(first.astype(float), second.astype(float), seed), ()) < 0.05
    assert 2 <= called <= 20


def test_a_clear_gain_is_called_after_correction_for_hundreds():
    right = np.arange(300) < 200
    clear = p_value(drawn(right.astype(float), (np.arange(300) < 140).astype(float)), ())
    assert clear * 500 < 0.05, "counting 1000 resamples could not say so: 500 * 2 / 1001 is about one"


def test_no_difference_at_all_is_none():
    right = (np.arange(50) < 30).astype(float)
    assert p_value(drawn(right, right), ()) == 1 and includes_zero((0, 0, 0))


def test_seeds_that_disagree_make_a_gain_less_certain():
    right, other = ((np.arange(300) < count).astype(float) for count in (190, 150))
    same, apart = (p_value(drawn(right, other), seeds) for seeds in ((13.3, 13.4), (30.0, -3.3)))
    assert same < 0.01 < 0.05 < apart


def test_all_gains_of_a_table_are_corrected_together_and_seeds_are_told(tmp_path):
    table = Table.of([r for r in grids.results(tmp_path, 2) if r.cell.language in ("en", "af", "ar")])
    found = gains(table, "zero-shot")
    assert len(found) == 9 * 9
    assert holm([gain.p for gain in found.values()]) == [gain.adjusted for gain in found.values()]
    best = found[Row("stack(commonsense_qa)", "lora"), "xnli"]
    assert best.significant and len(best.by_seed) == 2 and best.deviation is not None
    assert sum(best.by_seed) / 2 == pytest.approx(best.interval[0])
    assert not found[Row("stack(anli_plus)", "lora"), "xnli"].significant, "made without a gain"
