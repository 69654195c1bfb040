"""Folders between the libraries and here, in both directions, with heads and equal logits."""

import adapters
import adapters.composition as ac
import peft
import pytest
import torch
import transformers

from xadapt.composition import Fuse
from xadapt.errors import IntegrityError
from xadapt.modeling import formats, head_format
from xadapt.modeling.assemble import Slot
from xadapt.modeling.encoder import Packed, no_dropout
from xadapt.modeling.formats import About, Host
from xadapt.modeling.heads import LMHead, SentenceHead, TokenHead, pool
from xadapt.recipe import Bottleneck, LoRA

from .conftest import config, padded, random_fusion, random_module, run, sequences, shake, unpad

HOST = Host(config(), "tiny")
BOTTLENECK = Bottleneck(reduction_factor=4)
TAGS = ("B-LOC", "I-LOC", "O")
CHOICES = 3
KINDS = ("classification", "choice", "tagging", "span", "mlm")


def names(kind):
    return TAGS if kind in ("classification", "tagging") else ()


def about(kind):
    return About("x", "tiny", names(kind), "first", CHOICES if kind == "choice" else 1)


def fresh_head(kind, encoder):
    if kind == "mlm":
        head = LMHead.initial(config(), encoder.word_embeddings, 1)
    elif kind in ("classification", "choice"):
        head = SentenceHead.initial(config(), 3 if kind == "classification" else 1, 1)
    else:
        head = TokenHead.initial(config(), 3 if kind == "tagging" else 2, 1)
    return head


def our_logits(encoder, slot, head, kind):
    """[sequences or tokens, outputs]."""
    packed = Packed.of(sequences())
    hidden = run(encoder, slot, packed)[1]
    if kind in ("classification", "choice"):
        hidden = pool(hidden, packed.lengths, "first")
    logits = head(hidden, no_dropout)
    return logits.view(-1, CHOICES) if kind == "choice" else logits


def stock(hf):
    model = adapters.XLMRobertaAdapterModel(config())
    model.roberta.load_state_dict(hf.state_dict(), strict=False)
    return model.eval()


def their_logits(outputs, kind, mask):
    if kind == "span":
        return unpad(torch.stack([outputs.start_logits, outputs.end_logits], -1), mask)
    return outputs.logits if kind in ("classification", "choice") else unpad(outputs.logits, mask)


def asked(model, kind):
    """Logits of an `adapters` model as it stands, laid out as ours."""
    ids, mask = padded(sequences())
    if kind == "choice":
        shape = (-1, CHOICES, ids.shape[1])
        return model(ids.view(shape), attention_mask=mask.view(shape)).logits
    return their_logits(model(ids, attention_mask=mask), kind, mask)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_adapters_loads_our_bottleneck_and_head(hf, encoder, tmp_path, kind):
    module, head = random_module(BOTTLENECK, 3), shake(fresh_head(kind, encoder))
    formats.save_module(tmp_path, module, about(kind), config())
    head_format.save_head(tmp_path, head, kind, about(kind), config())
    model = stock(hf)
    model.load_adapter(str(tmp_path), set_active=True, use_safetensors=True)
    found = our_logits(encoder, Slot(own=module), head, kind)
    assert (found - asked(model.eval(), kind)).abs().max() < 1e-5
    if names(kind):
        assert model.get_labels() == list(TAGS)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_peft_loads_our_lora_and_adapters_its_head(hf, encoder, tmp_path, kind):
    method = LoRA(rank=3, alpha=6, targets=("query", "attention_output", "output"))
    module, head = random_module(method, 3), shake(fresh_head(kind, encoder))
    formats.save_module(tmp_path, module, about(kind), config())
    head_format.save_head(tmp_path, head, kind, about(kind), config())
    base = transformers.XLMRobertaModel(config(), add_pooling_layer=False)
    base.load_state_dict(hf.state_dict())
    ids, mask = padded(sequences())
    hidden = peft.PeftModel.from_pretrained(base, str(tmp_path)).eval()(ids, attention_mask=mask)
    model = stock(hf)
    model.load_head(str(tmp_path), use_safetensors=True)
    expected = their_logits(model.eval().heads["x"](hidden, return_dict=True), kind, mask)
    assert (our_logits(encoder, Slot(own=module), head, kind) - expected).abs().max() < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_what_adapters_saved_answers_alike_here(hf, encoder, tmp_path, kind):
    model = stock(hf)
    model.add_adapter("x", config=adapters.SeqBnConfig(reduction_factor=4, non_linearity="gelu"))
    labels = dict(enumerate(TAGS))
    {
        "classification": lambda: model.add_classification_head("x", num_labels=3, id2label=labels),
        "choice": lambda: model.add_multiple_choice_head("x", num_choices=CHOICES),
        "tagging": lambda: model.add_tagging_head("x", num_labels=3, id2label=labels),
        "span": lambda: model.add_qa_head("x"),
        "mlm": lambda: model.add_masked_lm_head("x"),
    }[kind]()
    for name, parameter in model.named_parameters():
        if ".adapters.x." in name or (name.startswith("heads.x.") and name != "heads.x.3.weight"):
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7)) * 0.1)
    model.save_adapter(str(tmp_path), "x", use_safetensors=True)
    model.set_active_adapters("x")
    module, head = formats.load_module(tmp_path, HOST), fresh_head(kind, encoder)
    assert module.method == Bottleneck(reduction_factor=4, non_linearity="gelu")
    head_format.load_head(tmp_path, head, kind, names(kind))
    found = our_logits(encoder, Slot(own=module), head, kind)
    assert (found - our_logits(encoder, Slot(), head, kind)).abs().max() > 0.01, "the module must matter"
    assert (found - asked(model.eval(), kind)).abs().max() < 1e-5


