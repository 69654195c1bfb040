"""Baseline: predictions of the cheapest method that could explain a score, from words alone."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xadapt import examples
from xadapt.declared import Declared
from xadapt.stages.data import Data
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.digest import ADDED
from xadapt.workflow.stage import Stage

FURTHER = {
    "classification": ("majority", "hypothesis-only"),
    "choice": ("majority", "hypothesis-only"),
    "tagging": ("majority",),
}
"""What else could explain a score, by task type; here, since planning does without numpy."""


@dataclass(frozen=True, kw_only=True)
class Baseline(Stage):
    """Writes `predictions.jsonl` like Predict; learns from the task's English training data alone."""

    version = 2
    task: str | Declared
    language: str
    data: Data
    train: Data | None
    seed: int = 0
    method: str = field(default="", metadata=ADDED)
    """Empty for the one of the task type, `baselines.NAMES`."""

    def title(self) -> str:
        return f"baseline {self.task} {self.language} {self.method}".rstrip()

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        from xadapt import baselines

        kind = task(self.task).type
        test = list(examples.read(context.store.path(self.data) / "examples.jsonl", kind))
        train = self.train and list(examples.read(context.store.path(self.train) / "examples.jsonl", kind))
        found = baselines.predict(kind, train or [], test, self.seed, self.method)
        with (out / "predictions.jsonl").open("w", encoding="utf-8") as file:
            for example, prediction in zip(examples.asked(test), found, strict=True):
                line = {"id": example.id, "prediction": prediction}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        return {"method": self.method or baselines.NAMES[kind]}
