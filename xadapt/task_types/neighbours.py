"""Exact nearest neighbours, in one direction or both at once, block by block, and mining by their margin.

Vectors are searched on the device that they are on. Float16 is how unit vectors are kept: each is divided by
its length again, which takes out a part of its rounding, and products are those of float32.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

BLOCK = 2048
"""Rows and columns of the products that are held at a time: 32 MB as numbers, 64 MB as keys."""
_LAST = 2**32 - 1


class Neighbours(NamedTuple):
    """Of each vector its nearest on the other side, best first; of equal ones the first is better."""

    values: np.ndarray
    """[n, k] float64: dot products, computed in float32."""
    indices: np.ndarray
    """[n, k] int64."""


def both_ways(x: torch.Tensor, y: torch.Tensor, k: int) -> tuple[Neighbours, Neighbours]:
    """The k nearest in y [m, d] of each of x [n, d], and in x of each of y; fewer where there are fewer.

    Each product is computed once, in float32, and no more than a block is held: beside the vectors the memory
    grows with (n + m) k.
    """
    rows, columns = _none(x, min(k, len(y))), _none(y, min(k, len(x)))
    for i in range(0, len(x), BLOCK):
        own = _block(x, i)
        for j in range(0, len(y), BLOCK):
            products = own @ _block(y, j).T
            _merge(rows[i : i + BLOCK], products, j)
            _merge(columns[j : j + BLOCK], products.T, i)
    return _read(rows), _read(columns)


def nearest(x: torch.Tensor, y: Sequence[np.ndarray], k: int) -> Neighbours:
    """The k nearest in y, vectors [d] of which a block is stacked at a time, of each of x [n, d]."""
    best = _none(x, min(k, len(y)))
    for j in range(0, len(y), BLOCK):
        others = _block(torch.from_numpy(np.stack(y[j : j + BLOCK])).to(x.device), 0)
        for i in range(0, len(x), BLOCK):
            _merge(best[i : i + BLOCK], _block(x, i) @ others.T, j)
    return _read(best)


def _block(vectors: torch.Tensor, first: int) -> torch.Tensor:
    """[at most BLOCK, d] float32."""
    found = vectors[first : first + BLOCK]
    return torch.nn.functional.normalize(found.float(), dim=-1) if found.dtype == torch.float16 else found


def _none(vectors: torch.Tensor, k: int) -> torch.Tensor:
    """[n, k] keys below all others."""
    return _ordered(torch.tensor(-torch.inf, device=vectors.device)).repeat(len(vectors), k)


def _ordered(values: torch.Tensor) -> torch.Tensor:
    """Float32 as int64 in the same order, in the upper half of the bits; -0 becomes 0."""
    return _flipped((values + 0.0).view(torch.int32)).long().bitwise_left_shift_(32)


def _flipped(bits: torch.Tensor) -> torch.Tensor:
    """Bits of float32 as whole numbers in the order of the floats, or back."""
    return (bits >> 31).bitwise_and_(0x7FFFFFFF).bitwise_xor_(bits)


def _merge(best: torch.Tensor, products: torch.Tensor, first: int) -> None:
    """Put what is better than `best` [n, k] into it; the lower half of a key prefers a lower index.

    No two keys are equal, so the result does not depend on how `topk` treats ties, nor on the blocks.
    """
    # Later indices lose ties, so a row with nothing above its worst stays; soon that is most of them.
    better = (products > _values(best[:, -1:])).any(1)
    places = torch.arange(first, first + products.shape[1], device=products.device)
    keys = _ordered(products[better]).add_(_LAST - places)
    k = best.shape[1]
    found = keys.topk(min(k, keys.shape[1]), dim=1).values
    best[better] = torch.cat([best[better], found], 1).topk(k, dim=1).values


def _values(keys: torch.Tensor) -> torch.Tensor:
    return _flipped((keys >> 32).int()).view(torch.float32)


def _read(keys: torch.Tensor) -> Neighbours:
    return Neighbours(_values(keys).cpu().double().numpy(), (_LAST - (keys & _LAST)).cpu().numpy())


class Pair(NamedTuple):
    """Two sentences that may translate each other."""

    source: int
    target: int
    score: float


def mine(x: torch.Tensor, y: torch.Tensor, k: int) -> list[Pair]:
    """Pairs of vectors by ratio margin, one to one, best first (Artetxe & Schwenk 2019, as in LASER).

    The score of a pair is its product over the mean of the mean products of both with their k nearest. Of the
    neighbours of each vector, on both sides, the best by score is a candidate; the candidates are taken from
    the highest score down unless one of the two is taken already. Scores of 0 and below are left out.
    """
    if not len(x) or not len(y):
        return []
    forward, backward = both_ways(x, y, k)
    density_x, density_y = forward.values.mean(1), backward.values.mean(1)
    targets, onward = _best(forward, density_x, density_y)
    sources, back = _best(backward, density_y, density_x)
    source = np.concatenate([np.arange(len(x)), sources])
    target = np.concatenate([targets, np.arange(len(y))])
    score = np.concatenate([onward, back])
    order = np.lexsort((target, source, -score))
    return list(_one_to_one(source[order], target[order], score[order]))


def _best(found: Neighbours, own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(index, score) of the neighbour with the highest margin."""
    with np.errstate(divide="ignore", invalid="ignore"):
        margins = found.values / ((own[:, None] + others[found.indices]) / 2)
    margins = np.where(np.isfinite(margins), margins, 0.0)
    best = margins.argmax(1)[:, None]
    return np.take_along_axis(found.indices, best, 1)[:, 0], np.take_along_axis(margins, best, 1)[:, 0]


def _one_to_one(source: np.ndarray, target: np.ndarray, score: np.ndarray) -> list[Pair]:
    taken: tuple[set[int], set[int]] = (set(), set())
    pairs = []
    for i, j, value in zip(source.tolist(), target.tolist(), score.tolist(), strict=True):
        if value > 0 and i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            pairs.append(Pair(i, j, value))
    return pairs
