"""The packed encoder against transformers' XLM-R."""

import itertools

import pytest
import torch
from safetensors.torch import load_file, save_file

from xadapt.errors import ConfigError, DataError, IntegrityError
from xadapt.modeling.attention import Attention
from xadapt.modeling.encoder import Encoder, Packed
from xadapt.recipe import Architecture

from .conftest import LENGTHS, padded, sequences, unpad


def test_equals_transformers_at_every_layer(hf, encoder, packed):
    ids, mask = padded(sequences())
    with torch.no_grad():
        states = hf(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        for layer, state in enumerate(states):
            found = encoder(packed, upto=layer)
            assert (found - unpad(state, mask)).abs().max() < 1e-5, layer
        assert torch.equal(encoder(packed), encoder(packed, upto=3))


def test_a_sequence_at_the_limit_equals_and_one_beyond_is_refused(hf, encoder):
    rows = sequences((32, 5))
    ids, mask = padded(rows)
    with torch.no_grad():
        expected = unpad(hf(ids, attention_mask=mask).last_hidden_state, mask)
        assert (encoder(Packed.of(rows)) - expected).abs().max() < 1e-5
    with pytest.raises(ValueError, match="33 tokens, the encoder has 32"):
        encoder(Packed.of(sequences((33,))))


def test_positions_restart_at_two_in_each_sequence(packed):
    positions = packed.positions(2).tolist()
    assert positions == [2 + i for n in LENGTHS for i in range(n)]


def test_gradients_of_every_weight_equal_transformers(hf, packed):
    encoder = Encoder.from_hf(hf)
    ids, mask = padded(sequences())
    hf.zero_grad()
    torch.manual_seed(3)
    weight = torch.randn(sum(LENGTHS), 32)
    (unpad(hf(ids, attention_mask=mask).last_hidden_state, mask) * weight).sum().backward()
    (encoder(packed) * weight).sum().backward()
    theirs = {name: p.grad for name, p in hf.named_parameters()}
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.copy_(parameter.grad)
    ours = dict(encoder._hf_weights())
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        # transformers gives the padding row no gradient by rule; no pad is ever looked up here.
        assert torch.allclose(ours[name], gradient, atol=2e-5), name


@pytest.mark.parametrize("lengths", [(5, 5, 5), (1, 2, 3, 30), (32,), (1,), (31, 30, 3, 3, 2)])
def test_no_token_sees_another_sequence(encoder, lengths):
    rows = sequences(lengths)
    together = encoder(Packed.of(rows)).split([len(row) for row in rows])
    for row, part in zip(rows, together, strict=True):
        assert (encoder(Packed.of([row])) - part).abs().max() < 1e-5


def by_hand(q, k, v, ends, longest):
    """The variable-length kernel, written out."""
    outs = []
    for first, last in itertools.pairwise(ends.tolist()):
        assert last - first <= longest
        parts = (x[first:last].transpose(0, 1) for x in (q, k, v))
        outs.append(torch.nn.functional.scaled_dot_product_attention(*parts).transpose(0, 1))
    return torch.cat(outs)


@pytest.mark.parametrize("lengths", [(40, 3, 39, 17, 2, 16, 40), (5, 5, 5), (7, 6), (1,)])
def test_buckets_and_the_variable_length_kernel_equal_in_values_and_gradients(lengths, monkeypatch):
    """The kernel runs on a GPU alone: what it is given is checked by one written by hand."""
    monkeypatch.setattr(
        "torch.nn.attention.varlen.varlen_attn",
        lambda q, k, v, ends, also, longest, again: by_hand(q, k, v, ends, longest),
    )
    attention = Attention(lengths, 4, torch.device("cpu"))
    found = []
    for call in (attention, attention._variable):
        qkv = torch.randn(sum(lengths), 48, generator=torch.Generator().manual_seed(1), requires_grad=True)
        made = call(qkv)
        (made * torch.arange(made.numel()).view_as(made).cos()).sum().backward()
        found.append((made, qkv.grad))
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() < 1e-5


def test_a_layer_that_is_not_there_is_refused(encoder, packed):
    for layer in (-1, 4, 14):
        with pytest.raises(ConfigError, match=f"layer {layer} of an encoder of 3"):
            encoder(packed, upto=layer)


def test_an_encoder_with_missing_broken_or_pickled_weights_is_refused(hf, encoder, tmp_path):
    whole = tmp_path / "whole"
    encoder.to_hf().save_pretrained(str(whole))
    assert Encoder.load(str(whole)).fingerprint() == encoder.fingerprint()
    weights = load_file(whole / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, whole / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(IntegrityError, match=r"1 weights are missing, first 'encoder.layer.1.out"):
        Encoder.load(str(whole))
    data = (whole / "model.safetensors").read_bytes()
    (whole / "model.safetensors").write_bytes(data[:-50])
    with pytest.raises(IntegrityError, match="not whole"):
        Encoder.load(str(whole))
    (whole / "model.safetensors").unlink()
    torch.save(weights, whole / "pytorch_model.bin")
    with pytest.raises(DataError, match="cannot be read"):
        Encoder.load(str(whole))


def test_to_hf_gives_back_the_same_bits(hf):
    back = Encoder.from_hf(hf).to_hf()
    assert all(
        torch.equal(a, b) for a, b in zip(hf.state_dict().values(), back.state_dict().values(), strict=True)
    )


def test_fingerprint_notices_one_changed_bit(encoder):
    before = encoder.fingerprint()
    assert encoder.fingerprint() == before
    with torch.no_grad():
        encoder.layers[1].qkv.bias.view(torch.int32)[3] ^= 1
    assert encoder.fingerprint() != before


def test_fresh_depends_on_its_seed_alone():
    small = Architecture(layers=2, hidden=16, heads=2, intermediate=24, max_length=16)
    torch.manual_seed(1)
    first = Encoder.fresh(small, 30, seed=5)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))
    assert first.fingerprint() == Encoder.fresh(small, 30, seed=5).fingerprint()
    assert first.fingerprint() != Encoder.fresh(small, 30, seed=6).fingerprint()


def test_bf16_weights_keep_fp32_norms_and_stay_close(hf, packed):
    encoder, rounded = Encoder.from_hf(hf), Encoder.from_hf(hf)
    rounded.place(torch.device("cpu"), torch.bfloat16)
    assert rounded.layers[0].qkv.weight.dtype == torch.bfloat16
    assert rounded.norm.weight.dtype == torch.float32
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = rounded(packed)
    expected = encoder(packed)
    # Operands of 8 bits over three layers: a few parts in a hundred, far from a wrong result.
    assert found.dtype == torch.float32
    assert (found - expected).norm() / expected.norm() < 0.03
