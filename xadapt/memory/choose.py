"""What is done so that trainings fit into an amount of memory: only as much as is needed, cheapest first.

First passes of some examples each, which cost nothing and have the gradients of the whole step; then layers
that are computed again in the backward, which cost a forward; then frozen matrices in 8 and in 4 bit, which
change what is computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xadapt.errors import DoesNotFit
from xadapt.memory.amount import shared, shown
from xadapt.memory.estimate import LOGITS, Bits, Estimate, How, Load, estimate, token
from xadapt.memory.sizes import Sizes

RESERVED = {"cuda": 600 * 2**20, "cpu": 600 * 2**20}
"""Bytes beside the tensors, assumed: of the driver and its kernels; of Python and its libraries."""
USABLE = 0.92
"""Of the rest, assumed: what an allocator has in pieces is not all used."""
BITS: tuple[Bits, ...] = (None, 8, 4)


@dataclass(frozen=True)
class Choice:
    """What was picked."""

    budget: int
    """Bytes."""
    tokens: int
    """At most so many in a pass."""
    how: How
    expected: Estimate
    """At the peak of a full pass."""
    workers: int = 1
    """That have as much each."""

    def line(self) -> str:
        """What was picked, for people."""
        weights = (
            f"frozen matrices in {self.how.bits} bit" if self.how.bits else f"weights in {self.how.precision}"
        )
        layers = "layers computed again" if self.how.checkpointing else "layers kept"
        e, amount = self.expected, shared(self.budget, self.workers)
        return (
            f"memory {amount}: passes of at most {self.tokens:,} tokens, {layers}, {weights}; "
            f"expected {shown(e.total)} ({shown(e.weights)} encoder, {shown(e.modules)} modules, "
            f"{shown(e.activations + e.logits)} activations)"
        )


def usable(budget: int, device: str) -> float:
    """Bytes of an amount of memory that tensors may take on a device of this type."""
    return (budget - RESERVED.get(device, RESERVED["cpu"])) * USABLE


def choose(
    model: Sizes,
    loads: Sequence[Load],
    longest: int,
    budget: int,
    how: How,
    device: str,
    *,
    checkpointing: bool = True,
    bits: Sequence[Bits] = BITS,
    workers: int = 1,
) -> Choice:
    """For trainings side by side whose longest example has `longest` tokens.

    `checkpointing` and `bits` say what may be picked; `workers` have `budget` each. Raises DoesNotFit with
    what would be needed where one example is too much with everything.
    """
    found = None
    for each in bits:
        for again in (False, True) if checkpointing and each == bits[0] else (checkpointing,):
            found = _with(model, loads, budget, replace(how, checkpointing=again, bits=each), device)
            if found.tokens >= longest:
                return replace(found, workers=workers)
    assert found is not None
    own = RESERVED.get(device, RESERVED["cpu"])
    whole = at(model, loads, longest, found.how).total / USABLE + own
    raise DoesNotFit(
        f"--memory {shared(budget, workers)}: one example of {longest} tokens needs {shown(whole)} "
        f"with everything that saves memory here, {shown(own)} of it set aside for the program itself",
        "a smaller model or max_length, fewer trainings side by side, or more memory",
    )


def _with(model: Sizes, loads: Sequence[Load], budget: int, how: How, device: str) -> Choice:
    nothing, one = at(model, loads, 0, how).total, at(model, loads, 1000, how).total
    tokens = int(max(0.0, usable(budget, device) - nothing) * 1000 / (one - nothing))
    return Choice(budget, tokens, how, at(model, loads, tokens, how))


def at(model: Sizes, loads: Sequence[Load], tokens: int, how: How) -> Estimate:
    """Of a pass of so many tokens, all of the training to which a token costs most."""
    most = max(loads, key=lambda load: token(model, load, how) + load.answered * load.outputs * LOGITS)
    held = [replace(load, tokens=tokens if load is most else 0) for load in loads]
    return estimate(model, held, how)
