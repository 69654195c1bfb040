"""The Fisher information against gradients of transformers' own model, one example at a time."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tests.training.small import SMALL
from xadapt.modeling.assemble import Slot
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.layer import LAYER, QKV
from xadapt.recipe import Recipe
from xadapt.task_types import classification
from xadapt.task_types.items import Item, Tokens
from xadapt.training.fisher import fisher
from xadapt.training.restore import Base

ITEMS = [
    Item(number, (Tokens(np.arange(4, 4 + length, dtype=np.int32)),), number % 2)
    for number, length in enumerate((5, 9, 3))
]


@dataclass
class Ground:
    encoder: Encoder
    ground: Base

    def fisher(self, items):
        assembled = self.ground.assembled([Slot()])
        return fisher(items, plain, classification, Recipe(), assembled, self.ground)


@pytest.fixture
def made(tokenizer) -> Ground:
    encoder = Encoder.fresh(SMALL, tokenizer.get_vocab_size(), 1)
    # Zero biases would hide one that is taken for another.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for weight in encoder.parameters():
            weight.data += 0.1 * torch.randn_like(weight)
    encoder.freeze()
    return Ground(encoder, Base(encoder, tokenizer, Accelerator(cpu=True), "small"))


def plain(hidden: torch.Tensor, place: int, batch) -> torch.Tensor:
    """Another loss for each item."""
    return (torch.tanh(hidden) ** 2).mean() * (1 + place) + hidden[0, place]


def reference(encoder: Encoder) -> list[np.ndarray]:
    """In the order of the encoder's vectors, by names of transformers."""
    model, sums = encoder.to_hf().eval(), {}
    for place, item in enumerate(ITEMS):
        model.zero_grad()
        ids = torch.from_numpy(item.sequences[0].ids.astype(np.int64))[None]
        plain(model(input_ids=ids).last_hidden_state[0], place, None).backward()
        for name, weight in model.named_parameters():
            gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
            sums[name] = sums.get(name, 0) + gradient.numpy() ** 2 / len(ITEMS)
    return [np.concatenate([sums[each] for each in theirs(name)]) for name in vectors(encoder)]


def vectors(encoder: Encoder) -> list[str]:
    return [name for name, weight in encoder.named_parameters() if weight.ndim == 1]


def theirs(name: str) -> list[str]:
    if name.startswith("norm."):
        return [f"embeddings.LayerNorm.{name.removeprefix('norm.')}"]
    _, number, part, kind = name.split(".")
    names = [f"attention.self.{each}" for each in QKV] if part == "qkv" else [LAYER[part]]
    return [f"encoder.layer.{number}.{each}.{kind}" for each in names]


def test_it_is_the_mean_of_the_squared_gradients_of_single_examples(made):
    found, wanted = made.fisher(ITEMS), reference(made.encoder)
    assert len(found) == len(vectors(made.encoder)) == 2 + 8 * SMALL.layers
    for name, ours, plainly in zip(vectors(made.encoder), found, wanted, strict=True):
        np.testing.assert_allclose(ours, plainly, rtol=1e-3, atol=1e-5 * plainly.max(), err_msg=name)


def test_the_encoder_is_as_frozen_and_as_it_was_afterwards(made):
    before = made.encoder.fingerprint()
    made.fisher(ITEMS[:1])
    assert made.encoder.fingerprint() == before
    assert not any(weight.requires_grad or weight.grad is not None for weight in made.encoder.parameters())
