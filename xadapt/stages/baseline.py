"""Baseline: predictions of the cheapest method that could explain a score, from words alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt import examples
from xadapt.declared import Declared
from xadapt.stages.data import Data
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Baseline(Stage):
    """Writes `predictions.jsonl` like Predict; learns from the task's English training data alone."""

    version = 2
    task: str | Declared
    language: str
    data: Data
    train: Data | None
    seed: int = 0

    def title(self) -> str:
        return f"baseline {self.task} {self.language}"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        from xadapt import baselines

        kind = task(self.task).type
        test = list(examples.read(context.store.path(self.data) / "examples.jsonl", kind))
        train = self.train and list(examples.read(context.store.path(self.train) / "examples.jsonl", kind))
        found = baselines.predict(kind, train or [], test, self.seed)
        with (out / "predictions.jsonl").open("w", encoding="utf-8") as file:
            for example, prediction in zip(examples.asked(test), found, strict=True):
                line = {"id": example.id, "prediction": prediction}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        return {"method": baselines.NAMES[kind]}
