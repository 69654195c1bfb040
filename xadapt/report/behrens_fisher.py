"""The chance of a mean under two errors: one that is known well, one estimated from a few values.

Behrens (1929), Fisher (1935): the mean is taken to vary as Z a + T b, Z normal and T of Student's t. One t
with the degrees of freedom of Welch and Satterthwaite would be simpler, but two values that happen to agree
make these so many that chance is called a gain in 13 % of cases instead of 5 %.
"""

import math

SPAN, COUNT = (-32.0, 4.0), 400
"""Natural logarithm of the estimated deviation over the true one, and points in it."""


def two_sided(value: float, known: float, estimated: float, freedom: int) -> float:
    """P(|Z known + T estimated| >= |value|), for standard errors in the unit of the value, not both 0.

    T is Z' / u, where u^2 freedom is chi-squared; given u the sum is normal. Of known = 0 it is Student's t.
    """
    if estimated == 0:
        return _normal(value / known)
    step = (SPAN[1] - SPAN[0]) / COUNT
    total = weights = 0.0
    for place in range(COUNT + 1):
        log = SPAN[0] + step * place
        weight = math.exp(freedom * (log - math.exp(2 * log) / 2 + 0.5))
        total += weight * _normal(value / math.hypot(known, estimated * math.exp(-log)))
        weights += weight
    return total / weights


def _normal(value: float) -> float:
    return math.erfc(abs(value) / math.sqrt(2))
