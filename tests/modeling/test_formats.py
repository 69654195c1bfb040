"""Folders: bit-equal here, equal logits in the libraries, and refusals by name."""

import json

import adapters
import pytest
import torch

from xadapt.errors import IntegrityError
from xadapt.modeling import formats, head_format
from xadapt.modeling.encoder import Packed, no_dropout
from xadapt.modeling.formats import About
from xadapt.modeling.heads import LMHead, SentenceHead, TokenHead, pad_segments, pool
from xadapt.recipe import Bottleneck, LoRA

from .conftest import config, padded, random_fusion, random_module, sequences

ABOUT = About("nli", "tiny", ("yes", "no", "maybe"), "first")


@pytest.mark.parametrize(
    "method",
    [Bottleneck(reduction_factor=4, non_linearity="gelu"), LoRA(rank=2, alpha=5, targets=("key", "output"))],
)
def test_a_module_reloads_bit_equal_from_the_same_bytes(tmp_path, method):
    module = random_module(method, 3)
    for name in ("one", "two"):
        formats.save_module(tmp_path / name, module, ABOUT, config())
    back = formats.load_module(tmp_path / "one")
    assert back.method == method
    assert back.weights.keys() == module.weights.keys()
    assert all(torch.equal(back.weights[name], w) for name, w in module.weights.items())
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_fusion_reloads_bit_equal(tmp_path):
    parts = [random_module(Bottleneck(reduction_factor=4), seed) for seed in range(2)]
    fusion = random_fusion(parts, 1)
    formats.save_fusion(tmp_path, fusion, ["a", "b"], ABOUT, config())
    back = formats.load_fusion(tmp_path, parts)
    assert all(torch.equal(back.weights[name], w) for name, w in fusion.weights.items())
    with pytest.raises(IntegrityError, match="fuses 2 modules, 1 are given"):
        formats.load_fusion(tmp_path, parts[:1])


def test_adapters_saves_what_we_load(tmp_path):
    model = adapters.XLMRobertaAdapterModel(config())
    model.add_adapter("x", config="seq_bn")
    model.save_adapter(str(tmp_path), "x", use_safetensors=True)
    module = formats.load_module(tmp_path)
    theirs = model.roberta.encoder.layer[2].output.adapters["x"].adapter_up.weight
    assert torch.equal(module.weights["up_weight"][2], theirs)


def test_head_and_module_give_the_same_logits_in_adapters(hf, encoder, tmp_path):
    module = random_module(Bottleneck(reduction_factor=4), 3)
    head = SentenceHead.initial(config(), 3, seed=4)
    formats.save_module(tmp_path, module, ABOUT, config())
    head_format.save_head(tmp_path, head, "classification", ABOUT, config())
    model = adapters.XLMRobertaAdapterModel(config())
    model.roberta.load_state_dict(hf.state_dict(), strict=False)
    model.load_adapter(str(tmp_path), set_active=True, use_safetensors=True)
    ids, mask = padded(sequences())
    from xadapt.modeling.assemble import Assembled, Slot

    packed = Packed.of(sequences())
    with torch.no_grad():
        expected = model.eval()(ids, attention_mask=mask).logits
        hidden = encoder(packed, Assembled([Slot(own=module)], config()).sites(packed, [0]))
        found = head(pool(hidden, packed.lengths, "first"), no_dropout)
    assert (found - expected).abs().max() < 1e-5
    assert model.get_labels() == list(ABOUT.labels)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("classification", SentenceHead.initial(config(), 3, 1)),
        ("choice", SentenceHead.initial(config(), 1, 1)),
        ("tagging", TokenHead.initial(config(), 3, 1)),
        ("span", TokenHead.initial(config(), 2, 1)),
        ("mlm", LMHead.initial(config(), torch.nn.Parameter(torch.zeros(60, 32)), 1)),
    ],
)
def test_heads_reload_and_refuse_other_labels(tmp_path, kind, head):
    head_format.save_head(tmp_path, head, kind, ABOUT, config())
    saved = {name: w.clone() for name, w in head.state_dict().items()}
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
    assert head_format.labels(tmp_path) == tuple(ABOUT.labels)
    head_format.load_head(tmp_path, head, kind, ABOUT.labels)
    assert all(torch.equal(w, saved[name]) for name, w in head.state_dict().items())
    with pytest.raises(IntegrityError, match=r"labels are \['yes', 'no', 'maybe'\]"):
        head_format.load_head(tmp_path, head, kind, ("no", "yes", "maybe"))


def test_refusals_name_the_reason(tmp_path):
    with pytest.raises(IntegrityError, match=r"adapter_config.json: no such file"):
        formats.load_module(tmp_path)
    (tmp_path / "pytorch_adapter.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(IntegrityError, match=r"pytorch_adapter.bin is a pickle, which is never loaded"):
        formats.load_module(tmp_path)
    with pytest.raises(IntegrityError, match=r"head_config.json: no such file"):
        head_format.load_head(tmp_path, TokenHead.initial(config(), 2, 1), "span", ())
    module = random_module(Bottleneck(reduction_factor=4), 3)
    formats.save_module(tmp_path, module, ABOUT, config())
    facts = json.loads((tmp_path / "adapter_config.json").read_text())
    facts["config"]["is_parallel"] = True
    (tmp_path / "adapter_config.json").write_text(json.dumps(facts))
    with pytest.raises(IntegrityError, match="is_parallel = True is not a sequential bottleneck"):
        formats.load_module(tmp_path)
    (tmp_path / "adapter.safetensors").write_bytes(b"\x00" * 10)
    with pytest.raises(IntegrityError, match="cannot be read"):
        formats.load_module(tmp_path)


@pytest.mark.parametrize("key", ["use_rslora", "use_dora"])
def test_lora_that_is_not_plain_is_refused(tmp_path, key):
    formats.save_module(tmp_path, random_module(LoRA(), 3), ABOUT, config())
    facts = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(facts | {key: True}))
    with pytest.raises(IntegrityError, match=f"{key} = True is not plain LoRA"):
        formats.load_module(tmp_path)


def test_pooling_reads_each_sequence_alone():
    x = torch.arange(12.0).view(6, 2)
    assert pool(x, (2, 4), "first").tolist() == [[0, 1], [4, 5]]
    assert pool(x, (2, 4), "mean").tolist() == [[1, 2], [7, 8]]
    assert pool(-x, (2, 4), "max").tolist() == [[0, -1], [-4, -5]]


def test_pads_get_no_probability():
    logits = torch.randn(9, generator=torch.Generator().manual_seed(0))
    shares = pad_segments(logits, (2, 7), float("-inf")).softmax(-1)
    assert shares.shape == (2, 7)
    assert (shares[0, 2:] == 0).all()
    assert torch.allclose(shares[0, :2], logits[:2].softmax(-1))
