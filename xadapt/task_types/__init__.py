"""How a kind of task meets a model: one module per task type, each with the same functions.

`encode` turns examples into token sequences, `head` makes the part that answers, `inputs` and `compared` say
what trains it, `outputs` and `decode` turn hidden states into predictions. Variation is a value, never a base
class.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
import tokenizers
import torch
from torch.nn import functional as F

from xadapt.modeling.encoder import Dropout, Encoder
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item


class TaskType(Protocol):
    """What each module of this package offers.

    A type whose examples of all languages share one pool, each an item of its own, may say `ONE_POOL = True`;
    one where only some do, and too many to keep all, has `recurs(item)`; one that trains on something else
    than its items makes it of them by `training(examples, items)`;
    one whose loss is no mean over the examples of a batch says `ONE_BATCH = True` and has
    `loss(head, hidden, batch, recipe, dropout)` in place of `inputs` and `compared`; one that encodes each
    example by itself says `BY_EXAMPLE = True`. Targets and details of `encode` are whole numbers (flat.py),
    or a detail that all items share, which is then `shared(tokenizer)`.
    """

    def encode(
        self, examples: Sequence[Any], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
    ) -> list[Item]:
        """One or more items per example, each with its token sequences and target."""

    def head(self, encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
        """A new head, deterministic in `seed`; None where nothing trains."""

    def batch(self, items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
        """The items of one step, with whatever is drawn anew each time."""

    def inputs(self, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> torch.Tensor:
        """[rows, width] that the head reads; `hidden` is [tokens of the batch, width]."""

    def compared(self, logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """What the head made of its rows, [n, classes], and the targets, [n]: the loss is cross entropy."""

    def outputs(
        self, head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe
    ) -> list[np.ndarray]:
        """One array per item, from which `decode` reads."""

    def decode(
        self,
        outputs: Sequence[np.ndarray],
        items: Sequence[Item],
        examples: Sequence[Any],
        labels: Sequence[str],
    ) -> list[Any]:
        """One prediction per example that is asked for one (`examples.asked`), in their order.

        What it computes may run on torch's default device.
        """


def encode_training(
    kind: TaskType,
    examples: Sequence[Any],
    tokenizer: tokenizers.Tokenizer,
    recipe: Recipe,
    labels: Sequence[str],
) -> Sequence[Item]:
    """What a training draws from: those of `encode`, or what `training` of the type makes of them."""
    made: Sequence[Item] = kind.encode(examples, tokenizer, recipe, labels)
    return kind.training(examples, made) if hasattr(kind, "training") else made


def loss(
    kind: TaskType,
    head: torch.nn.Module,
    hidden: torch.Tensor,
    batch: Batch,
    recipe: Recipe,
    dropout: Dropout,
) -> torch.Tensor:
    """Of a batch, a mean; `hidden` is [tokens of the batch, width]."""
    if hasattr(kind, "loss"):
        own: torch.Tensor = kind.loss(head, hidden, batch, recipe, dropout)
        return own
    return F.cross_entropy(*kind.compared(head(kind.inputs(hidden, batch, recipe), dropout), batch))


def task_type(name: str) -> TaskType:
    """The module of this name; the names are the keys of `examples.KINDS`."""
    return cast(TaskType, import_module(f"{__name__}.{name}"))
