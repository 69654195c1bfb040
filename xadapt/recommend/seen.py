"""What a linear head of a target would see: vectors of the encoder with a module, and what is right."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Seen:
    """Rows of one target under one module."""

    features: np.ndarray
    """[n, width], fp32."""
    right: np.ndarray
    """[n, columns] of 0 and 1: the labels of a row; or which rows of its group are the right ones."""
    groups: np.ndarray
    """[n]: the example, or window of a text, that a row is of."""
    among: bool = False
    """Whether one row of each group is right (a choice; the start and the end of a span)."""

    @property
    def centred(self) -> "Seen":
        """As a head compares them: where one row of a group is right, only what differs within it counts."""
        if not self.among:
            return self
        groups = np.unique(self.groups, return_inverse=True)[1]
        features, right = (_within(each.astype(np.float64), groups) for each in (self.features, self.right))
        return Seen(features, right, self.groups, True)


def _within(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """[n, k] without the mean of each group."""
    sums = np.zeros((groups.max() + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    centred: np.ndarray = values - (sums / np.bincount(groups)[:, None])[groups]
    return centred
