"""Texts that the languages of a task share, where these are too many to keep all: BUCC's English sentences.

An item that `recurs`, as its task type says, is answered once for all languages of one call: what an earlier
portion of them had is kept, up to `KEPT` bytes, and what found no room is answered again.
"""

from collections.abc import Iterable, Sequence

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
    """Of each stage one answer per item, and the tokens of those that were not `known`."""
    every = [list(each) for each in items]
    recurs = answering.kind.recurs  # type: ignore[attr-defined]
    found = [[known.get(key(item)) if known and recurs(item) else None for item in each] for each in every]
    new = [
        [item for item, before in zip(own, answers, strict=True) if before is None]
        for own, answers in zip(every, found, strict=True)
    ]
    made = iter(answering.forward([item for each in new for item in each]))
    tokens = [sum(item.tokens for item in each) for each in new]
    return [[before or next(made) for before in each] for each in found], tokens


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
