"""A small experiment on the toy world, some stages of it run: what a user has when using a module."""

import json
from pathlib import Path
from typing import Any

import torch

from xadapt import examples, experiment
from xadapt.stages.predict import Predict
from xadapt.stages.score import Score
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

FILE = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
train_rows = 24
test_rows = 10
[reading]
layer = 2
[recipe.bn]
method = { name = "bottleneck", reduction_factor = 8 }
lr = 3e-3
steps = 3
batch = 4
max_length = 48
stride = 16
[recipe.lora]
method = { name = "lora", rank = 2 }
lr = 3e-3
steps = 3
batch = 4
max_length = 48
stride = 16
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["xnli", "udpos", "xquad", "xcopa", "tatoeba"]
compositions = ["alone", "stack(multitask(mnli, squad))", "fuse(mnli, squad)", "gate(mnli, squad)"]
"""
MADX = """
[recipe.lang]
method = { name = "bottleneck", reduction_factor = 2, invertible = "nice" }
lr = 3e-3
steps = 4
batch = 4
max_length = 48
stride = 16
[languages]
train = ["en", "qaa"]
texts = { en = "text/en/train", qaa = "text/qaa/train" }
rows = 40
recipe = "lang"
"""
STACKED = "stack(multitask(mnli, squad))"


class World:
    """The experiment, its store, and what lies in it."""

    def __init__(self, folder: Path, text: str = FILE) -> None:
        (folder / "e.toml").write_text(text, encoding="utf-8")
        self.experiment = experiment.load(str(folder / "e.toml"))
        self.store = Store(folder / "store")
        self.context = Context(self.store, device="cpu")

    def score(self, name: str, language: str, recipe: str = "bn", composition: str = "alone") -> Score:
        (found,) = [
            cell.score
            for cell in self.experiment.cells()
            if (cell.task, cell.language, cell.recipe, cell.composition)
            == (name, language, recipe, composition)
            and cell.score
        ]
        return found

    def predicted(self, *where: str) -> Predict:
        """What predicts a task in a language; it and what it needs have run."""
        found = self.score(*where).predictions
        assert isinstance(found, Predict)
        self.run(found)
        return found

    @torch.enable_grad()
    def run(self, *stages: Any) -> None:
        for outcome in run(Plan.of(stages), self.context, together=4):
            if outcome.error is not None:
                raise outcome.error

    def module(self, stage: Predict) -> Train:
        assert isinstance(stage.module, Train)
        return stage.module

    def rows(self, stage: Predict) -> list[dict[str, Any]]:
        """The examples of a prediction, without what is right."""
        kind = task(stage.task).type
        path = self.store.path(stage.data) / "examples.jsonl"
        return [_row(kind, example) for example in examples.read(path, kind)]

    def answers(self, stage: Predict) -> list[Any]:
        """What the stage itself wrote."""
        lines = (self.store.path(stage) / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["prediction"] for line in lines]


def _row(kind: str, example: Any) -> dict[str, Any]:
    if kind == "classification":
        return {"premise": example.text, "hypothesis": example.pair}
    if kind == "tagging":
        return {"tokens": list(example.words)}
    if kind == "choice":
        return {"context": example.context, "choices": list(example.choices)}
    return {"question": example.question, "context": example.context}
