"""Between a normal and Student's t: both ends are exact, and what lies between is as often as it says."""

import math

import numpy as np
import pytest

from xadapt.report.behrens_fisher import two_sided

STUDENT = {
    1: lambda t: 2 / math.pi * math.atan(1 / t),
    2: lambda t: 2 / (math.sqrt(2 + t * t) * (math.sqrt(2 + t * t) + t)),
    4: lambda t: 1 - t * (t * t + 6) / (4 + t * t) ** 1.5,
}
"""In closed form; those of 1 and 2 are exact far out too."""


@pytest.mark.parametrize("freedom", STUDENT)
@pytest.mark.parametrize("t", [0.01, 0.5, 1.0, 2.0, 4.3, 12.7, 80.0])
def test_without_a_known_error_it_is_student_s_t(freedom, t):
    assert two_sided(3 * t, 0, 3, freedom) == pytest.approx(STUDENT[freedom](t), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("t", [1e3, 1e6])
def test_so_it_is_far_out(t):
    assert two_sided(t, 0, 1, 1) == pytest.approx(STUDENT[1](t), rel=1e-6)
    assert two_sided(t, 0, 1, 2) == pytest.approx(STUDENT[2](t), rel=1e-6)


@pytest.mark.parametrize("z", [0.0, 0.3, 1.96, 5.0])
def test_without_an_estimated_error_and_with_a_tiny_one_it_is_normal(z):
    assert two_sided(-2 * z, 2, 0, 1) == math.erfc(z / math.sqrt(2))
    assert two_sided(2 * z, 2, 1e-9, 1) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-3)


def test_between_the_two_it_is_the_share_of_such_sums():
    random = np.random.default_rng(0)
    sums = 0.7 * random.normal(size=400_000) + 1.3 * random.standard_t(2, 400_000)
    assert two_sided(3.0, 0.7, 1.3, 2) == pytest.approx((abs(sums) >= 3).mean(), abs=0.003)
