"""Folders reload bit-equal; sequences are pooled and padded each on its own."""

import pytest
import torch

from xadapt.errors import IntegrityError
from xadapt.modeling import formats, head_format
from xadapt.modeling.formats import About, Host
from xadapt.modeling.heads import CosineHead, LMHead, SentenceHead, TokenHead, pad_segments, pool
from xadapt.recipe import Bottleneck, LoRA

from .conftest import config, random_fusion, random_module

ABOUT = About("nli", "tiny", ("yes", "no", "maybe"), "first")
HOST = Host(config(), "tiny")


@pytest.mark.parametrize(
    "method",
    [
        Bottleneck(reduction_factor=4, non_linearity="gelu"),
        Bottleneck(reduction_factor=4, place="double", leave_out=(1,)),
        Bottleneck(reduction_factor=4, place="parallel", scaling=0.5),
        LoRA(rank=2, alpha=5, targets=("key", "output")),
        LoRA(rank=2, alpha=5, targets=("query", "intermediate"), rslora=True, dora=True),
    ],
)
def test_a_module_reloads_bit_equal_from_the_same_bytes(tmp_path, method):
    module = random_module(method, 3)
    for name in ("one", "two"):
        formats.save_module(tmp_path / name, module, ABOUT, config())
    back = formats.load_module(tmp_path / "one", HOST)
    assert back.method == method
    assert back.weights.keys() == module.weights.keys()
    assert all(torch.equal(back.weights[name], w) for name, w in module.weights.items())
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_fusion_reloads_bit_equal(tmp_path):
    parts = [random_module(Bottleneck(reduction_factor=4), seed) for seed in range(2)]
    fusion = random_fusion(parts, 1)
    formats.save_combined(tmp_path, fusion, ["a", "b"], ABOUT, config())
    back = formats.load_combined(tmp_path, "fuse", parts, ["a", "b"], HOST)
    assert all(torch.equal(back.weights[name], w) for name, w in fusion.weights.items())
    with pytest.raises(IntegrityError, match=r"adapter_names = \['a', 'b'\]; the parts given are \['a'\]"):
        formats.load_combined(tmp_path, "fuse", parts[:1], ["a"], HOST)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("classification", SentenceHead.initial(config(), 3, 1)),
        ("choice", SentenceHead.initial(config(), 1, 1)),
        ("tagging", TokenHead.initial(config(), 3, 1)),
        ("span", TokenHead.initial(config(), 2, 1)),
        ("ranking", CosineHead(7.0)),
        ("mlm", LMHead.initial(config(), torch.nn.Parameter(torch.zeros(60, 32)), 1)),
    ],
)
def test_heads_reload_and_refuse_other_labels(tmp_path, kind, head):
    head_format.save_head(tmp_path, head, kind, ABOUT, config())
    saved = {name: w.clone() for name, w in head.state_dict().items()}
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
    names = () if kind in ("mlm", "ranking") else ABOUT.labels
    assert head_format.labels(tmp_path) == names
    head_format.load_head(tmp_path, head, kind, names)
    assert all(torch.equal(w, saved[name]) for name, w in head.state_dict().items())
    with pytest.raises(IntegrityError, match=r"the task's are \['no', 'yes', 'maybe'\]"):
        head_format.load_head(tmp_path, head, kind, ("no", "yes", "maybe"))


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
