"""A batch without padding: the tokens of all sequences one after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from xadapt.modeling.transfer import sent


@dataclass(frozen=True)
class Packed:
    """Sequences one after another; the sequences of job j are the next `groups[j]` of them.

    Raises ValueError when `lengths` and `ids`, `types` and `ids`, or `groups` and `lengths`, do not count the
    same.
    """

    ids: torch.Tensor
    """[T], int64."""
    lengths: tuple[int, ...]
    groups: tuple[int, ...] = ()
    types: torch.Tensor | None = None
    """[T], int64: which text of a pair a token is of; 0 when None. Encoders of one type do without."""

    def __post_init__(self) -> None:
        if self.ids.shape != (sum(self.lengths),):
            raise ValueError(f"ids are {list(self.ids.shape)}, the lengths count {sum(self.lengths)} tokens")
        if self.types is not None and self.types.shape != self.ids.shape:
            raise ValueError(f"types are {list(self.types.shape)}, ids are {list(self.ids.shape)}")
        if self.groups and sum(self.groups) != len(self.lengths):
            raise ValueError(f"groups count {sum(self.groups)} sequences, there are {len(self.lengths)}")
        if min(self.lengths, default=0) < 1 or min(self.groups, default=1) < 1:
            raise ValueError(f"an empty sequence or group: lengths {self.lengths}, groups {self.groups}")

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], groups: Sequence[int] = ()) -> "Packed":
        flat = torch.tensor([token for sequence in sequences for token in sequence])
        return cls(flat, tuple(map(len, sequences)), tuple(groups))

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """Tokens of each job."""
        found, at = [], 0
        for count in self.groups or (len(self.lengths),):
            found.append(sum(self.lengths[at : at + count]))
            at += count
        return tuple(found)

    def positions(self, first: int) -> torch.Tensor:
        """[T]: `first`, first + 1, ... within each sequence."""
        lengths = torch.tensor(self.lengths)
        starts = torch.repeat_interleave(lengths.cumsum(0) - lengths, lengths)
        # Made where the lengths are: on a GPU the result's size would have to be waited for.
        return sent(torch.arange(len(self.ids)) - starts + first, self.ids.device)
