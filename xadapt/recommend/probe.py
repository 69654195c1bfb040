"""A few-shot probe: the accuracy of a ridge regression on frozen features, by cross-validation."""

from typing import NamedTuple

import numpy as np

from xadapt.recommend.logme import evidence
from xadapt.recommend.seen import Seen

FOLDS = 5


class Head(NamedTuple):
    """A ridge for each column: `usual + (features - middle) @ weights`."""

    middle: np.ndarray
    """[width]"""
    usual: np.ndarray
    """[columns]"""
    weights: np.ndarray
    """[width, columns]; 0 for a column that the training rows never have, or always."""


def probe(seen: Seen, folds: int = FOLDS) -> float:
    """Percent of the rows whose label, or of the groups whose right row, is found; over columns the mean.

    Raises ValueError for fewer than two groups.
    """
    at, answering = heads(seen, folds)
    found, fitted = np.zeros(seen.right.shape), seen.centred.features
    for fold, head in enumerate(answering):
        found[at == fold] = head.usual + (fitted[at == fold] - head.middle) @ head.weights
    hits = _among(found, seen) if seen.among else float((found.argmax(1) == seen.right.argmax(1)).mean())
    return 100 * hits


def heads(seen: Seen, folds: int = FOLDS) -> tuple[np.ndarray, list[Head]]:
    """[n] the fold of each row, and for each fold the head that is fitted on the others.

    One ridge for each column on 0 and 1; its strength alpha / beta maximises the evidence of the training
    folds. Rows of one group are never on both sides. Raises ValueError for fewer than two groups.
    """
    names = np.unique(seen.groups)
    if len(names) < 2:
        raise ValueError("a probe needs two examples or more")
    folds = min(folds, len(names))
    drawn = np.random.default_rng(0).permutation(names)
    fold_of = dict(zip(drawn, np.arange(len(names)) % folds, strict=True))
    at, fitted = np.array([fold_of[group] for group in seen.groups]), seen.centred
    return at, [_head(fitted, at != fold) for fold in range(folds)]


def _head(seen: Seen, train: np.ndarray) -> Head:
    features, right = seen.features[train].astype(np.float64), seen.right[train].astype(np.float64)
    middle, usual = features.mean(0), right.mean(0)
    weights, varied = np.zeros((features.shape[1], right.shape[1])), (right != usual).any(0)
    if varied.any() and (features != middle).any():
        fits = evidence(features - middle, (right - usual)[:, varied])
        weights[:, varied] = np.stack([fit.weights for fit in fits], 1)
    return Head(middle, usual, weights)


def _among(found: np.ndarray, seen: Seen) -> float:
    """Of each group the highest row."""
    hits = [
        right[values.argmax(0), np.arange(values.shape[1])].mean()
        for group in np.unique(seen.groups)
        for values, right in [(found[seen.groups == group], seen.right[seen.groups == group])]
    ]
    return float(np.mean(hits))
