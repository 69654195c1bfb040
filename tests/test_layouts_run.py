"""Models of each layout, from tokenizer to scores: every type of task on toy rows, modules and full."""

import json
from pathlib import Path

import pytest

from xadapt import experiment
from xadapt.stages.predict import Predict
from xadapt.toyworld import rows
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

from .cli.calls import here
from .modeling.local_models import save

TASKS = ("pawsx", "udpos", "xquad", "xcopa", "tatoeba")
LINES = [side for row in rows("text", "mixed", "train", 200) for side in (row["text"], row["pair"]) if side]
FILE = """
[model]
name = "tiny"
folder = {folder}
[data]
world = "toyworld"
train_rows = 40
test_rows = 12
languages = ["en", "qaa"]
[recipe.bottleneck]
method = {{ name = "bottleneck" }}
steps = 3
batch = 4
[recipe.lora]
method = {{ name = "lora", targets = ["query", "output"] }}
steps = 3
batch = 4
[recipe.full]
method = {{ name = "full" }}
steps = 3
batch = 4
lr = 1e-4
[mlm]
rows = 40
[reading]
layer = 2
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = {tasks}
compositions = ["alone", "continue(chain(mnli, squad))", "continue(multitask(all) + mlm)", "stack(mnli)"]
"""


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["roberta", "bert"])
def test_every_type_of_task_runs_from_a_local_folder_to_scores(layout: str, tmp_path: Path) -> None:
    folder = save(layout, LINES, tmp_path / "model", positions=260)
    path, place = tmp_path / "all.toml", tmp_path / "store"
    text = FILE.format(folder=json.dumps(str(folder)), tasks=json.dumps(TASKS))
    path.write_text(text, encoding="utf-8")
    done = here("run", str(path), "--store", str(place), "-q")
    assert done.returncode == 0, done.stderr
    found, store = experiment.load(str(path)), Store(place)
    plan = Plan.of(list(found.goals()))
    assert not list(plan.missing(store))
    for stage in plan.stages:
        if isinstance(stage, Predict):
            lines = (store.path(stage) / "predictions.jsonl").read_text().splitlines()
            examples = (store.path(stage.data) / "examples.jsonl").read_text().splitlines()
            assert len(lines) == len(examples) > 0
    cells = [cell for cell in found.cells() if cell.recipe]
    whys = {(cell.recipe, cell.composition): cell.why for cell in cells if cell.score is None}
    assert whys == {("full", "stack(mnli)"): "stack is not defined for full"}
    assert {cell.task for cell in cells if cell.recipe == "full" and cell.score} == set(TASKS)
