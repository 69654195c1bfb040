"""What others have published comes into a folder; a pickle never does."""

import json

import adapters
import peft
import pytest
import torch
import transformers
from adapters.composition import Fuse

from tests.hub import sharing
from tests.modeling.conftest import config, padded, run, sequences, shake
from xadapt.errors import ConfigError, DataError, IntegrityError
from xadapt.hub import foreign
from xadapt.modeling import formats
from xadapt.modeling.encoder import Encoder, Packed
from xadapt.modeling.slot import Slot

ADAPTER = {
    "adapter_config.json": json.dumps({"model_name": "xlm-roberta-base", "config": {}}).encode(),
    "adapter.safetensors": b"weights",
    "head_config.json": b"{}",
    "README.md": b"# theirs",
    "training_args.bin": b"a pickle",
}
LORA = {
    "adapter_config.json": json.dumps({"peft_type": "LORA", "base_model_name_or_path": "me/base"}).encode(),
    "adapter_model.safetensors": b"weights",
}


def take(folder, where="they/it"):
    other = sharing.other(where)
    return foreign.take(other, other.files(), folder)


@pytest.mark.parametrize(
    ("files", "kind", "model"), [(ADAPTER, "adapters", "xlm-roberta-base"), (LORA, "peft", "me/base")]
)
def test_a_module_without_a_record_goes_into_a_folder(hub, tmp_path, files, kind, model):
    hub.publish("models/they/it", files)
    found = take(tmp_path / "modules" / "it")
    assert (found.kind, found.model) == (kind, model)
    there = {path.name: path.read_bytes() for path in found.folder.iterdir()}
    assert there == {name: data for name, data in files.items() if not name.endswith(".bin")}
    with pytest.raises(ConfigError, match="is there already"):
        take(found.folder)


@pytest.mark.parametrize("file", ["adapter.safetensors", "head_config.json"])
def test_wrong_bytes_leave_nothing(hub, tmp_path, file):
    hub.publish("models/they/it", ADAPTER)
    hub.damaged.add(file)
    with pytest.raises(IntegrityError, match=rf"they/it@\w+/{file}: is not what was announced"):
        take(tmp_path / "it")
    assert list(tmp_path.iterdir()) == []


def test_pickles_are_named_and_never_fetched(hub, tmp_path):
    hub.publish("models/they/it", {**LORA, "adapter_model.bin": b"x"} | {"adapter_model.safetensors": b"x"})
    take(tmp_path / "whole")
    pickled = {"adapter_config.json": b"{}", "pytorch_adapter.bin": b"a pickle"}
    hub.publish("models/they/old", pickled)
    with pytest.raises(DataError, match=r"pytorch_adapter\.bin is a pickle, which is never loaded") as failed:
        take(tmp_path / "old", "they/old")
    assert "use_safetensors=True" in failed.value.hint
    assert not any("resolve" in line and ".bin" in line for line in hub.asked)


@pytest.mark.parametrize(
    ("files", "said"), [({"x.txt": b""}, "has neither a record of xadapt nor"), ({}, "has neither")]
)
def test_what_is_no_module_is_refused(hub, tmp_path, files, said):
    hub.publish("models/they/it", files)
    with pytest.raises(DataError, match=said):
        take(tmp_path / "it")


def test_a_config_that_says_nothing_is_refused(hub, tmp_path):
    hub.publish("models/they/it", ADAPTER | {"adapter_config.json": b"[]"})
    with pytest.raises(IntegrityError, match=r"adapter_config\.json: does not say what it is for"):
        take(tmp_path / "it")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny encoder, in a folder."""
    folder = tmp_path_factory.mktemp("base")
    shake(transformers.XLMRobertaModel(config(), add_pooling_layer=False)).save_pretrained(folder)
    return folder


def published(hub, folder):
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.publish("models/they/it", files)


def stock(base, name):
    """A model of `adapters` with a noisy module."""
    model = adapters.AutoAdapterModel.from_pretrained(str(base))
    before = set(model.state_dict())
    model.add_adapter("theirs", config=name, set_active=True)
    for name, weight in model.named_parameters():
        if name not in before:
            weight.data.add_(torch.randn_like(weight, requires_grad=False) * 0.1)
    return model.eval()


@pytest.mark.parametrize("name", ["seq_bn", "double_seq_bn", "par_bn", "lora[alpha=16]", "peft"])
def test_what_the_libraries_write_loads_to_their_outputs(hub, tmp_path, base, name):
    torch.manual_seed(0)
    if name == "peft":
        plain = transformers.XLMRobertaModel.from_pretrained(base, add_pooling_layer=False)
        settings = peft.LoraConfig(r=3, target_modules=["query", "value"], init_lora_weights=False)
        model = peft.get_peft_model(plain, settings).eval()
        model.save_pretrained(str(tmp_path / "theirs"))
    else:
        model = stock(base, name)
        model.save_adapter(str(tmp_path / "theirs"), "theirs", use_safetensors=True)
        model = model.roberta
    published(hub, tmp_path / "theirs")
    found = take(tmp_path / "taken")
    assert found.kind == ("peft" if name == "peft" else "adapters")
    encoder = Encoder.from_hf(
        transformers.XLMRobertaModel.from_pretrained(base, add_pooling_layer=False).eval()
    )
    encoder.freeze()
    module = formats.load_module(found.folder, formats.Host(encoder.config, str(base)))
    ids, mask = padded(sequences())
    with torch.no_grad():
        theirs = model(ids, attention_mask=mask).last_hidden_state[mask.bool()]
        before = encoder(Packed.of(sequences()))
    ours = run(encoder, Slot(own=module), Packed.of(sequences()))[1]
    assert (ours - before).abs().max() > 0.05, "the module must matter"
    assert (ours - theirs).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ia3", "composition_mode = 'scale'; computed here is 'add'"),
        ("lora[use_gating=True]", "use_gating = True"),
    ],
)
def test_what_is_not_computed_here_is_named(tmp_path, base, name, said):
    model = stock(base, name)
    model.save_adapter(str(tmp_path / "theirs"), "theirs", use_safetensors=True)
    with pytest.raises(IntegrityError, match=said):
        formats.load_module(tmp_path / "theirs", formats.Host(model.config, str(base)))


def test_a_fusion_of_the_library_is_taken(hub, tmp_path, base):
    model = adapters.AutoAdapterModel.from_pretrained(str(base))
    for name in ("a", "b"):
        model.add_adapter(name, config="seq_bn")
    model.add_adapter_fusion(Fuse("a", "b"))
    model.save_adapter_fusion(str(tmp_path / "theirs"), Fuse("a", "b"), use_safetensors=True)
    published(hub, tmp_path / "theirs")
    assert take(tmp_path / "taken").kind == "adapters"
