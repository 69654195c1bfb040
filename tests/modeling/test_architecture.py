"""Configurations that the encoder does not compute are refused by field and value."""

import json

import pytest

from xadapt.errors import DataError
from xadapt.modeling.architecture import check_architecture
from xadapt.modeling.encoder import Encoder, Packed

from .conftest import config

FAULTS = {
    "hidden_act": ("relu", "hidden_act = 'relu'; supported is 'gelu'"),
    "position_embedding_type": (
        "relative_key",
        "position_embedding_type = 'relative_key'; supported is 'abs",
    ),
    "is_decoder": (True, "is_decoder = True; supported is False"),
    "hidden_size": (30, "hidden_size = 30 is no multiple of num_attention_heads = 4"),
    "num_hidden_layers": (0, "num_hidden_layers = 0; supported is a number above 0"),
    "vocab_size": ("60", "vocab_size = '60'; supported is a number above 0"),
    "intermediate_size": (True, "intermediate_size = True; supported is a number above 0"),
    "pad_token_id": (None, "pad_token_id = None; supported is a number"),
    "layer_norm_eps": ("small", "layer_norm_eps = 'small'; supported is a small number"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_not_computed_is_refused(name):
    value, message = FAULTS[name]
    changed = config()
    setattr(changed, name, value)
    with pytest.raises(DataError) as caught:
        check_architecture(changed, "encoder")
    assert caught.value.message.startswith(f"encoder: {message}")
    with pytest.raises(DataError, match="encoder: "):
        Encoder(changed, {})


def test_another_kind_of_model_is_refused_before_its_weights_are_read(encoder, tmp_path):
    encoder.to_hf().save_pretrained(str(tmp_path))
    facts = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(facts | {"model_type": "electra"}))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(DataError, match="model_type = 'electra'; supported are 'xlm-roberta', 'rob"):
        Encoder.load(str(tmp_path))


def test_what_changes_nothing_is_allowed():
    check_architecture(config(hidden_dropout_prob=0.3, classifier_dropout=0.2, use_cache=False), "encoder")


@pytest.mark.parametrize(
    ("lengths", "groups", "message"),
    [
        ((2, 2), (), "the lengths count 4 tokens"),
        ((2, 1), (1,), "groups count 1 sequences, there are 2"),
        ((3, 0), (), "an empty sequence or group"),
        ((1, 2), (0, 2), "an empty sequence or group"),
    ],
)
def test_a_batch_whose_counts_differ_is_refused(lengths, groups, message):
    with pytest.raises(ValueError, match=message):
        Packed(Packed.of([[5, 6, 7]]).ids, lengths, groups)
