"""Score: one number, and what each test item contributes to it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xadapt import examples
from xadapt.declared import Declared
from xadapt.errors import DataError
from xadapt.stages.baseline import Baseline
from xadapt.stages.predict import Predict
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.digest import ADDED
from xadapt.workflow.stage import Stage

if TYPE_CHECKING:
    from xadapt import metrics

COLLAPSE = 20
"""Fewest items for which one and the same prediction everywhere, or one and the same tag, is a collapse."""


@dataclass(frozen=True, kw_only=True)
class Score(Stage):
    """Writes `score.json` (`value` in percent, `metrics`, `n`) and `items.json` (one row of sums per item).

    `at_chance` says that the 95 % interval of the value reaches what the best constant answer would score.
    Separate from Predict, so that a change of metric costs no prediction. Where the metric has a threshold,
    `score.json` says it: one, or one for each half.
    """

    task: str | Declared
    metric: str
    predictions: Predict | Baseline
    tuned_on: Predict | Baseline | None = field(default=None, metadata=ADDED)
    """Predictions on development data, on which a threshold is set.

    Without them each half of the test items takes the threshold that is best on the other half.
    """

    version = 2

    def title(self) -> str:
        return f"score {self.task} {self.predictions.language}"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        """Raises DataError when predictions and examples do not belong together, or there are none."""
        facts, rows = scored(self.metric, self.predictions.language, *self.counted(context))
        (out / "score.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        (out / "items.json").write_text(json.dumps(rows) + "\n", encoding="utf-8")
        return facts

    def counted(self, context: Context) -> tuple[list[Any], list[Any], list[float]]:
        """Test examples, their predictions as they count, and the thresholds; None for what is below its own.

        Raises DataError like `run`.
        """
        dev = None if self.tuned_on is None else self._answers(self.tuned_on, context)
        return counted(self.metric, self._answers(self.predictions, context), dev)

    def _answers(self, made: Predict | Baseline, context: Context) -> "Answers":
        store = context.store
        return Answers(task(self.task).type, store.path(made.data), store.path(made))


@dataclass(frozen=True)
class Answers:
    """Predictions in a folder, on the examples of another one."""

    kind: str
    """The task type of the examples."""
    data: Path
    made: Path

    def read(self) -> tuple[list[Any], list[Any]]:
        """(examples that are asked for a prediction, their predictions)"""
        test = examples.asked(list(examples.read(self.data / "examples.jsonl", self.kind)))
        path = self.made / "predictions.jsonl"
        if not test:
            raise DataError(f"{path}: no test examples")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if [line["id"] for line in lines] != [example.id for example in test]:
            raise DataError(f"{path}: its ids are not those of the examples")
        return test, [line["prediction"] for line in lines]


def counted(metric: str, answers: Answers, dev: Answers | None) -> tuple[list[Any], list[Any], list[float]]:
    """Examples, predictions as they count, and thresholds: set on `dev`, or on the other half of the test."""
    # numpy takes a while to import, which planning does without.
    from xadapt import metrics

    test, found = answers.read()
    if (tuned := metrics.tuned(metric)) is None:
        return test, found, []
    if dev is not None:
        known, mined = dev.read()
        limit = tuned.threshold(examples.gold(known), mined)
        return test, tuned.above(found, limit), [limit]
    halves = [_half(example.id) for example in test]
    limits = [_without(half, halves, test, found, tuned) for half in (0, 1)]
    kept = [tuned.above(found, limit) for limit in limits]
    return test, [kept[half][index] for index, half in enumerate(halves)], limits


def scored(
    metric: str, language: str, test: Sequence[Any], found: Sequence[Any], thresholds: Sequence[float]
) -> tuple[dict[str, Any], list[tuple[float, ...]]]:
    """What `score.json` and `items.json` say of the predictions as they count."""
    from xadapt import metrics

    gold = examples.gold(test)
    rows = metrics.metric(metric).items(gold, found, language)
    values = metrics.summary(metric, rows)
    name, value = next(iter(values.items()))
    same = len(found) >= COLLAPSE and _constant(found)
    facts = {"value": value, "metric": name, "metrics": values, "n": len(rows), "collapsed": same}
    facts |= {"at_chance": metrics.at_chance(metric, gold, rows)}
    return facts | ({"thresholds": list(thresholds)} if thresholds else {}), rows


def _constant(found: Sequence[Any]) -> bool:
    """Whether all predictions are the same, or all tags of all of them, which have as many as words."""
    tags = {tag for each in found if isinstance(each, list) for tag in map(json.dumps, each)}
    return len({json.dumps(each) for each in found}) == 1 or (
        len(tags) == 1 and all(isinstance(each, list) for each in found)
    )


def _half(name: str) -> int:
    """0 or 1, of an id alone: no order of the rows changes who tunes for whom."""
    return hashlib.sha256(name.encode()).digest()[0] % 2


def _without(
    half: int, halves: Sequence[int], test: Sequence[Any], found: Sequence[Any], tuned: "metrics.Tuned"
) -> float:
    """The threshold that is best on all but one half."""
    others = [index for index, each in enumerate(halves) if each != half]
    return tuned.threshold(
        examples.gold([test[index] for index in others]), [found[index] for index in others]
    )
