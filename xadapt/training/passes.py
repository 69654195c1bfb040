"""A step in several passes whose gradients are those of the whole step.

The examples of all active jobs, one after another, are cut where a pass would hold more tokens than allowed.
A loss is a mean, so that of a pass counts with its share of what the mean is over; dropout takes from each
mask of the whole step the rows of the pass (streams.Share). Where the examples of a batch are each other's
negatives (`ONE_BATCH` of a task type) the loss is taken once, over the hidden states of all passes, and its
gradient for these is what each pass goes back with (Gao et al. 2021, GradCache).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from xadapt.task_types.items import Batch
from xadapt.training.streams import Masks, Share, Stream

IGNORE = -100
"""A target that counts in no mean, as `torch.nn.functional.cross_entropy` has it."""


@dataclass(frozen=True)
class Piece:
    """Consecutive items of one job's batch."""

    batch: Batch
    part: float
    """Share in the mean of the loss."""
    rows: Mapping[int, tuple[int, int]]
    """What is dropped out by its size here -> (first row of it, rows in the whole step)."""
    start: int
    """Its first token."""

    @property
    def whole(self) -> bool:
        """It is the batch."""
        return not self.rows

    def stream(self, masks: Masks) -> Stream:
        return masks.stream if self.whole else Share.of(masks, self.rows)

    def to(self, device: torch.device) -> "Piece":
        return replace(self, batch=self.batch.to(device))


Pass = dict[int, Piece]
"""By job."""


def passes(batches: Mapping[int, Batch], tokens: int | None) -> list[Pass]:
    """The step of these batches, on the CPU, in passes of at most `tokens` tokens, or of one item."""
    if tokens is None or sum(len(batch.ids) for batch in batches.values()) <= tokens:
        return [{job: Piece(batch, 1.0, {}, 0) for job, batch in batches.items()}]
    ranges: list[dict[int, tuple[int, int]]] = [{}]
    used = 0
    for job, batch in batches.items():
        for index, item in enumerate(batch.items):
            if used and used + item.tokens > tokens:
                ranges.append({})
                used = 0
            first, _ = ranges[-1].get(job, (index, index))
            ranges[-1][job] = first, index + 1
            used += item.tokens
    found = [{job: piece(batches[job], *own) for job, own in each.items()} for each in ranges]
    # Without a target in it a mean is no number, and there is nothing to learn from.
    counted = [{job: one for job, one in each.items() if one.part} for each in found]
    return [each for each in counted if each] or found[:1]


def piece(batch: Batch, first: int, last: int) -> Piece:
    """Items [first, last) of a batch."""
    if last - first == len(batch.items):
        return Piece(batch, 1.0, {}, 0)
    items = batch.items[first:last]
    before, own = batch.items[:first], sum(len(item.sequences) for item in items)
    sequence, start = sum(len(item.sequences) for item in before), sum(item.tokens for item in before)
    stop = start + sum(item.tokens for item in items)
    rows = {stop - start: (start, len(batch.ids))}
    if "at" in batch.targets:
        at = batch.targets["at"]
        low, high = (int((at < place).sum()) for place in (start, stop))
        targets = {name: tensor[low:high] for name, tensor in batch.targets.items()}
        targets["at"] = targets["at"] - start
        rows[high - low] = low, len(at)
    else:
        targets = {name: tensor[first:last] for name, tensor in batch.targets.items()}
        rows[own] = sequence, len(batch.lengths)
    cut = Batch(
        items,
        batch.ids[start:stop],
        batch.lengths[sequence : sequence + own],
        None if batch.types is None else batch.types[start:stop],
        targets,
    )
    whole = _terms(batch.targets)
    return Piece(cut, _terms(targets) / whole if whole else 1.0, rows, start)


def _terms(targets: Mapping[str, torch.Tensor]) -> int:
    """What the mean of a loss is over: the rows of the target, without those that do not count."""
    (target,) = (tensor for name, tensor in targets.items() if name != "at")
    return int((target.flatten(1) if target.dim() > 1 else target[:, None]).ne(IGNORE).any(1).sum())


def spread(step: list[Pass]) -> set[int]:
    """The jobs that are in more than one pass."""
    counts = [job for each in step for job in each]
    return {job for job in counts if counts.count(job) > 1}


def largest(step: list[Pass]) -> int:
    """Tokens of the largest pass."""
    return max(map(_tokens, step))


def divisible(step: list[Pass]) -> int:
    """Tokens of the largest pass that can be cut, being of several examples; 0 where none can."""
    several = (one for one in step if sum(len(each.batch.items) for each in one.values()) > 1)
    return max(map(_tokens, several), default=0)


def _tokens(one: Pass) -> int:
    return sum(len(each.batch.ids) for each in one.values())
