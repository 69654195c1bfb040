"""A finished module is loaded as one thing: probe, parts, encoder, head and labels, broken on purpose."""

import json
import shutil
from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

from xadapt.composition import Fuse
from xadapt.errors import IntegrityError
from xadapt.modeling.assemble import Slot
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.training import inference, manifest, probe, restore
from xadapt.workflow.context import Context

from .test_selected import TEXT, of, run


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two modules, and a fusion of them under a target; weights of an average, so that none is the last."""
    return run(tmp_path_factory.mktemp("world"), "average")


@pytest.fixture
def fused(world, tmp_path, monkeypatch):
    """A finished fusion as a copy that may be changed: (stage, folder, what loads and checks it)."""
    stages, store = world
    stage = next(s for s in of(stages, Predict) if s.task == "pawsx" and isinstance(s.module.base, Fuse))
    copy = tmp_path / "copy"
    shutil.copytree(store.path(stage.module), copy)
    own = lambda module, context, snapshot=None: (  # noqa: E731
        copy if module == stage.module else store.path(module)
    )
    for module in (restore, inference):
        monkeypatch.setattr(module, "folder_of", own)
    context = Context(store, device="cpu")
    return stage, copy, lambda: inference._answering(stage, None, restore.base(stage.model, context), context)


def test_every_training_has_a_probe_and_loads_with_it(world, fused):
    stages, store = world
    for stage in of(stages, Train):
        saved = load_file(store.path(stage) / probe.NAME)
        assert saved["lengths"].sum() == len(saved["ids"]) <= probe.SEQUENCES * probe.TOKENS
        assert saved["hidden"].shape[0] == len(saved["lengths"]) == len(saved[f"head.{stage.task}"])
    assert fused[2]().labels == ("0", "1")


def change(path, factor):
    weights = load_file(path)
    save_file({name: weight * factor for name, weight in weights.items()}, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("head", r"pawsx fuse\(mnli, pawsx\): its probe, head.pawsx, differs by [\d.e+]+"),
        ("fusion", r"its probe, (hidden|head.pawsx), differs by [\d.e+]+"),
    ],
)  # fmt: skip
def test_other_weights_are_named_with_the_size_of_the_difference(fused, file, message):
    _, folder, load = fused
    (path,) = folder.glob(f"*{file}*.safetensors")
    change(path, 30.0)
    with pytest.raises(IntegrityError, match=message):
        load()


def test_parts_in_another_order_are_refused_by_their_digests(fused):
    stage, folder, load = fused
    facts = json.loads((folder / manifest.NAME).read_text())
    assert facts["composition"] == "fuse(mnli, pawsx)" and facts["selection"]["select"] == "average"
    facts["parts"].reverse()
    (folder / manifest.NAME).write_text(json.dumps(facts))
    first, second = (part.digest[:12] for part in stage.module.base.parts)
    with pytest.raises(
        IntegrityError, match=f"its parts are {second}, {first}, here they are {first}, {second}"
    ):
        load()


def test_another_encoder_is_refused_by_name(fused):
    stage, folder, _ = fused
    other = replace(stage.model, name="owner/other", revision="0" * 40)
    with pytest.raises(
        IntegrityError, match=r"it was trained on toyworld \w{12}, the encoder here is owner/other 0+"
    ):
        manifest.check(folder, stage.module, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda heads: heads.update(pawsx=["1", "0"]), r"labels of its head are \['1', '0'\], here"),
        (lambda heads: heads.pop("pawsx"), r"it has no head for 'pawsx'"),
    ],
)  # fmt: skip
def test_labels_in_another_order_and_a_missing_head_are_refused(fused, change, message):
    _, folder, load = fused
    facts = json.loads((folder / manifest.NAME).read_text())
    change(facts["heads"])
    (folder / manifest.NAME).write_text(json.dumps(facts))
    with pytest.raises(IntegrityError, match=message):
        load()


def test_a_head_whose_file_is_gone_is_named(fused):
    _, folder, load = fused
    (folder / "head_config.json").unlink()
    with pytest.raises(IntegrityError, match=r"head_config\.json: no such file"):
        load()


def test_folders_of_before_load_without_these_files(fused):
    _, folder, load = fused
    (folder / probe.NAME).unlink()
    (folder / manifest.NAME).unlink()
    assert load().labels == ("0", "1")


def test_a_probe_that_is_broken_is_no_traceback(fused):
    _, folder, load = fused
    (folder / probe.NAME).write_bytes(b"1")
    with pytest.raises(IntegrityError, match=r"probe\.safetensors: cannot be read"):
        load()


def test_half_precision_is_within_its_tolerance_and_an_empty_module_is_not(world, fused):
    """The limits tell apart what they must: rounding passes, the encoder without its module does not."""
    stages, store = world
    stage = next(s.module for s in of(stages, Predict) if s.task == "pawsx" and s.module.base.form == "alone")
    half = Context(store, device="cpu", precision="bf16")
    ground = restore.base(stage.model, half)
    assert ground.placed.mixed_precision == "bf16" and restore.trained(stage, ground, half) is not None
    ground = restore.base(stage.model, Context(store, device="cpu", precision="fp32"))
    assert ground.placed.mixed_precision == "no"
    folder, empty = store.path(stage), ground.assembled([Slot()])
    probe._checked.clear()
    with pytest.raises(IntegrityError, match="its probe, hidden, differs by"):
        restore.check_probe(folder, stage, ground, lambda: empty)


@pytest.mark.slow
def test_a_module_of_a_library_is_checked_too_where_another_starts_from_it(tmp_path):
    text = TEXT.replace("steps = 5", "steps = 2\nmethod = {{ name = 'ia3' }}")
    text = text.replace('["mnli", "pawsx"]', '["mnli"]').replace('["pawsx", "tatoeba"]', '["pawsx"]')
    stages, store = run(tmp_path, "last", text.replace('["alone", "fuse(all)"]', '["continue(mnli)"]'))
    (stage,) = (stage for stage in of(stages, Train) if stage.task == "mnli")
    context = Context(store, device="cpu")
    ground = restore.base(stage.model, context, method=stage.recipe.method)
    assert ground.engine == "library"
    change(store.path(stage) / "adapter.safetensors", 3.0)
    probe._checked.clear()
    with pytest.raises(IntegrityError, match=r"train mnli alone: its probe, hidden, differs by"):
        restore.trained(stage, ground, context)
