"""The layouts of RoBERTa and BERT: hidden states, folders of models, and folders of both libraries."""

import json

import adapters
import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from xadapt.errors import DataError, IntegrityError
from xadapt.modeling import formats, head_format
from xadapt.modeling.architecture import LAYOUTS, first_position, layout, positions
from xadapt.modeling.assemble import Slot
from xadapt.modeling.encoder import Encoder, Packed, no_dropout
from xadapt.modeling.formats import About, Host
from xadapt.modeling.heads import LMHead, SentenceHead, TokenHead, pool
from xadapt.recipe import Bottleneck, LoRA

from .conftest import config as xlmr_config
from .conftest import padded, random_module, run, sequences, shake, unpad

CONFIGS = {"xlm-roberta": "XLMRobertaConfig", "roberta": "RobertaConfig", "bert": "BertConfig"}
BERT = {"pad_token_id": 0, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "max_position_embeddings": 32}
SAME = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id"),
    *("hidden_dropout_prob", "attention_probs_dropout_prob"),
)
METHODS = {
    "bottleneck": Bottleneck(reduction_factor=4),
    "lora": LoRA(rank=3, alpha=6, targets=("query", "attention_output", "output")),
}
KINDS = ("classification", "tagging", "span", "mlm")
TAGS = ("B-LOC", "I-LOC", "O")


def config(kind):
    shared = {name: getattr(xlmr_config(), name) for name in SAME}
    return getattr(transformers, CONFIGS[kind])(**shared | (BERT if kind == "bert" else {}))


def bare(kind):
    torch.manual_seed(0)
    made = getattr(transformers, layout(config(kind)).model)(config(kind), add_pooling_layer=False)
    return shake(made).eval()


def stock(kind, hf):
    model = getattr(adapters, layout(config(kind)).library)(config(kind))
    model.base_model.load_state_dict(hf.state_dict(), strict=False)
    return model.eval()


