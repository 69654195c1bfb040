"""Rows of several languages, each on the adapter of its own (MAD-X)."""

import shutil
from pathlib import Path

import adapters
import pytest

import xadapt
from xadapt.errors import ConfigError, IntegrityError, UnknownName
from xadapt.serving.export import export
from xadapt.stages.train import Train

from .made import FILE, MADX, World


@pytest.fixture(scope="module")
def madx(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(Path(tmp_path_factory.mktemp("madx")), FILE + MADX)


def test_each_row_is_answered_on_the_adapter_of_its_language(madx: World) -> None:
    by = {code: madx.predicted("xnli", code) for code in ("en", "qaa")}
    module = xadapt.load(by["en"].module.digest, madx.store.root)
    rows = {code: madx.rows(stage) for code, stage in by.items()}
    pairs = zip(rows["en"], rows["qaa"], strict=True)
    mixed = [row | {"language": code} for pair in pairs for code, row in zip(rows, pair, strict=True)]
    found = [answer["probabilities"] for answer in module.predict(mixed)]
    apart = {code: module.predict(rows[code], language=code) for code in rows}
    for at, code in enumerate(rows):
        assert [answer["label"] for answer in apart[code]] == madx.answers(by[code])
        for one, other in zip(found[at::2], apart[code], strict=True):
            assert one == pytest.approx(other["probabilities"], abs=1e-5)
    swapped = module.predict(rows["qaa"], language="en")
    assert swapped != apart["qaa"], "the adapter must matter"


def test_a_language_without_an_adapter_is_refused(madx: World) -> None:
    stage = madx.predicted("xnli", "en")
    module = xadapt.load(stage.module.digest, madx.store.root)
    row = {"premise": "a", "hypothesis": "b"}
    with pytest.raises(ConfigError, match=r"row 1: .* stands on language adapters \(en, qaa\)"):
        module.predict([row])
    with pytest.raises(UnknownName, match="row 1: no language adapter for 'sw'; known are en, qaa"):
        module.predict([row], language="Swahili")
    with pytest.raises(UnknownName, match="row 2: no language 'swx'"):
        module.predict([row | {"language": "en"}, row | {"language": "swx"}])


def test_an_adapter_is_found_without_a_prediction_in_its_language_or_given(
    madx: World, tmp_path: Path
) -> None:
    of_qaa = madx.predicted("xnli", "qaa")
    assert isinstance(of_qaa.below, Train)
    expected = xadapt.load(of_qaa.module.digest, madx.store.root)
    row = {"premise": "wa bo", "hypothesis": "ti", "language": "qaa"}
    copied = tmp_path / "store"
    shutil.copytree(madx.store.root, copied)
    shutil.rmtree(copied / of_qaa.digest[:2] / of_qaa.digest)
    assert xadapt.load(of_qaa.module.digest, copied).predict([row]) == expected.predict([row])
    folder = madx.store.folder(of_qaa.below.digest)
    shutil.copytree(folder, tmp_path / "mine")
    given = xadapt.load(of_qaa.module.digest, madx.store.root, adapters={"sw": tmp_path / "mine"})
    assert given.predict([row | {"language": "sw"}]) == expected.predict([row])
    with pytest.raises(UnknownName, match="--adapter: no language 'swx'"):
        xadapt.load(of_qaa.module.digest, copied, adapters={"swx": folder})


def test_a_module_on_a_language_adapter_is_exported_with_it(madx: World, tmp_path: Path) -> None:
    stage = madx.predicted("xnli", "qaa")
    module = xadapt.load(stage.module.digest, madx.store.root)
    with pytest.raises(ConfigError, match="name the language"):
        export(module, tmp_path / "out")
    found = export(module, tmp_path / "out", language="qaa")
    assert (found.form, found.language) == ("adapters", "qaa") and found.difference < 1e-5
    model = adapters.AutoAdapterModel.from_pretrained(str(tmp_path / "out"))
    setup, _ = model.load_adapter_setup(str(tmp_path / "out"), set_active=True, use_safetensors=True)
    assert setup.children == ["language-qaa", "mnli"]


def test_what_a_module_stands_on_must_be_there(madx: World, tmp_path: Path) -> None:
    stage = madx.predicted("xnli", "en")
    assert isinstance(stage.below, Train)
    copied = tmp_path / "store"
    shutil.copytree(madx.store.root, copied)
    shutil.rmtree(copied / stage.below.digest[:2] / stage.below.digest)
    with pytest.raises(
        UnknownName, match=f"stands on train {stage.below.digest[:12]}, which is not in the store"
    ):
        xadapt.load(stage.module.digest, copied)
    weights = next((copied / stage.module.digest[:2] / stage.module.digest).glob("adapter*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    shutil.copytree(
        madx.store.folder(stage.below.digest), copied / stage.below.digest[:2] / stage.below.digest
    )
    with pytest.raises(IntegrityError, match="changed since it was written"):
        xadapt.load(stage.module.digest, copied).predict(
            [{"premise": "a", "hypothesis": "b", "language": "en"}]
        )


def test_adapters_that_were_not_trained_here_are_named(madx: World, tmp_path: Path) -> None:
    folders = {}
    for code in ("en", "qaa"):
        below = madx.predicted("xnli", code).below
        assert isinstance(below, Train)
        folders[code] = shutil.copytree(madx.store.folder(below.digest), tmp_path / code)
    places = ", ".join(f'{code} = "{folder}"' for code, folder in folders.items())
    text = FILE + f"[languages]\nadapters = {{ {places} }}\n"
    published = World(tmp_path, text)
    stage = published.predicted("xnli", "qaa")
    rows, digest, root = published.rows(stage), stage.module.digest, published.store.root
    with pytest.raises(ConfigError, match=r"stands on language adapter .* was not trained here") as caught:
        xadapt.load(digest, root)
    assert "--adapter LANGUAGE=FOLDER" in caught.value.hint
    with pytest.raises(ConfigError, match="was not trained here"):
        xadapt.load(digest, root, adapters={"en": folders["qaa"]})
    found = xadapt.load(digest, root, adapters=folders).predict(rows, language="qaa")
    assert [answer["label"] for answer in found] == published.answers(stage)
