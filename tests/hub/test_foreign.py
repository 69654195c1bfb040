"""What others have published comes into a folder; a pickle never does."""

import json

import pytest

from tests.hub import sharing
from xadapt.errors import ConfigError, DataError, IntegrityError
from xadapt.hub import foreign

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
