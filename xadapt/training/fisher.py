"""The empirical Fisher information of a frozen encoder under a loss that is read from its hidden states."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from xadapt.modeling.assemble import Assembled
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, pack
from xadapt.training.restore import Base

Loss = Callable[[torch.Tensor, int, Batch], torch.Tensor]
"""[tokens, width] of one item, its place, and its batch -> minus its log-likelihood."""


def fisher(
    items: Sequence[Item], loss: Loss, kind: Any, recipe: Recipe, assembled: Assembled, ground: Base
) -> list[np.ndarray]:
    """For each vector of the encoder [its length]: the mean over items of the squared gradient of `loss`.

    That is the diagonal of `E (d log p(y|x) / d theta)^2`. theta are the biases and the weights of norms:
    a small share of all weights, in every sub-layer. `assembled` has one job, which is not dropped from;
    `kind` lays items out as its module in `task_types` does.
    """
    random = np.random.default_rng(0)
    with _open(ground.encoder) as vectors:
        sums = [torch.zeros_like(vector, dtype=torch.float32) for vector in vectors]
        for place, item in enumerate(items):
            batch = kind.batch([item], random, recipe).to(ground.placed.device)
            packed = pack([batch])
            with ground.placed.autocast():
                hidden = ground.encoder(packed, assembled.sites(packed, [0]))
            # What the output does not depend on, as on the bias of keys, may have no gradient at all.
            found = torch.autograd.grad(loss(hidden, place, batch), vectors, allow_unused=True)
            for total, gradient in zip(sums, found, strict=True):
                if gradient is not None:
                    total += gradient.float() ** 2
    return [(total / len(items)).cpu().numpy() for total in sums]


@contextmanager
def _open(encoder: torch.nn.Module) -> Iterator[list[torch.nn.Parameter]]:
    """The vectors of an encoder, with gradients while the block lasts."""
    vectors = [weight for weight in encoder.parameters() if weight.ndim == 1]
    before = [vector.requires_grad for vector in vectors]
    for vector in vectors:
        vector.requires_grad_(True)
    try:
        yield vectors
    finally:
        for vector, trains in zip(vectors, before, strict=True):
            vector.requires_grad_(trains)
