"""Selection through the stages: an experiment is run on the toy world, its folders and notes are read."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from xadapt import experiment
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run as run_plan
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

TEXT = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
train_rows = 40
dev_rows = 24
test_rows = 30
[reading]
layer = 4
[recipe.a]
select = "{}"
snapshots = 3
steps = 5
batch = 4
lr = 1e-2
max_length = 48
[intermediate]
tasks = ["mnli", "pawsx"]
[target]
tasks = ["pawsx", "tatoeba"]
compositions = ["alone", "fuse(all)"]
"""


def run(folder: Path, select: str, text: str = TEXT) -> tuple[list, Store]:
    """Every stage of the experiment, and where they are."""
    path = folder / "e.toml"
    path.write_text(text.format(select), encoding="utf-8")
    store = Store(folder / "runs")
    plan = Plan.of(experiment.load(str(path)).goals())
    failed = [o.error for o in run_plan(plan, Context(store, device="cpu"), together=4) if o.error]
    assert not failed
    return list(plan.stages), store


def of(stages, kind):
    return [stage for stage in stages if isinstance(stage, kind)]


def weights(folder: Path):
    return {path.name: load_file(path) for path in sorted(folder.glob("*.safetensors"))}


def test_dev_scores_are_in_the_record_of_tasks_and_mixtures(tmp_path):
    stages, store = run(tmp_path, "dev")
    for stage in [*of(stages, Train), *of(stages, Mixture)]:
        dev = store.record(stage.digest).notes["dev"]
        steps = store.record(stage.digest).notes["steps"]
        assert [step for step, _ in dev] == [-(-n * steps // 3) for n in (1, 2, 3)]
        assert all(0 <= score <= 100 for _, score in dev)


def test_an_oracle_answers_with_the_snapshot_that_is_best_in_its_language(tmp_path):
    stages, store = run(tmp_path, "oracle")
    targets = [stage for stage in of(stages, Predict) if stage.task == "pawsx"]
    assert len(targets) == 4
    for stage in targets:
        notes = store.record(stage.digest).notes
        assert len(notes["dev"]) == 3 and notes["snapshot"] == notes["dev"].index(max(notes["dev"]))
        home = store.path(stage.module)
        last = weights(home)
        every = [weights(home / "snapshots" / f"{place:03}") for place in range(3)]
        assert every[0].keys() == last.keys() and str(every[2]) == str(last) != str(every[0])
    for stage in of(stages, Predict):
        if stage.task == "tatoeba":
            assert "snapshot" not in store.record(stage.digest).notes


@pytest.mark.parametrize("select", ["average", "last"])
def test_other_selections_keep_one_module_and_no_dev_scores(select, tmp_path):
    stages, store = run(tmp_path, select)
    for stage in of(stages, Train):
        assert "dev" not in store.record(stage.digest).notes
        assert not (store.path(stage) / "snapshots").exists()
        assert json.loads((store.path(stage) / "curve.json").read_text())
