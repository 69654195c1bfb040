"""How long the steps of trainings side by side take, each until its own end."""

from collections.abc import Sequence
from dataclasses import dataclass

BESIDE = 0.09
"""What each further training adds to the overhead of a step, as a share of that of one: 10.8 ms of host for
nine bottlenecks at 24 layers, 6.4 ms for one (prototypes on a CPU). Assumed where nothing was measured."""


@dataclass(frozen=True)
class Steps:
    """Of one training: what a step costs whatever its tokens, and what these cost."""

    count: int
    overhead: float
    """Seconds of a step."""
    computed: float
    """Seconds of a mean step."""


def seconds(each: Sequence[Steps], beside: float, *, overlaps: bool) -> float:
    """`overlaps` says that the device computes while the host prepares, so that the longer one counts."""
    spent, done = 0.0, 0
    for end in sorted({one.count for one in each}):
        active = [one for one in each if one.count >= end]
        most = max(one.overhead for one in active)
        host = most + beside * (sum(one.overhead for one in active) - most)
        computed = sum(one.computed for one in active)
        spent += (end - done) * (max(host, computed) if overlaps else host + computed)
        done = end
    return spent
