"""Folders of gates and of fused LoRA: reloaded bit for bit, refused in one line."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from xadapt.errors import ConfigError, IntegrityError
from xadapt.modeling import combined_format, formats
from xadapt.modeling.assemble import Slot
from xadapt.modeling.formats import About, Host
from xadapt.recipe import LoRA

from .combinations import SLOTS, lora_parts
from .conftest import config, random_module, run

ABOUT = About("nli", "org/tiny", (), "first")
HOST = Host(config(), "tiny")
NAMES = ("mnli", "chain-mnli-squad", "squad")


def written(folder, name):
    slot = SLOTS[name](3)
    formats.save_combined(folder, slot.combined, NAMES, ABOUT, config())
    return slot


@pytest.mark.parametrize("name", SLOTS)
def test_a_trained_combination_reloads_to_the_same_bits(encoder, packed, tmp_path, name):
    assembled, _ = run(encoder, SLOTS[name](3), packed)
    trained = assembled.trained(0)
    for folder in ("one", "two"):
        formats.save_combined(tmp_path / folder, trained, NAMES, ABOUT, config())
    form = "gate" if name.startswith("gate") else "fuse"
    back = formats.load_combined(tmp_path / "one", form, trained.parts, NAMES, HOST)
    assert type(back) is type(trained) and back.weights.keys() == trained.weights.keys()
    assert all(torch.equal(back.weights[key], weight) for key, weight in trained.weights.items())
    slots = [Slot(SLOTS[name](3).composition, combined=each) for each in (trained, back)]
    assert torch.equal(*(run(encoder, slot, packed)[1] for slot in slots))
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("form", "fuse", "form = 'fuse'; supported is 'gate'"),
        ("form", None, "form is missing; supported is 'gate'"),
        ("format", 2, "format = 2; supported is 1"),
        ("parts", ["squad", "mnli"], "parts = ['squad', 'mnli']; supported is ['mnli', 'chain-mnli-squad', "),
        ("method", "bottleneck", "method = 'bottleneck'; supported is 'lora'"),
        ("hidden_size", 64, "hidden_size = 64; supported is 32"),
        ("model_name", "org/other", "model_name = 'org/other'; the encoder is 'tiny'"),
        ("temprature", 2, "temprature = 2 is not a gate"),
    ],
)
def test_a_field_that_is_wrong(tmp_path, field, value, message):
    slot = written(tmp_path, "gate lora")
    place = tmp_path / combined_format.FILES[0]
    facts = json.loads(place.read_text()) | {field: value}
    place.write_text(json.dumps({name: each for name, each in facts.items() if each is not None}))
    with pytest.raises(IntegrityError) as caught:
        formats.load_combined(tmp_path, "gate", slot.combined.parts, NAMES, HOST)
    assert caught.value.message.startswith(f"{place}: {message}")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("encoder.layer.1.query.Q"), "weight 'encoder.layer.1.query.Q' is missing"),
        (
            lambda w: w.update({"encoder.layer.0.query.R": torch.zeros(1)}),
            "query.R' has no place here",
        ),
        (lambda w: w.update({"encoder.layer.3.query.Q": torch.zeros(16, 32)}), "the encoder has 3 layers"),
        (lambda w: w["encoder.layer.0.value.K"].fill_(float("nan")), "holds NaN or infinity"),
        (
            lambda w: w.update({"encoder.layer.2.value.K": torch.zeros(16, 8)}),
            "'encoder.layer.2.value.K' is [16, 8]; fuse over 3 parts of these sizes needs [16, 7]",
        ),
    ],
)
def test_weights_that_are_wrong(tmp_path, change, message):
    slot = written(tmp_path, "fuse lora")
    place = tmp_path / combined_format.FILES[1]
    weights = load_file(place)
    change(weights)
    save_file(weights, place, metadata={"format": "pt"})
    with pytest.raises(IntegrityError) as caught:
        formats.load_combined(tmp_path, "fuse", slot.combined.parts, NAMES, HOST)
    assert caught.value.message.startswith(f"{place}: ") and message in caught.value.message


def test_parts_of_another_size_and_of_another_method_are_refused(tmp_path):
    written(tmp_path, "fuse lora")
    parts = [*lora_parts(3)[:2], random_module(LoRA(rank=4, targets=("intermediate", "query")), 5)]
    with pytest.raises(IntegrityError, match=r"fuse over 3 parts of these sizes needs \[16, (4|6)\]"):
        formats.load_combined(tmp_path, "fuse", parts, NAMES, HOST)
    mixed = [parts[0], parts[1], SLOTS["gate"](1).combined.parts[0]]
    with pytest.raises(ConfigError, match="fuse needs modules of one method and size"):
        formats.load_combined(tmp_path, "fuse", mixed, NAMES, HOST)
