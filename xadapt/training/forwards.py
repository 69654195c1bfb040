"""Forwards that keep nothing for a backward: in batches of tokens, of half as many where memory was out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from accelerate.utils.memory import clear_device_cache

from xadapt.errors import DoesNotFit, is_out_of_memory, reason
from xadapt.training.batches import by_tokens

Forward = Callable[[list[int]], None]
"""Takes the indices of a batch; what it finds out it keeps when it is done."""


@dataclass
class Forwards:
    """Of one encoder where it runs: what was found out holds for all modules that answer on it.

    In a training it is kept with the state of the loop, which adds its own events.
    """

    forced: int | None = None
    """Tokens of a batch that want of memory has forced; None for none."""
    largest: int = 0
    """Tokens of the largest batch so far."""
    events: list[str] = field(default_factory=list)
    """Each time that memory was out, and what was done."""

    def run(self, sizes: Sequence[int], usual: int, forward: Forward) -> None:
        """Of items of these sizes, in tokens: batches of at most `usual` tokens or one item, longest first.

        Out of memory, what is left goes on in half the tokens; nothing is done twice. Raises DoesNotFit when
        one item is too much.
        """
        left = by_tokens(sizes, self._limit(usual))
        while left:
            tokens = sum(sizes[index] for index in left[0])
            said = _scarce(forward, left[0])
            if said is None:
                self.largest = max(self.largest, tokens)
                del left[0]
                continue
            free()
            self._lower(tokens, len(left[0]), said)
            rest = [index for batch in left for index in batch]
            again = by_tokens([sizes[index] for index in rest], self._limit(usual))
            left = [[rest[place] for place in batch] for batch in again]

    def notes(self) -> dict[str, Any]:
        """What was found out, for a checkpoint."""
        return asdict(self)

    def resume(self, notes: Mapping[str, Any]) -> None:
        """Go on after what a checkpoint says; older ones say less."""
        self.forced, self.largest = notes.get("forced"), notes.get("largest", 0)
        self.events = list(notes.get("events", []))

    def _limit(self, usual: int) -> int:
        return usual if self.forced is None else min(usual, self.forced)

    def _lower(self, tokens: int, items: int, said: str) -> None:
        if items == 1:
            tried = "; ".join(self.events) or "one text at a time"
            raise DoesNotFit(
                f"out of memory in a forward over one text of {tokens} tokens ({said}); tried: {tried}",
                "a smaller max_length or model, or a device with more memory",
            )
        self.forced = tokens // 2
        self.events.append(f"forward: {tokens} tokens did not fit, {self.forced} from then on")


def free() -> None:
    """Give back what nothing holds: cycles of what failed, and what an allocator keeps for reuse."""
    clear_device_cache(garbage_collection=True)


def _scarce(forward: Forward, batch: list[int]) -> str | None:
    """What was said when memory was out; None when it was not. The tensors of the forward are let go."""
    try:
        forward(batch)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return reason(error)
    return None
