"""What a loop does so that a step fits: passes, layers computed again, and either where memory was out.

Out of memory, a step begins anew in passes of half the tokens, then with checkpointing: its draws follow from
seed, task and step, so that only rounding differs. What was found out holds for the steps after it, and is
kept with the state of the loop, so that a resumed run goes on as it was and its record says all of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from xadapt.errors import LESS, DoesNotFit, is_out_of_memory, reason
from xadapt.modeling.encoder import Through, directly
from xadapt.training.forwards import Forwards, free
from xadapt.training.passes import Pass, divisible, largest
from xadapt.training.streams import Stream

T = TypeVar("T")
Losses = dict[int, torch.Tensor]
"""By job."""


@dataclass
class Memory:
    """The limits of one loop; without any, a step is one pass."""

    tokens: int | None = None
    """At most so many in a pass."""
    checkpointing: bool = False
    offered: bool = True
    """Whether layers can be computed again: not those of a library."""
    largest: int = 0
    """Tokens of the largest pass so far."""
    passes: int = 1
    """Most passes of a step so far."""
    forwards: Forwards = field(default_factory=Forwards)
    """What else runs on the encoder, as on development data: also of one checkpoint."""

    def __post_init__(self) -> None:
        self._forced = np.zeros(2, dtype=np.int64)
        self.forced = torch.from_numpy(self._forced)
        """(tokens, checkpointing) that want of memory has forced; 0 for none. One memory under two names."""

    @property
    def events(self) -> list[str]:
        """Each time that memory was out, in steps and in `forwards`, and what was done."""
        return self.forwards.events

    @property
    def limit(self) -> int | None:
        """Tokens of a pass."""
        given = [size for size in (self.tokens, int(self._forced[0])) if size]
        return min(given, default=None)

    @property
    def recomputes(self) -> bool:
        return self.checkpointing or bool(self._forced[1])

    def through(self, streams: Sequence[Stream]) -> Through:
        """How the encoder calls its layers in one forward with these dropout streams."""
        if not self.recomputes:
            return directly
        return partial(recomputed, streams)

    def fitted(
        self, step: int, cut: Callable[[int | None], list[Pass]], run: Callable[[list[Pass]], Losses]
    ) -> Losses:
        """Run a step, cut to the limit; again with lower limits while memory is out.

        `cut` must take no memory of a device: what it gives says what did not fit.
        Raises DoesNotFit when one example at a time, with checkpointing, is too much.
        """
        while True:
            passes = cut(self.limit)
            try:
                made = run(passes)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                said = reason(error)
            else:
                self.largest, self.passes = max(self.largest, largest(passes)), max(self.passes, len(passes))
                return made
            # Not within `except`: the error holds the tensors of the step.
            free()
            self._lower(step, passes, said)

    def whole(self, step: int, update: Callable[[], T]) -> T:
        """What `update` returns, which changes weights: it is done as a whole, or the training ends.

        Raises DoesNotFit where memory is out. Some weights may have moved then, so that it cannot begin anew;
        what was saved is from before.
        """
        try:
            return update()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            said = reason(error)
        free()
        raise DoesNotFit(f"out of memory in the update of step {step + 1} ({said})", LESS)

    def notes(self) -> dict[str, Any]:
        """What was found out, for a checkpoint, beside `forced`."""
        return {"largest": self.largest, "passes": self.passes, "forwards": self.forwards.notes()}

    def resume(self, notes: Mapping[str, Any]) -> None:
        """Go on after what a checkpoint says; older ones say nothing."""
        self.largest, self.passes = notes.get("largest", 0), notes.get("passes", 1)
        self.forwards.resume({"events": notes.get("events", [])} | notes.get("forwards", {}))

    def _lower(self, step: int, passes: list[Pass], said: str) -> None:
        size, several, last = largest(passes), divisible(passes), self.recomputes or not self.offered
        # Where a longer example stands alone it is most likely what did not fit: the others are cut last.
        if several == size or (several and last):
            self._forced[0] = several // 2
            self.events.append(
                f"step {step + 1}: {several} tokens did not fit, {self._forced[0]} from then on"
            )
        elif not last:
            self._forced[1] = 1
            self.events.append(f"step {step + 1}: {size} tokens of one example did not fit, checkpointing on")
        else:
            raise DoesNotFit(
                f"out of memory in step {step + 1} at one example of {size} tokens; "
                f"tried: {'; '.join(self.events) or 'one example at a time'} ({said})",
                "a smaller max_length or model, or a device with more memory",
            )


def recomputed(streams: Sequence[Stream], layer: Callable[..., torch.Tensor], *given: Any) -> torch.Tensor:
    """`layer(*given)`, of which the input alone is kept; in the backward it draws the same masks again."""
    made: torch.Tensor = checkpoint(
        layer,
        *given,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=partial(_drawing_again, streams),
    )
    return made


def _drawing_again(
    streams: Sequence[Stream],
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """For the forward, and for the time it is computed again."""
    return nullcontext(), _from(streams, [stream.mark() for stream in streams])


@contextmanager
def _from(streams: Sequence[Stream], marks: Sequence[Any]) -> Iterator[None]:
    for stream, mark in zip(streams, marks, strict=True):
        stream.back(mark)
    yield
