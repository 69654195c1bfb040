"""A tiny random XLM-R whose biases and LayerNorms are not trivial, and modules with random weights."""

import pytest
import torch
import transformers

from xadapt.modeling.encoder import Encoder, Packed
from xadapt.modeling.module import Fusion, Module

LENGTHS = (7, 3, 12, 12, 1, 9)


def config(**changes):
    sizes = {
        "vocab_size": 60,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 34,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "pad_token_id": 1,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    return transformers.XLMRobertaConfig(**sizes | changes)


def shake(model: torch.nn.Module, seed: int = 1) -> torch.nn.Module:
    """Add noise to every weight, so that a forgotten bias or norm shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model


def random_module(method, seed: int) -> Module:
    made = Module.initial(method, config(), seed)
    generator = torch.Generator().manual_seed(seed + 100)
    noisy = {n: w + torch.randn(w.shape, generator=generator) * 0.1 for n, w in made.weights.items()}
    return Module(method, noisy)


def random_fusion(parts, seed: int) -> Fusion:
    made = Fusion.initial(parts, config(), seed)
    generator = torch.Generator().manual_seed(seed + 200)
    noisy = {n: w + torch.randn(w.shape, generator=generator) * 0.1 for n, w in made.weights.items()}
    return Fusion(noisy, tuple(parts))


def sequences(lengths=LENGTHS, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(5, 60, (n,), generator=generator).tolist() for n in lengths]


def padded(rows):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [1] * (longest - len(row)) for row in rows])
    return ids, (ids != 1).long()


def unpad(hidden, mask):
    return hidden[mask.bool()]


@pytest.fixture(scope="session")
def hf():
    torch.manual_seed(0)
    return shake(transformers.XLMRobertaModel(config(), add_pooling_layer=False)).eval()


@pytest.fixture
def encoder(hf) -> Encoder:
    return Encoder.from_hf(hf)


@pytest.fixture
def packed() -> Packed:
    return Packed.of(sequences())
