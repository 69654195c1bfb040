"""Language adapters on the hub: locked, fetched, read without a network; what to do about a pickle."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from tests.sources.hub_server import serving
from tests.sources.published import EXPERIMENT, example
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.folders import About
from xadapt.modeling.formats import save_module
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck

from .places import Place

NAMES = ("adapter_config.json", "adapter.safetensors")
TABLE = '[languages]\nadapters = { en = { hub = "o/en" }, de = { hub = "o/de", revision = "v1" } }\n'


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A language adapter for the toy encoder, by file, with a head that is never fetched."""
    folder = tmp_path_factory.mktemp("adapter")
    config = Encoder.load(str(files("xadapt.toyworld") / "encoder")).config
    module = Module.initial(Bottleneck(reduction_factor=2, invertible="nice"), config, 1)
    save_module(folder, module, About("lang", "toy/encoder", (), "first"), config)
    return {name: (folder / name).read_bytes() for name in NAMES} | {"model_head.safetensors": b"no"}


@pytest.fixture
def place(tmp_path: Path, adapter: dict[str, bytes]) -> Iterator[Place]:
    hub = example()
    hub.publish("models/o/en", adapter)
    hub.publish("models/o/de", adapter, ref="v1")
    with serving(hub) as address:
        made = Place(tmp_path, hub, address)
        made.experiment.write_text(EXPERIMENT.replace("[target]", f"{TABLE}[target]"))
        yield made


@pytest.mark.slow
def test_they_are_locked_fetched_and_read_without_a_network(place: Place) -> None:
    done = place.run("fetch")
    assert done.returncode == 0, done.stderr
    known, there = place.lock().model, place.hub.repositories
    assert known["o/en"].revision == there["models/o/en"].refs["main"]
    assert known["o/de@v1"].revision == there["models/o/de"].refs["v1"]
    assert set(known["o/en"].files) == set(NAMES)
    ran = place.run("run", "--store", str(place.folder / "runs"), "--json", offline=True)
    assert ran.returncode == 0, ran.stderr
    again = place.run("run", "--store", str(place.folder / "runs"), "--json", offline=True)
    assert json.loads(ran.stdout)["ran"] > 0 == json.loads(again.stdout)["ran"]


@pytest.mark.slow
def test_a_pickle_is_refused_with_what_to_do(place: Place, adapter: dict[str, bytes]) -> None:
    place.hub.publish("models/o/en", {NAMES[0]: adapter[NAMES[0]], "pytorch_adapter.bin": b"pickle"})
    done = place.run("fetch")
    assert done.returncode == 4
    assert "has no adapter.safetensors; pytorch_adapter.bin is a pickle, which is never loaded" in done.stderr
    assert "use_safetensors=True" in done.stderr and "Traceback" not in done.stderr
