"""Score: one number, and what each test item contributes to it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt.stages.baseline import Baseline
from xadapt.stages.predict import Predict
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Score(Stage):
    """Writes `score.json` (`value` in percent, `metrics`, `n`) and `items.json` (one row of sums per item).

    Separate from Predict, so that a change of metric costs no prediction.
    """

    task: str
    metric: str
    predictions: Predict | Baseline

    def title(self) -> str:
        return f"score {self.task} {self.predictions.language}"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        raise NotImplementedError
