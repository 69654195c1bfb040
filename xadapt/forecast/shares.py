"""How the steps of a mixture are shared among its tasks, before anything is read."""

import math
from collections.abc import Sequence

from xadapt.stages.mixture import Mixture


def shares(stage: Mixture, sizes: Sequence[float]) -> tuple[list[float], float]:
    """(share of each part in the steps, largest size that a part counts with).

    As `training.sampler.probabilities`, which needs numpy, that a plan does without.
    """
    how = stage.sampling.how
    cap = stage.sampling.cap if how in ("capped", "temperature") else math.inf
    power = {"uniform": 0.0, "temperature": 1 / stage.sampling.temperature}.get(how, 1.0)
    most = max(min(size, cap) for size in sizes)
    # Divided first: a low temperature would make them larger than a float can be.
    counted = [(min(size, cap) / most) ** power for size in sizes]
    return [each / sum(counted) for each in counted], cap
