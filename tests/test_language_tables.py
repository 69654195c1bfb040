"""`[languages]` of a file: what is trained on which adapter, and what is refused with its place."""

import shutil
from pathlib import Path

import pytest

from xadapt import experiment, toml
from xadapt.errors import ConfigError, DataError, UnknownName, XadaptError
from xadapt.sources.lock import Content, Lock, Model
from xadapt.sources.published import Published
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.plan import Plan

BASE = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
[reading]
layer = 4
[recipe.a]
steps = 2
[recipe.lang]
method = { name = "bottleneck", reduction_factor = 2, invertible = "nice" }
steps = 2
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["xnli", "tatoeba"]
compositions = ["alone", "stack(mnli)", "fuse(all)"]
"""
TRAINED = """
[languages]
train = ["English", "qaa"]
texts = { en = "text/en/train", qaa = ["text/qaa/train", "text/mixed/train"] }
recipe = "lang"
"""
LANG = BASE[BASE.index("[recipe.lang]") : BASE.index("[intermediate]")]
PLAIN = BASE.replace(LANG, "")
"""Without a recipe of languages."""
FOLDERS = """
[languages]
adapters = { en = "adapters/en", qaa = "adapters/qaa" }
"""


def folder(place: Path, content: str) -> None:
    place.mkdir(parents=True)
    (place / "adapter_config.json").write_text("{}")
    (place / "adapter.safetensors").write_text(content)


def load(text: str, tmp_path: Path, *settings: str) -> experiment.Experiment:
    path = tmp_path / "e.toml"
    path.write_text(text, encoding="utf-8")
    return experiment.load(str(path), list(settings))


def stages(found: experiment.Experiment, kind: type) -> list:
    return [stage for stage in Plan.of(found.goals()).stages if isinstance(stage, kind)]


def test_everything_trains_on_english_and_predicts_on_its_own_language(tmp_path):
    found = load(BASE + TRAINED, tmp_path)
    trains = stages(found, Train)
    adapters = {stage.language: stage for stage in trains if stage.language}
    assert set(adapters) == {"en", "qaa"}
    assert all(each.below is None and each.recipe.method.invertible == "nice" for each in adapters.values())
    assert len(adapters["qaa"].data.rows) == 2, "two texts, one after another"
    for stage in (*trains, *stages(found, Mixture)):
        assert stage.language if stage in adapters.values() else stage.below == adapters["en"]
    predicts = stages(found, Predict)
    assert {each.language for each in predicts} == {"en", "qaa"}
    assert all(each.below == adapters[each.language] for each in predicts)
    assert {cell.recipe for cell in found.cells()} == {"", "a"}, "the recipe of languages is no method"


def test_an_experiment_without_the_table_is_what_it_was(tmp_path):
    for stage in Plan.of(load(PLAIN, tmp_path).goals()).stages:
        assert not {"below", "language_adapter"} & stage.fields.keys()
        if isinstance(stage, Train):
            assert "language" not in stage.fields


def test_folders_are_known_by_content_not_by_place(tmp_path):
    folder(tmp_path / "adapters" / "en", "english")
    folder(tmp_path / "adapters" / "qaa", "other")
    first = [stage.digest for stage in Plan.of(load(PLAIN + FOLDERS, tmp_path).goals()).stages]
    shutil.move(tmp_path / "adapters", tmp_path / "elsewhere")
    moved = FOLDERS.replace("adapters/", "elsewhere/")
    assert [stage.digest for stage in Plan.of(load(PLAIN + moved, tmp_path).goals()).stages] == first
    (tmp_path / "elsewhere" / "qaa" / "adapter.safetensors").write_text("another")
    assert [stage.digest for stage in Plan.of(load(PLAIN + moved, tmp_path).goals()).stages] != first


def test_a_kept_copy_of_the_experiment_finds_its_folders(tmp_path):
    folder(tmp_path / "adapters" / "en", "english")
    folder(tmp_path / "adapters" / "qaa", "other")
    found = load(PLAIN + FOLDERS, tmp_path)
    text = toml.write(experiment.resolved(found))
    (tmp_path / "kept").mkdir()
    again = load(text, tmp_path / "kept")
    assert [stage.digest for stage in again.goals()] == [stage.digest for stage in found.goals()]


def test_a_hub_adapter_is_locked_and_then_known_by_content(tmp_path):
    table = '[languages]\nadapters = { en = { hub = "o/en" }, qaa = { hub = "o/sw", revision = "v1" } }\n'
    found = load(PLAIN + table, tmp_path)
    given = {stage.language: stage.below for stage in stages(found, Predict)}
    assert given["en"] == Published(files=(), name="o/en", revision="main") != given["qaa"]
    sha = {"adapter_config.json": "0" * 64, "adapter.safetensors": "1" * 64}
    known = Model(revision="a" * 40, files={name: Content(sha256=s, size=1) for name, s in sha.items()})
    lock = Lock(model={"o/en": known, "o/sw@v1": known})
    locked = load(PLAIN + table, tmp_path)
    object.__setattr__(locked, "lock", lock)
    both = {stage.language: stage.below for stage in stages(locked, Predict)}
    assert both["en"].revision == "a" * 40 and both["en"].digest == both["qaa"].digest


def test_a_language_without_an_adapter_is_refused_or_falls_back_as_said(tmp_path):
    table = TRAINED.replace('["English", "qaa"]', '["en"]').replace(
        ', qaa = ["text/qaa/train", "text/mixed/train"]', ""
    )
    with pytest.raises(ConfigError, match="no adapter for 'qaa', which xnli is tested in") as caught:
        load(BASE + table, tmp_path)
    assert "fallback = 'en'" in caught.value.hint
    found = load(BASE + table + 'fallback = "en"\n', tmp_path)
    assert {stage.below.language for stage in stages(found, Predict)} == {"en"}


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (('"English", "qaa"', '"English", "qax"'), UnknownName, "languages.train[1]: no language 'qax'"),
        (('"English", "qaa"', '"en", "english", "qaa"'), ConfigError, "'en' stands there twice"),
        (("en = ", "de = "), ConfigError, "'en' has no text in languages.texts"),
        (("en = ", 'de = "text/de/train", en = '), ConfigError, "'de' is not in languages.train"),
        (('"text/en/train"', '"text"'), ConfigError, "'text' is not <name>/<config>/<split>"),
        (('recipe = "lang"', 'recipe = "lng"'), UnknownName, "no [recipe.lng]; did you mean 'lang'?"),
        (('recipe = "lang"', ""), UnknownName, "no [recipe.NAME]"),
        (('recipe = "lang"', 'recipe = "a"'), ConfigError, "an invertible adapter belongs to a language"),
        (("train = [", "trains = ["), ConfigError, "unknown key; did you mean 'train'?"),
        (('recipe = "lang"', 'recipe = "lang"\nfallback = "de"'), ConfigError, "no 'de' here"),
        (('train = ["English", ', "train = ["), ConfigError, "is not in languages.train"),
    ],
)
def test_each_fault_of_training_is_one_line(tmp_path, change, kind, says):
    with pytest.raises(kind) as caught:
        load(BASE + TRAINED.replace(*change, 1), tmp_path)
    assert says in caught.value.message and "e.toml" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ('"adapters/none"', DataError, "no such folder"),
        ('{ hub = "en" }', ConfigError, "'en' is no hub id"),
        ('{ hub = "o/n", split = "x" }', ConfigError, "unknown key"),
        ('"adapters/bare"', DataError, "adapter.safetensors: no such file; pytorch_adapter.bin is a pickle"),
    ],
)
def test_each_fault_of_a_folder_is_one_line(tmp_path, given, kind, says):
    folder(tmp_path / "adapters" / "qaa", "other")
    folder(tmp_path / "adapters" / "bare", "")
    (tmp_path / "adapters" / "bare" / "adapter.safetensors").rename(
        tmp_path / "adapters" / "bare" / "pytorch_adapter.bin"
    )
    with pytest.raises(kind) as caught:
        load(PLAIN + FOLDERS.replace('"adapters/en"', given), tmp_path)
    assert says in caught.value.message


def test_without_an_english_adapter_nothing_can_train(tmp_path):
    folder(tmp_path / "adapters" / "qaa", "other")
    with pytest.raises(ConfigError, match="no adapter for 'en', the language of all training data"):
        load(PLAIN + FOLDERS.replace('en = "adapters/en", ', ""), tmp_path)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ('target.compositions=["continue(mnli + mlm)"]', "mixes in text of many languages"),
        ('recipe.a.method={name="lora",rank=4}', ""),
        ('recipe.lang.method={name="lora"}', "a language adapter is a bottleneck, not lora"),
        (
            'recipe.a.method={name="bottleneck",invertible="nice"}',
            "an invertible adapter belongs to a language",
        ),
    ],
)
def test_what_has_no_meaning_over_a_language_is_refused(tmp_path, setting, says):
    if not says:
        assert list(load(BASE + TRAINED, tmp_path, setting).goals())
        return
    with pytest.raises(XadaptError) as caught:
        load(BASE + TRAINED, tmp_path, setting)
    assert says in caught.value.message


def test_the_example_of_the_readme_loads(tmp_path):
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    block = text[text.index("## Language adapters (MAD-X)") :].split("```")[1].removeprefix("toml\n")
    toy = block.replace('"sw"', '"qaa"').replace("sw =", "qaa =").replace("text/sw", "text/qaa")
    assert {stage.below.language for stage in stages(load(PLAIN + toy, tmp_path), Predict)} == {"en", "qaa"}


def test_a_factor_of_no_size_is_refused_with_its_place(tmp_path):
    with pytest.raises(ConfigError, match=r"e.toml.*invertible_reduction_factor: expected a number above 0"):
        change = 'invertible = "nice", invertible_reduction_factor = 0.0'
        load((BASE + TRAINED).replace('invertible = "nice"', change), tmp_path)
