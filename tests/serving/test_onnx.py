"""ONNX files in onnxruntime against the module; an extra, skipped where it is not installed."""

from importlib import util
from pathlib import Path

import pytest

import xadapt
from xadapt.errors import ConfigError, WrongEnvironment
from xadapt.serving import check, onnx_form
from xadapt.serving.asked import Vectors
from xadapt.serving.export import export

from .made import World

there = pytest.mark.skipif(
    any(util.find_spec(name) is None for name in onnx_form.PACKAGES),
    reason="the extra onnx is not installed: pip install 'xadapt[onnx]'",
)


@there
@pytest.mark.slow
@pytest.mark.parametrize("name", ["xnli", "udpos", "xquad", "xcopa", "vectors"])
def test_onnxruntime_answers_alike(world: World, tmp_path: Path, name: str) -> None:
    stage = world.predicted("xnli" if name == "vectors" else name, "qaa", "lora")
    how = Vectors(layer=2) if name == "vectors" else False
    module = xadapt.load(stage.module.digest, world.store.root, vectors=how)
    found = export(module, tmp_path / "out", onnx=True)
    assert found.onnx is not None and found.onnx < 1e-4
    running = onnx_form.running(tmp_path / "out" / onnx_form.FILE)
    kind = module.ask.kind
    for given in ([[0, 9, 8, 2]], [[0, 9, 2], [0, 7, 30, 31, 32, 33, 8, 2], [0, 2]]):
        expected = check.ours(kind, module.answering(""), given)
        assert (check.theirs(kind, running, given, 1, None) - expected).abs().max() < 1e-4


def test_a_missing_package_is_named(world: World, tmp_path: Path, monkeypatch) -> None:
    stage = world.predicted("xnli", "qaa", "lora")
    monkeypatch.setattr(onnx_form, "PACKAGES", ("onnx_of_nowhere",))
    with pytest.raises(WrongEnvironment, match="--onnx needs onnx_of_nowhere"):
        export(xadapt.load(stage.module.digest, world.store.root), tmp_path / "out", onnx=True)


@there
def test_a_bottleneck_has_no_onnx(world: World, tmp_path: Path) -> None:
    stage = world.predicted("xnli", "qaa", "bn")
    with pytest.raises(ConfigError, match="has no plain form"):
        export(xadapt.load(stage.module.digest, world.store.root), tmp_path / "out", onnx=True)
