"""Every task trains, predicts and is scored through the same code: on the toy world, and on real rows."""

import json
from pathlib import Path

import pytest

from xadapt import examples, experiment
from xadapt.modeling import head_format
from xadapt.stages.baseline import Baseline
from xadapt.stages.predict import Predict
from xadapt.stages.score import Score
from xadapt.stages.train import Train
from xadapt.task import Task, sources
from xadapt.tasks import task, tasks
from xadapt.workflow import execute
from xadapt.workflow.context import Context
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

REAL = Path(__file__).parents[3] / "shared" / "data"
SCORED = sorted(name for name, what in tasks().items() if what.test)
WITHOUT_REAL_ROWS = {"ccg", "mewslix"}
SMALL = """
[model]
name = "toyworld"
[data]
world = "{world}"
languages = {languages}
train_rows = 24
test_rows = 10
[reading]
layer = 2
[recipe.a]
steps = 2
batch = 4
[recipe.a.type.span]
max_length = 96
stride = 32
[target]
tasks = ["{name}"]
"""


def scores(folder: Path, name: str, world: str, languages: list[str], data: Path | None) -> list[Score]:
    """The scores of one task, each with its files in `folder/store`."""
    path = folder / "whole.toml"
    path.write_text(SMALL.format(name=name, world=world, languages=json.dumps(languages)))
    plan = Plan.of(experiment.load(str(path), data_folder=data).goals())
    context = Context(Store(folder / "store"), data=data, device="cpu")
    outcomes = list(execute.run(plan, context))
    assert [(o.stage.title(), o.error) for o in outcomes if o.error] == []
    return [stage for stage in plan.stages if isinstance(stage, Score)]


def check(found: list[Score], folder: Path, languages: list[str]) -> None:
    """Baselines and a module are scored in each language, on every item, in percent."""
    store = Store(folder / "store")
    assert {score.predictions.language for score in found} == set(languages)
    baselines = [score for score in found if isinstance(score.predictions, Baseline)]
    assert len(baselines) > 0 and len(found) - len(baselines) == len(languages)
    for score in found:
        facts = json.loads((store.path(score) / "score.json").read_text())
        lines = (store.path(score.predictions) / "predictions.jsonl").read_text().splitlines()
        assert facts["n"] == len(lines) > 0
        assert all(0 <= value <= 100 for value in facts["metrics"].values())


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORED)
def test_on_the_toy_world(name: str, tmp_path: Path) -> None:
    languages = ["qaa"] if task(name).type in ("retrieval", "mining") else ["en", "qaa"]
    check(scores(tmp_path, name, "toyworld", languages, None), tmp_path, languages)


@pytest.mark.slow
def test_ccg_predicts_the_categories_of_its_training_data(tmp_path: Path) -> None:
    found = [score.predictions for score in scores(tmp_path, "ccg", "toyworld", ["en"], None)]
    (predict,) = (each for each in found if isinstance(each, Predict))
    store = Store(tmp_path / "store")
    assert isinstance(predict.module, Train)
    train = store.path(predict.module.data) / "examples.jsonl"
    known = examples.labels(examples.read(train, "tagging"))
    assert head_format.labels(store.path(predict.module)) == known and len(known) > 10
    lines = (store.path(predict) / "predictions.jsonl").read_text().splitlines()
    assert {tag for line in lines for tag in json.loads(line)["prediction"]} <= set(known)


def with_real_rows(what: Task) -> list[str]:
    """At most two of its languages whose test rows are there."""
    assert what.test
    places = ((code, [source.local for source in sources(what.test(code))]) for code in what.languages)
    # A pool is of the languages that are there.
    every = ((code, [REAL / f"{name}.jsonl" for name in names if "*" not in name]) for code, names in places)
    return [code for code, files in every if all(map(Path.is_file, files))][:2]


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="no real rows beside the repository")
@pytest.mark.parametrize("name", sorted(set(SCORED) - WITHOUT_REAL_ROWS))
def test_on_real_rows(name: str, tmp_path: Path) -> None:
    languages = with_real_rows(task(name))
    check(scores(tmp_path, name, "folder", languages, REAL), tmp_path, languages)
