"""The sampler: shares equal the formulas, draws follow the shares and depend on seed and step alone."""

import numpy as np
import pytest

from xadapt.errors import ConfigError
from xadapt.training.sampler import CAP, draw, draws, probabilities

SIZES = [1_104_934, 392_702, 9_741]


def test_shares_equal_the_formulas() -> None:
    assert probabilities([3, 1], "proportional") == pytest.approx([0.75, 0.25])
    assert probabilities([3, 1, 9], "uniform") == pytest.approx([1 / 3] * 3)
    assert probabilities([30, 10, 5], "capped", cap=15) == pytest.approx([0.5, 1 / 3, 1 / 6])
    assert probabilities([16, 4], "temperature", temperature=2) == pytest.approx([2 / 3, 1 / 3])
    assert probabilities([16, 4], "temperature", cap=9, temperature=2) == pytest.approx([0.6, 0.4])
    assert probabilities([16, 4], "temperature", cap=None, temperature=2) == pytest.approx([2 / 3, 1 / 3])


def test_the_default_is_the_cap_of_t5() -> None:
    assert CAP == 2**17
    both = 2 * CAP + 9_741
    assert probabilities(SIZES) == pytest.approx([CAP / both, CAP / both, 9_741 / both])


def test_temperature_goes_from_proportional_to_uniform() -> None:
    capped = probabilities(SIZES, "capped")
    assert probabilities(SIZES, "temperature", temperature=1) == pytest.approx(capped)
    assert probabilities(SIZES, "temperature", temperature=1e9) == pytest.approx([1 / 3] * 3)
    cold = probabilities(SIZES, "temperature", cap=None, temperature=0.001)
    assert cold == pytest.approx([1, 0, 0]) and np.isfinite(cold).all()


@pytest.mark.parametrize("how", ["uniform", "proportional", "capped", "temperature"])
def test_shares_add_up_and_follow_the_order_of_the_tasks(how) -> None:
    shares = probabilities(SIZES, how, temperature=3.0)
    assert shares.sum() == pytest.approx(1) and shares.dtype == np.float64
    assert probabilities(SIZES[::-1], how, temperature=3.0) == pytest.approx(shares[::-1])


@pytest.mark.parametrize(
    ("sizes", "changes"),
    [([], {}), ([5, 0], {}), ([5], {"cap": 0}), ([5], {"temperature": 0.0}), ([5], {"temperature": -1.0})],
)
def test_what_has_no_share_is_refused(sizes, changes) -> None:
    with pytest.raises(ConfigError, match="a sampler needs"):
        probabilities(sizes, **changes)


def test_draws_follow_the_shares() -> None:
    shares = np.array([0.6, 0.3, 0.1])
    counts = np.bincount(draws(shares, 1, 6000), minlength=3) / 6000
    assert counts == pytest.approx(shares, abs=0.025)


def test_a_draw_is_of_its_seed_and_step_alone() -> None:
    shares = probabilities(SIZES, "uniform")
    whole = draws(shares, 7, 200)
    assert (draws(shares, 7, 90) == whole[:90]).all()
    assert [draw(shares, 7, step) for step in (150, 3)] == whole[[150, 3]].tolist()
    assert (draws(shares, 8, 200) != whole).any()


def test_a_task_of_no_share_is_never_drawn_and_one_alone_always() -> None:
    assert set(draws(np.array([0.0, 1.0, 0.0]), 3, 300)) == {1}
    assert set(draws(probabilities([4]), 3, 50)) == {0}
