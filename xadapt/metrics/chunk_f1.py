"""Micro F1 over chunks, as seqeval 0.0.12 finds them: what XTREME reports for PAN-X and, oddly, for UD-POS.

A tag has a prefix, its first letter, and a type, what follows its last hyphen. For `B-PER` that is B and
PER. For a bare `NOUN` it is N and NOUN, so equal tags in a row merge into one chunk - except those whose
first letter says that a chunk starts or ends: SCONJ and SYM stand alone. Later versions of seqeval take
the type from the second letter on and give other numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

Chunk = tuple[str, int, int]
"""Type, first word, last word."""
_OUTSIDE = ("O", "O")
_END_BEFORE = {("B", "B"), ("B", "S"), ("B", "O"), ("I", "B"), ("I", "S"), ("I", "O")}
_START_AT = {(before, inside) for before in "ESO" for inside in "EI"}


def chunks(tags: Iterable[str]) -> Iterator[Chunk]:
    """The chunks of one sentence, in order."""
    before, start = _OUTSIDE, 0
    for place, tag in enumerate([*tags, "O"]):
        now = _parts(tag)
        if _ends(before, now):
            yield before[1], start, place - 1
        if _starts(before, now):
            start = place
        before = now


def _parts(tag: str) -> tuple[str, str]:
    return tag[:1], tag.rpartition("-")[2]


def _ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
    """Whether a chunk ends between two neighbouring tags."""
    if before[0] in ("E", "S") or (before[0], now[0]) in _END_BEFORE:
        return True
    return before[0] not in ("O", ".") and before[1] != now[1]


def _starts(before: tuple[str, str], now: tuple[str, str]) -> bool:
    if now[0] in ("B", "S") or (before[0], now[0]) in _START_AT:
        return True
    return now[0] not in ("O", ".") and before[1] != now[1]


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(right chunks, predicted chunks, gold chunks, right words, words) per sentence.

    None predicts nothing. Raises ValueError when a sentence has more or fewer predictions than words.
    """
    return [_item(right, mine) for right, mine in zip(gold, predicted, strict=True)]


def _item(right: Sequence[str], mine: Sequence[str] | None) -> tuple[float, ...]:
    mine = ["O"] * len(right) if mine is None else mine
    same = sum(a == b for a, b in zip(right, mine, strict=True))
    # One sentence never has two equal chunks, so sets lose nothing.
    theirs, ours = set(chunks(right)), set(chunks(mine))
    return len(theirs & ours), len(ours), len(theirs), same, len(right)


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """F1, precision and recall over chunks, 0 where there are none; beside them accuracy over words."""
    right, mine, gold, same, words = np.moveaxis(sums, -1, 0)
    return {
        "f1": _percent(2 * right, mine + gold),
        "precision": _percent(right, mine),
        "recall": _percent(right, gold),
        "word_accuracy": _percent(same, words),
    }


def _percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    percent: np.ndarray = 100 * part / np.maximum(whole, 1)
    return percent
