"""How long examples are before their data are read: a table that `benchmarks/lengths.py` measures."""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parent / "lengths.json"


@dataclass(frozen=True)
class Length:
    """The examples of one split: what they are cut into, and their size on disk."""

    sequences: float
    """Of one example: the choices of a question, the two sides of a translation."""
    tokens: tuple[int, ...]
    """Of a sequence, as the means of equal parts of all, shortest first."""
    repeated: int
    """Tokens that each window of a long document repeats: its question."""
    bytes: float
    """Of one example in `examples.jsonl`."""
    assumed: bool = False
    """Not of this task, but what is usual for its type."""

    def cut(self, max_length: int) -> float:
        """Mean tokens of an example whose sequences are cut."""
        return self.sequences * sum(min(size, max_length) for size in self.tokens) / len(self.tokens)

    def windows(self, max_length: int, stride: int) -> tuple[float, float]:
        """(windows, tokens) of a mean example that is read in windows which share `stride` tokens."""
        made = [_windows(size, self.repeated, max_length, stride) for size in self.tokens]
        return sum(many for many, _ in made) / len(made), sum(tokens for _, tokens in made) / len(made)


def _windows(size: int, repeated: int, max_length: int, stride: int) -> tuple[int, int]:
    room, context = max_length - repeated, size - repeated
    if context <= room:
        return 1, size
    more = math.ceil((context - room) / max(1, room - stride))
    return 1 + more, context + more * stride + (1 + more) * repeated


USUAL: dict[str, Length] = {
    "classification": Length(1, (40,), 0, 220, True),
    "choice": Length(3, (70,), 0, 500, True),
    "tagging": Length(1, (30,), 0, 350, True),
    "span": Length(1, (207,), 20, 1000, True),
    "retrieval": Length(2, (16,), 0, 130, True),
    "ranking": Length(1, (60,), 0, 400, True),
    "mining": Length(1, (35,), 0, 200, True),
    "mlm": Length(1, (40,), 0, 200, True),
}
"""By task type, for a task that the table has not: assumptions."""


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PLACE.read_text(encoding="utf-8"))
    return found


@cache
def length(world: str, task: str, split: str, type: str) -> Length:
    """Of train or test of a task in a world, `toyworld` or `real`; else the usual one of its type."""
    splits = _table().get(world, {}).get(task, {})
    found = splits.get(split) or next(iter(splits.values()), None)
    if found is None:
        return USUAL[type]
    return Length(found["sequences"], tuple(found["tokens"]), found["repeated"], found["bytes"])
