"""The head of a checkpoint for masked language modelling: logits as transformers gives them, or refused."""

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from xadapt.errors import IntegrityError
from xadapt.modeling.encoder import Encoder, Packed, no_dropout
from xadapt.modeling.heads import LMHead
from xadapt.modeling.pretrained_head import start

from .conftest import config, padded, sequences, shake, unpad

SAME = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
SIZES = {name: getattr(config(), name) for name in SAME}
MODELS = {
    "xlm-roberta": lambda: transformers.XLMRobertaForMaskedLM(config()),
    "bert": lambda: transformers.BertForMaskedLM(
        transformers.BertConfig(**SIZES | {"max_position_embeddings": 34, "pad_token_id": 1})
    ),
}


@pytest.fixture(params=MODELS)
def saved(request, tmp_path):
    torch.manual_seed(3)
    model = shake(MODELS[request.param]()).eval()
    model.save_pretrained(tmp_path, safe_serialization=True)
    return model, tmp_path


@torch.no_grad()
def test_logits_are_those_of_transformers(saved):
    model, folder = saved
    encoder = Encoder.load(str(folder))
    head = LMHead.initial(encoder.config, encoder.word_embeddings, 1)
    packed = Packed.of(sequences())
    before = head(encoder(packed), no_dropout)
    assert start(head, folder)
    ids, mask = padded(sequences())
    expected = unpad(model(ids, attention_mask=mask).logits, mask)
    found = head(encoder(packed), no_dropout)
    assert (found - expected).abs().max() < 1e-4 < (before - expected).abs().max()


def test_a_checkpoint_without_a_head_leaves_a_new_one_as_it_is(encoder, tmp_path):
    encoder.to_hf().save_pretrained(tmp_path, safe_serialization=True)
    head = LMHead.initial(encoder.config, encoder.word_embeddings, 1)
    before = head.dense.weight.clone()
    assert not start(head, tmp_path) and torch.equal(head.dense.weight, before)


def test_a_head_that_is_not_whole_is_refused(saved, encoder):
    _, folder = saved
    weights = load_file(folder / "model.safetensors")
    (name,) = [name for name in weights if name.endswith("dense.bias") and "encoder" not in name]
    save_file({n: w for n, w in weights.items() if n != name}, folder / "model.safetensors")
    head = LMHead.initial(encoder.config, encoder.word_embeddings, 1)
    with pytest.raises(IntegrityError, match="is missing; its head is not whole"):
        start(head, folder)
