"""LogME: the logarithm of the maximum evidence of a Bayesian linear model on frozen features.

You, Liu, Wang and Long, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", ICML 2021
(arXiv 2102.11005), equation 2 and the fixed point of algorithm 1. With w ~ N(0, I / alpha) and
y ~ N(F w, I / beta), over n rows and D features,

    log p(y | F) = n/2 log beta + D/2 log alpha - n/2 log 2 pi
                   - beta/2 |F m - y|^2 - alpha/2 |m|^2 - 1/2 log |A|

where A = alpha I + beta F'F and m = beta A^-1 F'y, at the alpha and beta that maximise it. LogME is its n-th
part; of several columns of y the mean. It does not change when all features are scaled.
"""

from typing import NamedTuple

import numpy as np

STEPS = 1000
TOLERANCE = 1e-6
"""Relative change of alpha / beta at which the fixed point counts as reached."""
RANK = 1e-12
"""Share of the largest eigenvalue of F'F below which one counts as 0: features are fp32."""
EXACT = 1e-12
"""Least squared residual, as a share of |y|^2: a fit without residual has no largest evidence."""


class Evidence(NamedTuple):
    """Of one column of targets."""

    value: float
    """log p(y | F) / n, natural logarithm."""
    alpha: float
    beta: float
    weights: np.ndarray
    """[D]: m, the posterior mean."""


def logme(features: np.ndarray, targets: np.ndarray) -> float:
    """[n, D] and [n, K] -> the mean evidence over the K columns, without labels that no row has."""
    return float(np.mean([each.value for each in evidence(features, targets[:, targets.any(0)])]))


def evidence(features: np.ndarray, targets: np.ndarray) -> list[Evidence]:
    """[n, D] and [n, K] -> the maximum evidence of each column.

    Raises ValueError when a column is zero throughout or the features are.
    """
    features, targets = features.astype(np.float64), targets.astype(np.float64)
    values, vectors = np.linalg.eigh(features.T @ features)
    kept = values > RANK * max(values[-1], 0.0)
    if not kept.any() or not targets.any(0).all():
        raise ValueError("features, or a column of targets, are zero throughout")
    squares, vectors = values[kept], vectors[:, kept]
    # F = U S V': U'y = V'F'y / S.
    along = (vectors.T @ (features.T @ targets)) / np.sqrt(squares)[:, None]
    return [
        _maximum(features.shape, squares, vectors, part, float(column @ column))
        for part, column in zip(along.T, targets.T, strict=True)
    ]


def _maximum(
    shape: tuple[int, ...], squares: np.ndarray, vectors: np.ndarray, along: np.ndarray, length: float
) -> Evidence:
    """Of y with |y|^2 = `length` and U'y = `along`; `squares` are the squared singular values of F."""
    n, width = shape
    alpha = beta = 1.0
    for _ in range(STEPS):
        means, residual = _posterior(alpha / beta, squares, along, length)
        fitted = float((squares / (alpha / beta + squares)).sum())
        before = alpha / beta
        alpha, beta = fitted / max(float(means @ means), EXACT * EXACT), (n - fitted) / residual
        if abs(alpha / beta - before) <= TOLERANCE * before:
            break
    means, residual = _posterior(alpha / beta, squares, along, length)
    determinant = np.log(alpha + beta * squares).sum() + (width - len(squares)) * np.log(alpha)
    total = n * np.log(beta) + width * np.log(alpha) - n * np.log(2 * np.pi)
    total -= beta * residual + alpha * (means @ means) + determinant
    return Evidence(float(total) / (2 * n), alpha, beta, vectors @ means)


def _posterior(
    ratio: float, squares: np.ndarray, along: np.ndarray, length: float
) -> tuple[np.ndarray, float]:
    """V'm and |F m - y|^2 at alpha / beta = `ratio`."""
    share = squares / (ratio + squares)
    outside = max(length - float(along @ along), 0.0)
    residual = float((((1 - share) * along) ** 2).sum()) + outside
    return share * along / np.sqrt(squares), max(residual, EXACT * length)
