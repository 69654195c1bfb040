"""Every form under both methods runs from an experiment file to its scores, on the toy world."""

import json
from pathlib import Path

import pytest

from xadapt import experiment
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

from .cli.calls import here

COMPOSITIONS = (
    "alone",
    "continue(chain(mnli, squad))",
    "stack(multitask(all))",
    "stack(chain(merge(mnli, squad), hellaswag) + mlm)",
    "merge(all)",
    "fuse(chain(mnli, squad), hellaswag)",
    "gate(merge(mnli, squad), hellaswag)",
)
FILE = f"""
[model]
name = "toyworld"
[data]
world = "toyworld"
train_rows = 40
test_rows = 12
languages = ["en", "qaa"]
[recipe.bn]
method = {{ name = "bottleneck", place = "double", leave_out = [1] }}
fusion = {{ temperature = 2.0, regularization = 0.01, dropout = 0.1 }}
steps = 2
batch = 4
[recipe.lora]
method = {{ name = "lora" }}
fusion = {{ temperature = 2.0, dropout = 0.1 }}
steps = 2
batch = 4
[mlm]
rows = 40
[sampling]
steps = 5
[reading]
layer = 4
[intermediate]
tasks = ["mnli", "hellaswag", "squad"]
[target]
tasks = ["pawsx", "tatoeba"]
compositions = {json.dumps(COMPOSITIONS)}
"""


@pytest.mark.slow
def test_every_form_runs_under_both_methods(tmp_path: Path) -> None:
    path, place = tmp_path / "all.toml", tmp_path / "store"
    path.write_text(FILE, encoding="utf-8")
    done = here("run", str(path), "--store", str(place), "-q")
    assert done.returncode == 0, done.stderr
    found = experiment.load(str(path))
    cells = [cell for cell in found.cells() if cell.recipe]
    assert {(cell.composition, cell.recipe, cell.task) for cell in cells if cell.score} == {
        (cell.composition, cell.recipe, cell.task) for cell in cells
    }
    assert len({(cell.composition, cell.recipe) for cell in cells}) == 2 * len(COMPOSITIONS)
    store = Store(place)
    for cell in cells:
        assert store.path(cell.score).is_dir()
        attention = store.path(cell.score.predictions) / "attention.json"
        assert attention.is_file() == cell.composition.startswith("fuse")
        if attention.is_file():
            check_attention(json.loads(attention.read_text()), cell.method)
    mixtures = [s for s in Plan.of(found.goals()).stages if isinstance(s, Mixture) and s.text is None]
    assert {store.record(stage.digest).notes["steps"] for stage in mixtures} == {5}
    predictions = [stage for stage in Plan.of(found.goals()).stages if isinstance(stage, Predict)]
    assert len(predictions) == len({cell.score.predictions.digest for cell in cells})


def check_attention(facts, method) -> None:
    assert facts["parts"] == ["chain(mnli, squad)", "hellaswag"]
    assert set(facts["sites"]) == ({"query", "value"} if method == "lora" else {"attention", "output"})
    assert len(facts["layers"]) == 4 and facts["tokens"] > 0
    for rows in (facts["layers"], *facts["sites"].values()):
        if method != "lora":
            assert rows.pop(1) == [None, None], "left out"
        assert all(sum(row) == pytest.approx(1, abs=1e-4) and min(row) > 0 for row in rows)
