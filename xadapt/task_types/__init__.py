"""How a kind of task meets a model: one module per task type, each with the same functions.

`encode` turns examples into token sequences, `head` makes the part that answers, `loss` trains it,
`outputs` and `decode` turn hidden states into predictions. Variation is a value, never a base class.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
import tokenizers
import torch

from xadapt.modeling.encoder import Dropout, Encoder
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item


class TaskType(Protocol):
    """What each module of this package offers.

    A type whose examples of all languages share one pool, each an item of its own, may say `ONE_POOL = True`;
    one whose loss is no mean over the examples of a batch says `ONE_BATCH = True`; one that encodes each
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

    def loss(
        self, head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe, dropout: Dropout
    ) -> torch.Tensor:
        """Mean loss over the items; `hidden` is [tokens of the batch, width]."""

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
) -> list[Item]:
    """The items that a training draws from: those of `encode`, unless the type has pairs to train on."""
    made: list[Item] = getattr(kind, "encode_training", kind.encode)(examples, tokenizer, recipe, labels)
    return made


def task_type(name: str) -> TaskType:
    """The module of this name; the names are the keys of `examples.KINDS`."""
    return cast(TaskType, import_module(f"{__name__}.{name}"))
