"""Presets give the published values per task, under what the file itself says."""

from dataclasses import fields
from typing import Any

import pytest

from xadapt import experiment, toml
from xadapt.benchmarks import BENCHMARKS
from xadapt.errors import ConfigError
from xadapt.presets import PRESETS
from xadapt.recipe import Recipe
from xadapt.tasks import task

EXPERIMENT = """
[model]
name = "toyworld"
[data]
world = "toyworld"
[reading]
layer = 4
[recipe.a]
{recipe}
[intermediate]
tasks = ["mnli"]
[target]
tasks = ["pawsx"]
"""


def load(recipe: str, folder: Any, *settings: str) -> experiment.Experiment:
    path = folder / "e.toml"
    path.write_text(EXPERIMENT.format(recipe=recipe), encoding="utf-8")
    return experiment.load(str(path), list(settings))


def of(name: str, recipe: str, folder: Any, *settings: str) -> Recipe:
    return load(recipe, folder, *settings).recipe["a"].of(task(name))


@pytest.mark.parametrize(
    ("preset", "name", "values"),
    [
        ("xtreme", "mnli", (3e-5, 5.0, 32, 128, 0.0, 0.0)),
        ("xtreme", "pawsx", (2e-5, 5.0, 32, 128, 0.0, 0.0)),
        ("xtreme", "udpos", (2e-5, 10.0, 32, 128, 0.0, 0.0)),
        ("xtreme", "squad", (3e-5, 3.0, 32, 384, 500.0, 1e-4)),
        ("xtreme", "tydiqa", (3e-5, 3.0, 32, 384, 500.0, 1e-4)),
        ("xtreme", "xcopa", (3e-5, 5.0, 32, 128, 0.0, 0.0)),
        ("xtreme", "lareqa", (2e-5, 3.0, 16, 256, 0.0, 0.0)),
        ("xtreme", "mewslix", (1e-5, 2.0, 32, 64, 0.0, 0.0)),
        ("jiant", "mnli", (1e-5, 2.0, 32, 256, 0.1, 0.01)),
        ("jiant", "panx", (1e-5, 10.0, 32, 256, 0.1, 0.01)),
        ("jiant", "squad", (1e-5, 2.0, 16, 384, 0.1, 0.01)),
        ("jiant", "tydiqa", (1e-5, 2.0, 16, 384, 0.1, 0.01)),
        ("jiant", "hellaswag", (1e-5, 3.0, 32, 256, 0.1, 0.01)),
    ],
)
def test_values_are_those_published(preset: str, name: str, values: tuple[float, ...], tmp_path: Any) -> None:
    found = of(name, f'preset = "{preset}"', tmp_path)
    given = (found.lr, found.epochs, found.batch, found.max_length, found.warmup, found.weight_decay)
    assert given == values and found.clip == 1.0
    assert found.stride == (128 if task(name).type == "span" else Recipe().stride)


def test_the_file_wins_at_every_level(tmp_path: Any) -> None:
    """What it says of all tasks beats the preset's word on one task; what it says of one beats its own."""
    recipe = """
    preset = "xtreme"
    lr = 1e-3
    [recipe.a.type.span]
    epochs = 1
    [recipe.a.task.squad]
    batch = 8
    lr = 2e-3
    """
    squad, udpos = of("squad", recipe, tmp_path), of("udpos", recipe, tmp_path)
    assert (squad.lr, squad.epochs, squad.batch, squad.warmup, squad.max_length) == (2e-3, 1.0, 8, 500.0, 384)
    assert (udpos.lr, udpos.epochs, udpos.batch) == (1e-3, 10.0, 32)
    assert of("udpos", recipe, tmp_path, "recipe.a.epochs=2").epochs == 2.0


def test_a_ranking_needs_another_candidate_in_its_batch(tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match=r"^lareqa: a batch of 1 has no other candidate to tell apart$"):
        of("lareqa", "batch = 1", tmp_path)
    assert of("lareqa", "batch = 2", tmp_path).batch == 2 and of("mnli", "batch = 1", tmp_path).batch == 1


def test_a_value_equal_to_the_default_is_still_the_files_own(tmp_path: Any) -> None:
    assert of("mnli", f'preset = "jiant"\nlr = {Recipe().lr}', tmp_path).lr == Recipe().lr


def test_without_a_preset_nothing_changes(tmp_path: Any) -> None:
    assert of("mnli", "steps = 3", tmp_path) == Recipe(steps=3)


def test_what_is_kept_of_an_experiment_reads_back_equal(tmp_path: Any) -> None:
    found = load('preset = "xtreme"\nlr = 1e-3\n[recipe.a.task.squad]\nepochs = 9', tmp_path)
    path = tmp_path / "kept.toml"
    path.write_text(toml.write(experiment.resolved(found)), encoding="utf-8")
    again = experiment.load(str(path))
    for name in ("mnli", "squad", "udpos", "hellaswag"):
        assert again.recipe["a"].of(task(name)) == found.recipe["a"].of(task(name))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ('preset = "xtrem"', r"recipe.a.preset: no 'xtrem' here; did you mean 'xtreme'\?"),
        ("preset = 3", r"recipe.a.preset: no 3 here; known are jiant, xtreme"),
        ('preset = ["xtreme"]', r"recipe.a.preset: no \['xtreme'\] here"),
        ('preset = "jiant"\ntype = 3', r"recipe.a.type: expected a table"),
        ('preset = "jiant"\n[recipe.a.task]\nmnli = 3', r"recipe.a.task.mnli: expected a table"),
        ('preset = "jiant"\n[recipe.a.task.mnlii]\nlr = 3e-5', r"no task 'mnlii'; did you mean 'mnli'\?"),
        ('preset = "jiant"\nlrr = 1', r"recipe.a.lrr: unknown key; did you mean 'lr'\?"),
        ('preset = "jiant"\nmax_length = 64\n[recipe.a.type.span]\nstride = 99', "stride 99 leaves nothing"),
    ],
)
def test_faults_are_named_as_without_a_preset(recipe: str, message: str, tmp_path: Any) -> None:
    with pytest.raises(Exception, match=message) as raised:
        of("squad", recipe, tmp_path)
    assert isinstance(raised.value, ConfigError) or "no task" in message


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_name_tasks_and_fields_that_exist(name: str) -> None:
    preset = PRESETS[name]  # type: ignore[index]
    known = {field.name for field in fields(Recipe)} - {"method"}
    for values in (preset.every, *preset.type.values(), *preset.task.values()):
        assert set(values) <= known
    assert all(task(each).train is not None for each in preset.task)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_xtreme_target_that_trains_has_values_of_its_own(name: str) -> None:
    """Both publish them for each; the default of all tasks would not be what was published."""
    every = [task(each) for each in BENCHMARKS["xtreme"].tasks]
    trained = {each.trains_as or each.name for each in every if each.train is not None}
    assert trained == {"mnli", "pawsx", "udpos", "panx", "squad", "tydiqa"}
    assert trained <= PRESETS[name].task.keys()  # type: ignore[index]
