"""A few-shot probe: the accuracy of a ridge regression on frozen features, by cross-validation."""

import numpy as np

from xadapt.recommend.logme import evidence
from xadapt.recommend.seen import Seen

FOLDS = 5


def probe(seen: Seen, folds: int = FOLDS) -> float:
    """Percent of the rows whose label, or of the groups whose right row, is found; over columns the mean.

    One ridge for each column on 0 and 1; its strength alpha / beta maximises the evidence of the training
    folds. Rows of one group are never on both sides. Raises ValueError for fewer than two groups.
    """
    names = np.unique(seen.groups)
    if len(names) < 2:
        raise ValueError("a probe needs two examples or more")
    folds = min(folds, len(names))
    drawn = np.random.default_rng(0).permutation(names)
    fold_of = dict(zip(drawn, np.arange(len(names)) % folds, strict=True))
    at = np.array([fold_of[group] for group in seen.groups])
    found, fitted = np.zeros(seen.right.shape), seen.centred
    for fold in range(folds):
        found[at == fold] = _predicted(fitted, at != fold, at == fold)
    hits = _among(found, seen) if seen.among else float((found.argmax(1) == seen.right.argmax(1)).mean())
    return 100 * hits


def _predicted(seen: Seen, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """[test rows, columns]; a column that the training rows never have is predicted as it is there."""
    features, right = seen.features[train].astype(np.float64), seen.right[train].astype(np.float64)
    middle, usual = features.mean(0), right.mean(0)
    found = np.tile(usual, (int(test.sum()), 1))
    varied = (right != usual).any(0)
    if varied.any() and (features != middle).any():
        fits = evidence(features - middle, (right - usual)[:, varied])
        weights = np.stack([fit.weights for fit in fits], 1)
        found[:, varied] += (seen.features[test] - middle) @ weights
    return found


def _among(found: np.ndarray, seen: Seen) -> float:
    """Of each group the highest row."""
    hits = [
        right[values.argmax(0), np.arange(values.shape[1])].mean()
        for group in np.unique(seen.groups)
        for values, right in [(found[seen.groups == group], seen.right[seen.groups == group])]
    ]
    return float(np.mean(hits))
