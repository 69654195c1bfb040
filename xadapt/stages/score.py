"""Score: one number, and what each test item contributes to it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt import examples
from xadapt.errors import DataError
from xadapt.stages.baseline import Baseline
from xadapt.stages.predict import Predict
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage

COLLAPSE = 20
"""Fewest items for which one and the same prediction everywhere counts as collapse."""


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
        """Raises DataError when predictions and examples do not belong together, or there are none."""
        # numpy takes a while to import, which planning does without.
        from xadapt import metrics

        kind = task(self.task).type
        every = examples.read(context.store.path(self.predictions.data) / "examples.jsonl", kind)
        test = examples.asked(list(every))
        if not test:
            raise DataError(f"{self.title()}: no test examples")
        path = context.store.path(self.predictions) / "predictions.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if [line["id"] for line in lines] != [example.id for example in test]:
            raise DataError(f"{path}: its ids are not those of the examples")
        found = [line["prediction"] for line in lines]
        rows = metrics.metric(self.metric).items(examples.gold(test), found, self.predictions.language)
        values = metrics.summary(self.metric, rows)
        name, value = next(iter(values.items()))
        same = len(found) >= COLLAPSE and len({json.dumps(each) for each in found}) == 1
        facts = {"value": value, "metric": name, "metrics": values, "n": len(rows), "collapsed": same}
        (out / "score.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        (out / "items.json").write_text(json.dumps(rows) + "\n", encoding="utf-8")
        return facts
