"""A tiny random XLM-R whose biases and LayerNorms are not trivial, and modules with random weights."""

import pytest
import torch
import transformers

from xadapt.modeling.assemble import Assembled
from xadapt.modeling.combined import Fusion
from xadapt.modeling.encoder import Encoder, Packed
from xadapt.modeling.formats import About
from xadapt.modeling.module import Module, lora_sizes

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
    sizes = lora_sizes(config())
    made = Module.initial(method, config(), seed, lambda target: torch.full((3, sizes[target][1]), 0.4))
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


def about(name: str) -> About:
    return About(name, "tiny", (), "first")


def run(encoder, slot, packed):
    assembled = Assembled([slot], config())
    hidden = encoder(packed, assembled.sites(packed, [0]))
    return assembled, hidden


def weights_of_loss(packed):
    return torch.randn(len(packed.ids), 32, generator=torch.Generator().manual_seed(9))


def compare(encoder, slot, packed, expected):
    """Equal outputs; returns our gradients by name after a backward of the same loss."""
    encoder.freeze()
    assembled, hidden = run(encoder, slot, packed)
    assert (hidden - expected).abs().max() < 1e-5
    (hidden * weights_of_loss(packed)).sum().backward()
    return {name.split(".")[-1]: p.grad[0] for name, p in assembled.named_parameters() if p.grad is not None}


def library_hidden(model, setup):
    ids, mask = padded(sequences())
    model.set_active_adapters(setup)
    model.active_head = None
    return unpad(model.roberta(ids, attention_mask=mask)[0], mask)


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
