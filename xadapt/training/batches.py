"""The examples of a step: a pure function of (seed, task, epoch, step), so a resumed run repeats itself."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xadapt.recipe import Recipe


def stream(*key: object) -> int:
    """A 64-bit seed for these words: the same in every process, unrelated for other words."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, key)).encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Schedule:
    """Which of `size` items form step t, and at what learning rate."""

    task: str
    size: int
    recipe: Recipe
    seed: int

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        if self.recipe.steps is not None:
            return self.recipe.steps
        return max(1, math.ceil(self.size * self.recipe.epochs / self.recipe.batch))

    def indices(self, step: int) -> list[int]:
        """Item indices of one step: consecutive in an order drawn anew for each epoch, every item once.

        Of epochs the last step may be shorter; in a mixture a part goes on beyond it with the next batch.
        """
        first = step * self.recipe.batch
        last = first + self.recipe.batch
        if self.recipe.steps is None and step < self.steps:
            last = min(last, max(1, math.ceil(self.size * self.recipe.epochs)))
        return [int(self._order(at // self.size)[at % self.size]) for at in range(first, last)]

    def _order(self, epoch: int) -> np.ndarray:
        return _order(self.task, self.size, self.seed, epoch)

    def lr(self, step: int) -> float:
        """Linear warm-up over the first steps, then linearly to zero."""
        warmup = self.recipe.warmup
        warm = round(warmup if warmup >= 1 else warmup * self.steps)
        if step < warm:
            return self.recipe.lr * (step + 1) / warm
        return self.recipe.lr * (self.steps - step) / max(1, self.steps - warm)

    def random(self, step: int) -> np.random.Generator:
        """What a batch draws anew each time, such as masks."""
        return np.random.default_rng(stream(self.seed, self.task, "batch", step))


@lru_cache(maxsize=64)
def _order(task: str, size: int, seed: int, epoch: int) -> np.ndarray:
    random = np.random.default_rng(stream(seed, task, "order", epoch))
    # Four bytes an item: as a list, the orders of many large tasks would take gigabytes.
    return random.permutation(size).astype(np.int32)


def by_tokens(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Indices in batches of at most `budget` tokens (or one item), longest first, lengths alike."""
    batches: list[list[int]] = []
    used = budget + 1
    for index in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        if used + sizes[index] > budget:
            batches.append([])
            used = 0
        batches[-1].append(index)
        used += sizes[index]
    return batches