@torch.no_grad()
def test_a_fusion_goes_both_ways(hf, encoder, tmp_path):
    parts = [random_module(BOTTLENECK, seed) for seed in range(2)]
    model = stock(hf)
    for name, part in zip("ab", parts, strict=True):
        formats.save_module(tmp_path / name, part, About(name, "tiny", (), "first"), config())
        model.load_adapter(str(tmp_path / name), use_safetensors=True)
    fusion = random_fusion(parts, 5)
    formats.save_combined(tmp_path / "ours", fusion, ["a", "b"], about("span"), config())
    model.load_adapter_fusion(str(tmp_path / "ours"), use_safetensors=True)
    model.set_active_adapters(ac.Fuse("a", "b"))
    model.save_adapter_fusion(str(tmp_path / "theirs"), ac.Fuse("a", "b"), use_safetensors=True)
    back = formats.load_combined(tmp_path / "theirs", "fuse", parts, ["a", "b"], HOST)
    assert all(torch.equal(back.weights[name], weight) for name, weight in fusion.weights.items())
    ids, mask = padded(sequences())
    expected = unpad(model.eval().roberta(ids, attention_mask=mask)[0], mask)
    found = run(encoder, Slot(Fuse(tuple(parts)), combined=back), Packed.of(sequences()))[1]
    assert (found - expected).abs().max() < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("targets", [["query", "value"], ["key", "intermediate.dense", "output.dense"]])
def test_what_peft_saved_answers_alike_here(hf, encoder, tmp_path, targets):
    base = transformers.XLMRobertaModel(config(), add_pooling_layer=False)
    base.load_state_dict(hf.state_dict())
    settings = peft.LoraConfig(r=3, lora_alpha=7, lora_dropout=0.1, target_modules=targets)
    model = peft.get_peft_model(base, settings)
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7)) * 0.1)
    model.save_pretrained(str(tmp_path))
    module = formats.load_module(tmp_path, HOST)
    assert (module.method.rank, module.method.alpha, module.method.dropout) == (3, 7.0, 0.1)
    ids, mask = padded(sequences())
    expected = unpad(model.eval()(ids, attention_mask=mask).last_hidden_state, mask)
    found = run(encoder, Slot(own=module), Packed.of(sequences()))[1]
    assert (found - encoder(Packed.of(sequences()))).abs().max() > 0.1, "the module must matter"
    assert (found - expected).abs().max() < 1e-5


def test_what_adapters_pickles_by_default_is_refused_by_name(hf, tmp_path):
    model = stock(hf)
    model.add_adapter("x", config="seq_bn")
    model.save_adapter(str(tmp_path), "x")
    with pytest.raises(IntegrityError, match=r"pytorch_adapter\.bin is a pickle, which is never loaded"):
        formats.load_module(tmp_path, HOST)
