"""ONNX files in onnxruntime against the module; an extra, skipped where it is not installed."""

from importlib import util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import xadapt
from xadapt.errors import IntegrityError, WrongEnvironment
from xadapt.serving import check, onnx_form
from xadapt.serving.asked import Vectors
from xadapt.serving.export import export

from .made import STACKED, World

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
@pytest.mark.slow
@pytest.mark.parametrize("composition", [STACKED, "fuse(mnli, squad)", "gate(mnli, squad)"])
def test_bottlenecks_go_out_through_adapters(world: World, tmp_path: Path, composition: str) -> None:
    stage = world.predicted("xnli", "qaa", "bn", composition)
    module = xadapt.load(stage.module.digest, world.store.root)
    found = export(module, tmp_path / "out", onnx=True)
    assert found.form == "adapters" and found.onnx is not None and found.onnx < 1e-4
    running = onnx_form.running(tmp_path / "out" / onnx_form.FILE)
    for given in ([[0, 9, 8, 2]], [[0, 9, 2], [0, 7, 30, 31, 32, 33, 8, 2], [0, 2]]):
        expected = check.ours("classification", module.answering(""), given)
        assert (check.theirs("classification", running, given, 1, None) - expected).abs().max() < 1e-4


@there
@pytest.mark.slow
def test_vectors_of_a_layer_go_out_through_adapters(world: World, tmp_path: Path) -> None:
    stage = world.predicted("xnli", "qaa", "bn")
    module = xadapt.load(stage.module.digest, world.store.root, vectors=Vectors(layer=2))
    found = export(module, tmp_path / "out", onnx=True)
    assert found.onnx is not None and found.onnx < 1e-4


@there
def test_a_graph_that_answers_otherwise_is_not_kept(world: World, tmp_path: Path, monkeypatch) -> None:
    module = xadapt.load(world.predicted("xnli", "qaa", "bn").module.digest, world.store.root)

    def other(folder: Path, model: Any, kind: str, layer: int | None) -> Any:
        return lambda *given, **more: SimpleNamespace(logits=model(*given, **more).logits + 1)

    monkeypatch.setattr(onnx_form, "write", other)
    with pytest.raises(IntegrityError, match="answers otherwise than the module"):
        export(module, tmp_path / "out", onnx=True)
    assert list(tmp_path.iterdir()) == []