def pairs():
    """Sequences of two texts: ids and types padded, the mask, and both packed."""
    rows = sequences()
    ids, mask = padded(rows)
    types = (torch.arange(ids.shape[1]) >= mask.sum(1, keepdim=True) // 2).long() * mask
    flat = torch.tensor([token for row in rows for token in row])
    return ids, types, mask, Packed(flat, tuple(map(len, rows)), (), types[mask.bool()])


def asked(kind, ids, types, mask):
    """What transformers is given: types only where there is more than one."""
    return {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": types} if kind == "bert" else {})


def about(head):
    return About("x", "tiny", TAGS if head in ("classification", "tagging") else (), "first")


def fresh(head, kind, encoder):
    if head == "mlm":
        return LMHead.initial(config(kind), encoder.word_embeddings, 1)
    if head == "classification":
        return SentenceHead.initial(config(kind), len(TAGS), 1)
    return TokenHead.initial(config(kind), len(TAGS) if head == "tagging" else 2, 1)


def logits(encoder, slot, head, name, packed):
    hidden = run(encoder, slot, packed)[1]
    if name == "classification":
        hidden = pool(hidden, packed.lengths, "first")
    return head(hidden, no_dropout)


def theirs(outputs, name, mask):
    if name == "span":
        return unpad(torch.stack([outputs.start_logits, outputs.end_logits], -1), mask)
    return outputs.logits if name == "classification" else unpad(outputs.logits, mask)


@torch.no_grad()
@pytest.mark.parametrize("kind", LAYOUTS)
def test_pairs_equal_transformers_at_every_layer(kind):
    hf, (ids, types, mask, packed) = bare(kind), pairs()
    encoder = Encoder.from_hf(hf)
    states = hf(**asked(kind, ids, types, mask), output_hidden_states=True).hidden_states
    for layer, state in enumerate(states):
        assert (encoder(packed, upto=layer) - unpad(state, mask)).abs().max() < 1e-5, layer
    untyped = encoder(Packed(packed.ids, packed.lengths))
    assert torch.equal(untyped, encoder(packed)) == (kind != "bert"), "types count where there are two"


@pytest.mark.parametrize("kind", LAYOUTS)
def test_the_last_position_equals_and_one_beyond_is_refused(kind):
    hf, rows = bare(kind), sequences((32, 5))
    encoder, (ids, mask) = Encoder.from_hf(hf), padded(rows)
    assert positions(hf.config) == 32 and first_position(hf.config) == (0 if kind == "bert" else 2)
    with torch.no_grad():
        expected = unpad(hf(ids, attention_mask=mask).last_hidden_state, mask)
        assert (encoder(Packed.of(rows)) - expected).abs().max() < 1e-5
    with pytest.raises(ValueError, match="33 tokens, the encoder has 32 positions"):
        encoder(Packed.of(sequences((33,))))


def test_gradients_of_every_weight_of_bert_equal_transformers():
    hf, (ids, types, mask, packed) = bare("bert"), pairs()
    encoder = Encoder.from_hf(hf)
    weight = torch.randn(len(packed.ids), 32, generator=torch.Generator().manual_seed(3))
    (unpad(hf(**asked("bert", ids, types, mask)).last_hidden_state, mask) * weight).sum().backward()
    (encoder(packed) * weight).sum().backward()
    expected = {name: p.grad for name, p in hf.named_parameters()}
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.copy_(parameter.grad)
    found = dict(encoder._hf_weights())
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert torch.allclose(found[name], gradient, atol=2e-5), name


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_folder_with_heads_loads_as_the_bare_model(kind, tmp_path):
    hf = bare(kind)
    prefix = layout(hf.config).prefix
    hf.save_pretrained(str(tmp_path))
    bare_weights = load_file(tmp_path / "model.safetensors")
    headed = {f"{prefix}.{name}": weight for name, weight in bare_weights.items()}
    headed |= {"cls.predictions.bias": torch.zeros(60), f"{prefix}.pooler.dense.bias": torch.zeros(32)}
    save_file(headed, tmp_path / "model.safetensors", metadata={"format": "pt"})
    encoder = Encoder.load(str(tmp_path))
    assert encoder.fingerprint() == Encoder.from_hf(hf).fingerprint()
    back = encoder.to_hf()
    assert type(back) is type(hf)
    assert all(torch.equal(w, hf.state_dict()[name]) for name, w in back.state_dict().items())
    del headed[f"{prefix}.encoder.layer.2.output.dense.bias"]
    save_file(headed, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(IntegrityError, match="1 weights are missing, first 'encoder"):
        Encoder.load(str(tmp_path))


def test_the_old_names_of_norms_in_checkpoints_of_bert_are_read(tmp_path):
    hf = bare("bert")
    hf.save_pretrained(str(tmp_path))
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    weights = {}
    for name, weight in load_file(tmp_path / "model.safetensors").items():
        ending = next((end for end in old if name.endswith(end)), "")
        weights["bert." + name.removesuffix(ending) + old.get(ending, "")] = weight
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert Encoder.load(str(tmp_path)).fingerprint() == Encoder.from_hf(hf).fingerprint()


def test_what_bert_can_be_and_is_not_computed_is_refused(tmp_path):
    bare("bert").save_pretrained(str(tmp_path))
    facts = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(facts | {"position_embedding_type": "relative_key"}))
    with pytest.raises(DataError, match="position_embedding_type = 'relative_key'; supported is 'absolute'"):
        Encoder.load(str(tmp_path))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["roberta", "bert"])
@pytest.mark.parametrize("name", KINDS)
def test_adapters_loads_our_bottleneck_and_head_and_gives_them_back(kind, name, tmp_path):
    hf, (ids, types, mask, packed) = bare(kind), pairs()
    encoder = Encoder.from_hf(hf)
    module, head = random_module(METHODS["bottleneck"], 3), shake(fresh(name, kind, encoder))
    formats.save_module(tmp_path, module, about(name), config(kind))
    head_format.save_head(tmp_path, head, name, about(name), config(kind))
    model = stock(kind, hf)
    model.load_adapter(str(tmp_path), set_active=True, use_safetensors=True)
    found = logits(encoder, Slot(own=module), head, name, packed)
    expected = theirs(model.eval()(**asked(kind, ids, types, mask)), name, mask)
    assert (found - expected).abs().max() < 1e-5
    model.save_adapter(str(tmp_path / "back"), "x", use_safetensors=True)
    back = formats.load_module(tmp_path / "back", Host(config(kind), "tiny"))
    assert back.method == module.method
    assert all(torch.equal(back.weights[each], weight) for each, weight in module.weights.items())
    again = fresh(name, kind, encoder)
    head_format.load_head(tmp_path / "back", again, name, about(name).labels)
    assert all(torch.equal(again.state_dict()[each], w) for each, w in head.state_dict().items())


@torch.no_grad()
@pytest.mark.parametrize("kind", ["roberta", "bert"])
def test_peft_loads_our_lora_and_gives_it_back(kind, tmp_path):
    hf, (ids, types, mask, packed) = bare(kind), pairs()
    module = random_module(METHODS["lora"], 3)
    formats.save_module(tmp_path, module, about("span"), config(kind))
    found = run(Encoder.from_hf(hf), Slot(own=module), packed)[1]
    model = peft.PeftModel.from_pretrained(hf, str(tmp_path)).eval()
    expected = unpad(model(**asked(kind, ids, types, mask)).last_hidden_state, mask)
    assert (found - expected).abs().max() < 1e-5
    # Of itself it would ask the hub, with pauses, for the vocabulary of the model.
    model.save_pretrained(str(tmp_path / "back"), save_embedding_layers=False)
    back = formats.load_module(tmp_path / "back", Host(config(kind), "tiny"))
    assert all(torch.equal(back.weights[each], weight) for each, weight in module.weights.items())


def test_a_module_of_another_layout_is_refused(tmp_path):
    formats.save_module(tmp_path, random_module(METHODS["bottleneck"], 3), about("span"), config("bert"))
    with pytest.raises(IntegrityError, match="model_type = 'bert'; the encoder has 'roberta'"):
        formats.load_module(tmp_path, Host(config("roberta"), "tiny"))
