"""Experiment files: strict, planned without torch, every goal accounted for."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from xadapt import experiment, toml
from xadapt.benchmarks import BENCHMARKS
from xadapt.errors import ConfigError, DataError, UnknownName, XadaptError
from xadapt.notation import parse
from xadapt.recipe import Bottleneck, LoRA
from xadapt.stages.mixture import Mixture
from xadapt.workflow.plan import Plan

GOOD = """
[model]
name = "toyworld"
[data]
world = "toyworld"
[reading]
layer = 4
[recipe.a]
method = { name = "bottleneck", reduction_factor = 4 }
[recipe.a.type.span]
max_length = 99
[recipe.a.task.squad]
steps = 7
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["xnli", "xquad", "tatoeba"]
compositions = ["alone", "stack(each)", "fuse(all)"]
"""


def load(text: str, tmp_path: Path, *settings: str) -> experiment.Experiment:
    path = tmp_path / "e.toml"
    path.write_text(text, encoding="utf-8")
    return experiment.load(str(path), list(settings))


def goals(text: str, tmp_path: Path, *settings: str) -> list:
    return list(load(text, tmp_path, *settings).goals())


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (("name =", "nome ="), ConfigError, r"e.toml:3: model.nome: unknown key; did you mean 'name'\?"),
        (
            ("[recipe.a]", "[recipe.a]\nlr = 'x'"),
            ConfigError,
            r"recipe.a.lr: expected a number, got a string",
        ),
        (("[recipe.a]", "[recipe.a]\nlr = nan"), ConfigError, r"recipe.a.lr: nan is not a finite number"),
        (('"bottleneck"', '"botleneck"'), UnknownName, r"no method 'botleneck'; did you mean 'bottleneck'\?"),
        (("world = ", "world = 'hubb' #"), ConfigError, r"data.world: no 'hubb' here; did you mean 'hub'\?"),
        (('"xnli"', '"xnil"'), UnknownName, r"target.tasks\[0\]: no task 'xnil'; did you mean 'xnli'\?"),
        (('["mnli", "squad"]', '["mnlii"]'), UnknownName, r"intermediate.tasks\[0\]: no task 'mnlii'"),
        (("fuse(all)", "fuse(mnli)"), ConfigError, r"'fuse\(mnli\)' has 1 part, fuse takes 2 or more"),
        (("fuse(all)", "fuze(all)"), ConfigError, r"no composition 'fuze'; did you mean 'fuse'\?"),
        (("fuse(all)", "stack(qqp)"), UnknownName, r"'stack\(qqp\)' names 'qqp', no intermediate task"),
        (("fuse(all)", "fuse(mnli, mnli)"), ConfigError, r"has one part twice"),
        (("fuse(all)", "fuse(("), ConfigError, r"is not a composition"),
        (
            ("[data]", "[data]\nlanguages = ['en', 'qax']"),
            UnknownName,
            r"data.languages\[1\]: no language 'qax'; did you mean 'qa",
        ),
        (("[model]", "[sampling]\ncap = 0\n[model]"), ConfigError, r"sampling.cap: expected 1 to"),
        (("[model]", "[mlm]\nshare = 1\n[model]"), ConfigError, r"mlm.share: expected a share, from 0 to"),
        (("[model]", "[mlm]\ntexts = []\n[model]"), ConfigError, r"e.toml:3: mlm.texts: expected one text"),
        (
            ("[model]", "[mlm]\ntexts = ['a/b']\n[model]"),
            ConfigError,
            r"e.toml:3: mlm.texts\[0\]: 'a/b' is not <name>/<config>/<split>",
        ),
        (
            ("max_length = 99", "max_length = 64"),
            ConfigError,
            r"e.toml:\d+: recipe.a: squad: stride 64 leaves nothing new in 64 tokens",
        ),
        (
            ("[model]", "[model]\nfolder = 'mine'"),
            ConfigError,
            r"e.toml:3: model.folder: 'toyworld' is the encoder that ships",
        ),
        (('"xnli"', '"ＸＮＬＩ"'), UnknownName, r"no task 'ＸＮＬＩ'; did you mean 'xnli'\?"),
        (("[model]", "[model]\n[model]"), ConfigError, r"e.toml:3"),
        (("[model]", "[model"), ConfigError, r"e.toml:2"),
        (
            ("[recipe.a.task.squad]", "[recipe.a.task.squat]"),
            UnknownName,
            r"no task 'squat'; did you mean 'squad'",
        ),
    ],
)
def test_each_fault_is_one_line_with_place_value_and_nearest(tmp_path, change, kind, message):
    with pytest.raises(kind, match=message) as caught:
        goals(GOOD.replace(*change, 1), tmp_path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "e.toml: the file is empty"),
        (b"\xef\xbb\xbfseeds = [1]", "byte order mark"),
        (b"seeds = [1]\nx = '\xff'", "e.toml:2: not UTF-8"),
        (b"[target]\ntasks = ['xnli']", r"missing \[recipe.NAME\]"),
    ],
)
def test_files_that_are_no_experiment(tmp_path, data, message):
    path = tmp_path / "e.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        experiment.load(str(path))


def test_an_unknown_experiment_names_the_nearest():
    with pytest.raises(UnknownName, match=r"no experiment 'demoo'; did you mean 'demo'\?"):
        experiment.load("demoo")


def test_a_misspelt_file_names_the_nearest_beside_it(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD)
    with pytest.raises(UnknownName, match=r"no experiment '.*mime.toml'; did you mean '.*/mine.toml'\?"):
        experiment.load(str(tmp_path / "mime.toml"))


def test_what_a_method_has_no_meaning_for_is_refused_before_anything_loads(tmp_path):
    with pytest.raises(ConfigError, match=r"is not defined for full"):
        goals(GOOD, tmp_path, "recipe.a.method=full")
    for method, composition, why in (
        ('{name="lora",dora=true}', "gate(all)", "lora with dora = true"),
        ('{name="lora",dora=true}', "stack(mnli)", "lora with dora = true"),
        ('{name="lora",dora=true}', "continue(merge(all))", "lora with dora = true"),
    ):
        with pytest.raises(ConfigError, match=f"is not defined for {why}"):
            goals(GOOD, tmp_path, f"recipe.a.method={method}", f'target.compositions=["{composition}"]')


def test_the_settings_of_a_method_are_checked_with_their_place(tmp_path):
    for method, message in (
        ("bottleneck.scaling=0.0", r"scaling: expected a number above 0, got 0"),
        ("bottleneck.leave_out=[-1]", r"leave_out\[0\]: expected 0 or more, got -1"),
        ("bottleneck.leave_out=[0, 0]", r"leave_out: .*in ascending order, each once, got \[0, 0\]"),
        ("bottleneck.leave_out=[2, 1]", r"leave_out: .*in ascending order, each once, got \[2, 1\]"),
        ("bottleneck.leave_out=[1, 9]", r"leave_out: there is no layer 9, the encoder has 0 to 3"),
        ("bottleneck.leave_out=[0, 1, 2, 3]", r"leave_out: no layer is left, the encoder has 4"),
        ("bottleneck.place='double_'", r"no 'double_' here; did you mean 'double'"),
        ("lora.targets=['query', 'query']", r"each once, got \['query', 'query'\]"),
        ("lora.targets=[]", r"targets: expected one target or more, each once, got \[\]"),
    ):
        name, setting = method.split(".", 1)
        key, value = setting.split("=")
        with pytest.raises(ConfigError, match=message):
            goals(GOOD, tmp_path, f"recipe.a.method={{name='{name}',{key}={value}}}")


def test_what_a_bottleneck_usually_has_is_the_same_stage_written_or_not(tmp_path):
    def digests(setting: str) -> list[str]:
        method = f"recipe.a.method={{name='bottleneck'{setting}}}"
        return [stage.digest for stage in goals(GOOD, tmp_path, method, "target.compositions=['alone']")]

    usual = digests("")
    for setting in ("place='sequential'", "scaling=1.0", "leave_out=[]"):
        assert digests(f",{setting}") == usual
    parallel = digests(",place='parallel'")
    assert digests(",place='parallel',scaling=4.0") == parallel
    others = [digests(",leave_out=[1]"), parallel, digests(",place='parallel',scaling=1.0")]
    assert usual not in others and others.count(parallel) == 1


def test_settings_of_a_fusion_are_checked_and_change_fusions_alone(tmp_path):
    before = {s.digest for s in Plan.of(goals(GOOD, tmp_path)).stages}
    plan = Plan.of(goals(GOOD, tmp_path, "recipe.a.fusion.temperature=2.0", "recipe.a.fusion.dropout=0.1"))
    changed = [s for s in plan.stages if s.digest not in before]
    trained = {s.title() for s in changed if s.kind in ("train", "mixture")}
    assert {title.rpartition("fuse")[2] for title in trained} == {"(mnli, squad)"}
    assert len(trained) == 3, "two targets that train, and the mixture that tatoeba reads"
    for setting, message in (
        ("temperature=0", r"recipe.a.fusion.temperature: expected a number above 0, got 0"),
        ("regularization=-1", r"recipe.a.fusion.regularization: expected 0 or more, got -1"),
        ("dropout=1.0", r"recipe.a.fusion.dropout: expected a share, from 0 to below 1, got 1.0"),
        ("temprature=2", r"unknown key; did you mean 'temperature'"),
    ):
        with pytest.raises(ConfigError, match=message):
            goals(GOOD, tmp_path, f"recipe.a.fusion.{setting}")
    with pytest.raises(ConfigError, match=r"a fusion of lora modules has no values to regularize"):
        goals(GOOD, tmp_path, "recipe.a.method=lora", "recipe.a.fusion.regularization=0.01")


def test_settings_are_strict_too(tmp_path):
    settings = ["recipe.a.lr=3e-4", "seeds=[1,2]", 'recipe.a.method={name="lora",rank=3}']
    found = load(GOOD, tmp_path, *settings, 'target.compositions=["alone"]')
    assert found.recipe["a"].lr == 3e-4 and found.seeds == (1, 2)
    assert found.recipe["a"].method == LoRA(rank=3)
    for setting, message in (
        ("recipe.a.lrr=1", "did you mean 'lr'"),
        ("recipe.b.lr=1", "no recipe 'b'"),
        ("x", "key"),
    ):
        with pytest.raises(ConfigError, match=message):
            load(GOOD, tmp_path, setting)


def test_changes_for_types_and_tasks_apply_in_order(tmp_path):
    train = {s.task: s.recipe for s in Plan.of(goals(GOOD, tmp_path)).stages if s.kind == "train"}
    assert train["mnli"].max_length == 128 and train["mnli"].steps is None
    assert train["squad"].max_length == 99 and train["squad"].steps == 7
    assert train["squad"].method == Bottleneck(reduction_factor=4)


def test_the_plan_shares_what_is_equal(tmp_path):
    plan = Plan.of(goals(GOOD, tmp_path))
    trains = [s for s in plan.stages if s.kind == "train"]
    # XNLI trains as MNLI and XQuAD as SQuAD, so each `alone` is the intermediate itself.
    assert Counter(s.task for s in trains) == {"mnli": 4, "squad": 4}
    assert [s.kind for s in plan.stages].index("data") == 0
    seen: set[str] = set()
    for stage in plan.stages:
        assert set(stage.inputs) <= seen
        seen.add(stage.digest)


@pytest.mark.parametrize("form", ["fuse", "gate"])
def test_a_read_target_reads_what_was_trained_on_the_mixture_of_the_parts(tmp_path, form):
    cells = list(load(GOOD.replace("fuse(all)", f"{form}(all)"), tmp_path).cells())
    read = [c for c in cells if (c.task, c.composition) == ("tatoeba", f"{form}(mnli, squad)")]
    modules = {c.score.predictions.module for c in read}
    assert [(type(m), [p.task for p in m.parts], m.base.form) for m in modules] == [
        (Mixture, ["mnli", "squad"], form)
    ]
    assert len({(c.task, c.language, c.composition, c.method, c.seed) for c in cells}) == len(cells)


def test_a_seed_more_adds_stages_and_changes_none(tmp_path):
    one = {s.digest for s in Plan.of(goals(GOOD, tmp_path)).stages}
    two = {s.digest for s in Plan.of(goals(GOOD, tmp_path, "seeds=[1,2]")).stages}
    assert one < two


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "vocab.txt"])
def test_a_local_model_is_named_by_all_that_is_loaded(tmp_path, name):
    own = ("model.name=mine", f"model.folder={tmp_path}")
    with pytest.raises(DataError, match=r"model.safetensors: no such file"):
        goals(GOOD, tmp_path, *own)
    (tmp_path / "model.safetensors").write_bytes(b"1")
    with pytest.raises(DataError, match=r"config.json: no such file"):
        goals(GOOD, tmp_path, *own)
    (tmp_path / "config.json").write_text('{"model_type": "xlm-roberta", "num_hidden_layers": 6}')
    (tmp_path / name).write_text('{"model_type": "xlm-roberta", "num_hidden_layers": 4}')
    first = load(GOOD, tmp_path, *own).base
    (tmp_path / "notes.md").write_bytes(b"of no effect")
    assert first == load(GOOD, tmp_path, *own).base
    (tmp_path / name).write_text('{"model_type": "xlm-roberta", "num_hidden_layers": 5}')
    assert first != load(GOOD, tmp_path, *own).base


def test_what_a_local_model_cannot_read_is_refused_when_planned(tmp_path):
    own = ("model.name=mine", f"model.folder={tmp_path}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    config = {"model_type": "xlm-roberta", "max_position_embeddings": 100, "pad_token_id": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=r"max_length: 128 tokens for mnli, the encoder has 98 positions"):
        goals(GOOD, tmp_path, *own)
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": "four"}))
    with pytest.raises(DataError, match=r"num_hidden_layers = 'four'; needed is a whole number"):
        goals(GOOD, tmp_path, *own)


def test_a_local_model_is_found_from_the_experiment_file(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"1")
    (tmp_path / "mine" / "config.json").write_text('{"model_type": "xlm-roberta"}')
    first = load(GOOD, tmp_path, "model.name=mine", "model.folder=mine")
    copy = tmp_path / "elsewhere" / "copy.toml"
    copy.parent.mkdir()
    copy.write_text(toml.write(experiment.resolved(first)))
    assert experiment.load(str(copy)).base == first.base


@pytest.mark.parametrize("name", ["demo", "xstilts", "toyworld_encoder"])
def test_shipped_experiments_plan(name):
    plan = Plan.of(experiment.load(name).goals())
    assert len(plan.stages) > 1


def test_the_shipped_matrix_is_that_of_the_paper():
    found = experiment.load("xstilts")
    assert set(found.target.tasks) == set(BENCHMARKS["xtreme"].tasks)
    assert len(found.intermediate.tasks) == 9
    assert all(found.task(name).role == "intermediate" for name in found.intermediate.tasks)
    places = {(c.task, c.language) for c in found.cells()}
    # The languages that XTREME has: 15, 7, 33, 40, 11, 7, 9, 4 and 36.
    assert len(places) == 162


def test_folder_experiments_ask_for_the_folder():
    with pytest.raises(ConfigError, match="needs a folder"):
        list(experiment.load("real_small").goals())


def test_the_shipped_encoder_is_the_one_its_experiment_makes():
    import json

    from xadapt.experiment.install_encoder import HOME, encoder

    assert json.loads((HOME / "record.json").read_text())["digest"] == encoder().digest


GRID = """
seeds = [{seeds}]
[model]
name = "owner/big"
[recipe.a]
lr = 1e-4
[intermediate]
tasks = ["mnli", "squad", "hellaswag", "udpos", "panx", "xcopa", "pawsx"]
[target]
tasks = ["xnli", "pawsx", "udpos", "panx", "xquad", "xcopa", "tatoeba"]
compositions = ["alone", "stack(each)", "continue(each)", "fuse(all)"]
"""


def test_a_grid_of_thousands_of_cells_is_planned_in_seconds(tmp_path):
    started = time.process_time()
    plan = Plan.of(goals(GRID.format(seeds="1, 2"), tmp_path))
    assert len(plan.stages) > 7000
    # A bound for a fault (a quadratic plan takes minutes), not a measurement.
    assert time.process_time() - started < 20


def test_every_refusal_is_an_error_of_ours():
    for text in ("stack()", "alone(mnli)", "each", "fuse(each)", "stack(all)", "", "a(b(c))"):
        with pytest.raises(XadaptError):
            list(parse(text, ("mnli", "squad", "qqp")))
