"""An experiment with full fine-tuning over a tiny model of any layout, and its stages run in a folder."""

import json
from pathlib import Path

from xadapt import experiment
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

from ..modeling.local_models import save
from .small import sentence

FILE = """
[model]
name = "tiny"
folder = "model"
[recipe.full]
method = { name = "full" }
lr = 2e-3
steps = 4
batch = 4
dropout = 0.0
weight_decay = 0.1
warmup = 2
max_length = 32
[recipe.lora]
method = { name = "lora", rank = 2 }
steps = 2
batch = 4
max_length = 32
[mlm]
texts = ["text/mixed/train"]
[reading]
layer = 2
[intermediate]
tasks = ["first", "second"]
[target]
tasks = ["second", "twin"]
compositions = ["alone", "continue(first)"]
[tasks.first]
type = "classification"
labels = ["a", "b", "c"]
train = "first.jsonl"
[tasks.second]
type = "classification"
labels = ["a", "b"]
train = "second.jsonl"
test = { en = "held.jsonl" }
[tasks.twin]
type = "retrieval"
test = { de = "twin.jsonl" }
"""


class World:
    """An experiment over a tiny model, and the store that its stages run into."""

    def __init__(self, folder: Path, layout: str) -> None:
        texts = [(sentence(n, 3 + n % 5), sentence(n + 1, 2 + n % 4)) for n in range(24)]
        save(layout, [line for pair in texts for line in pair] * 3, folder / "model")
        for name, labels in (("first", "abc"), ("second", "ab"), ("held", "ab")):
            rows = [
                {"text": text, "pair": pair, "label": labels[n % len(labels)]}
                for n, (text, pair) in enumerate(texts)
            ]
            _write(folder / f"{name}.jsonl", rows)
        _write(folder / "twin.jsonl", [{"source": text, "target": pair} for text, pair in texts])
        text = FILE.replace('"model"', json.dumps(str(folder / "model")))
        (folder / "e.toml").write_text(text, encoding="utf-8")
        self.experiment = experiment.load(str(folder / "e.toml"))
        self.folder = folder
        self.context = self.at("store")

    def at(self, name: str, **changes) -> Context:
        return Context(Store(self.folder / name), device="cpu", **changes)

    def done(self, *stages, context: Context | None = None) -> list[Path]:
        context = context or self.context
        for outcome in run(Plan.of(stages), context):
            if outcome.error is not None:
                raise outcome.error
        return [context.store.path(stage) for stage in stages]

    def cells(self, task: str) -> dict[tuple[str, str], Predict]:
        """(recipe, composition) -> what predicts."""
        return {
            (cell.recipe, cell.composition): cell.score.predictions
            for cell in self.experiment.cells()
            if cell.task == task and cell.recipe and cell.score
        }

    def train(self, composition: str = "alone") -> Train:
        return self.cells("second")["full", composition].module


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
