"""Texts that the languages of a task share, where these are too many to keep all: BUCC's English sentences.

An item that `recurs`, as its task type says, is answered once for all languages of one call: what an earlier
portion of them had is kept, up to `KEPT` bytes, and what found no room is answered again in the next.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from xadapt.task_types.items import Item
from xadapt.training.answering import Answer, Answering

KEPT = 2**31
"""Bytes of answers: a million vectors of XLM-R Large in fp16."""


def key(item: Item) -> bytes:
    """The same for the same tokens."""
    return b"".join(sequence.key for sequence in item.sequences)


def answers(
    answering: Answering, items: Sequence[Sequence[Item]], known: dict[bytes, Answer]
) -> tuple[list[list[Answer]], list[int]]:
    """Of each stage one answer per item, and the tokens of those neither `known` nor seen before."""
    recurs = answering.kind.recurs  # type: ignore[attr-defined]
    new: list[Item] = []
    first: dict[bytes, int] = {}
    found: list[list[Answer | int]] = []
    ends = [0]
    for each in items:
        found.append([_place(item, recurs(item), new, first, known) for item in each])
        ends.append(len(new))
    made = answering.forward(new)
    tokens = [sum(item.tokens for item in new[start:end]) for start, end in pairwise(ends)]
    return [[made[at] if isinstance(at, int) else at for at in each] for each in found], tokens


def _place(
    item: Item, recurs: bool, new: list[Item], first: dict[bytes, int], known: dict[bytes, Answer]
) -> Answer | int:
    """The known answer of an item, or its place in `new`, where it is added; `first` has those that recur."""
    name = key(item) if recurs else None
    if name is not None and (found := known.get(name, first.get(name))) is not None:
        return found
    if name is not None:
        first[name] = len(new)
    new.append(item)
    return len(new) - 1


def keep(
    answering: Answering, items: Sequence[Item], found: Sequence[Answer], known: dict[bytes, Answer]
) -> None:
    """Add those of a stage that recur to `known`, as long as there is room."""
    recurs = answering.kind.recurs  # type: ignore[attr-defined]
    held = sum(map(_size, known.values()))
    for item, answer in zip(items, found, strict=True):
        if recurs(item) and (name := key(item)) not in known:
            held += _size(answer)
            if held > KEPT:
                return
            # A view would keep the whole batch of which it is a row.
            attention = {site: each.copy() for site, each in answer.attention.items()}
            known[name] = Answer(answer.output.copy(), attention)


def _size(answer: Answer) -> int:
    arrays: Iterable[int] = (each.nbytes for each in answer.attention.values())
    return answer.output.nbytes + sum(arrays)
