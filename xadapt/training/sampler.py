"""Which task each step of a multi-task training is of: probabilities from the sizes of the tasks.

With n_t examples of task t (Raffel et al. 2020, section 3.5.2; jiant's samplers):

    uniform        p_t = 1 / number of tasks
    proportional   p_t = n_t / sum n
    capped         p_t = min(n_t, K) / sum min(n, K)
    temperature    p_t = min(n_t, K)^(1/T) / sum min(n, K)^(1/T)
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from xadapt.errors import ConfigError
from xadapt.training.batches import stream

How = Literal["uniform", "proportional", "capped", "temperature"]
CAP = 131_072
"""2^17, the cap K of the T5 rule, believed to be that of Phang et al. 2020."""
_BITS = 63
"""Of a `stream`."""


def probabilities(
    sizes: Sequence[int], how: How = "capped", *, cap: int | None = CAP, temperature: float = 1.0
) -> np.ndarray:
    """The share of each task, [tasks], adding up to 1; `cap` is for capped and temperature, None for none.

    Raises ConfigError for a task without examples, or a cap or temperature that is not above 0.
    """
    if not sizes or min(sizes) < 1:
        raise ConfigError(f"a sampler needs tasks with examples each, got {list(sizes)}")
    if (cap is not None and cap < 1) or not temperature > 0:
        raise ConfigError(f"a sampler needs cap and temperature above 0, got {cap} and {temperature}")
    weights = np.asarray(sizes, dtype=np.float64)
    if how == "uniform":
        weights = np.ones_like(weights)
    elif how != "proportional" and cap is not None:
        weights = np.minimum(weights, cap)
    if how == "temperature":
        # Divided by the largest first: a low temperature would leave the range of a float.
        weights = (weights / weights.max()) ** (1 / temperature)
    shares: np.ndarray = weights / weights.sum()
    return shares


def draw(shares: np.ndarray, seed: int, step: int) -> int:
    """The task of one step: a pure function of shares, seed and step, so a resumed run repeats itself."""
    at = stream(seed, "sampler", step) / 2**_BITS
    # The last edge is 1 up to rounding; no draw may fall behind it.
    return min(int(np.searchsorted(shares.cumsum(), at, side="right")), len(shares) - 1)


def draws(shares: np.ndarray, seed: int, steps: int) -> np.ndarray:
    """The task of each of the first `steps` steps, [steps]; a longer run begins like a shorter one."""
    return np.array([draw(shares, seed, step) for step in range(steps)], dtype=np.int64)
