"""Baseline: predictions of the cheapest method that could explain a score, from words alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt.stages.data import Data
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Baseline(Stage):
    """Writes `predictions.jsonl` like Predict; learns from the task's English training data alone."""

    task: str
    language: str
    data: Data
    train: Data | None
    seed: int = 0

    def title(self) -> str:
        return f"baseline {self.task} {self.language}"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        raise NotImplementedError
