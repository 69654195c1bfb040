"""Two modules that were trained for two steps, and a matrix of gains that was written by hand."""

import json
from pathlib import Path

import pytest

from tests.cli import own
from tests.report import fakes
from xadapt import experiment
from xadapt.experiment import Experiment
from xadapt.recommend.question import question
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

RIGHT = {
    "words": {"alone": 20, "stack(mood)": 25, "stack(pick)": 15},
    "quiz": {"alone": 20, "stack(mood)": 21, "stack(pick)": 30},
    "pick": {"alone": 20, "stack(mood)": 22, "stack(pick)": 20},
}
"""Target -> composition -> how many of 50 items in the language that is not English, so 2 points each."""
SECONDS = {"stack(mood)": 30.0, "stack(pick)": 50.0}


class Made:
    """The experiment, the store with its modules and scores, and the file."""

    def __init__(self, folder: Path) -> None:
        text = own.EXPERIMENT.replace('tasks = ["mood"]', 'tasks = ["mood", "pick"]')
        self.file = own.write(folder, text)
        self.experiment: Experiment = experiment.load(str(self.file))
        self.store = Store(folder / "store")
        self.context = Context(self.store, device="cpu")

    def fill(self) -> None:
        """The modules by training, the scores by hand."""
        made = self.experiment.modules("a", 1)
        for outcome in run(
            Plan.of([made.module(name) for name in ("mood", "pick")]), self.context, together=2
        ):
            assert outcome.error is None, outcome.error
        for cell in self.experiment.cells():
            right = RIGHT.get(cell.task, {}).get(cell.composition)
            if right is None or cell.score is None or not cell.recipe:
                continue
            # English scores say the opposite: only the others count.
            fakes.write(self.store, cell.score, right if cell.language != "en" else 45 - right)
            predict = cell.score.predictions
            if cell.task == "words" and isinstance(predict, Predict) and isinstance(predict.module, Train):
                self._train(predict.module, SECONDS.get(cell.composition, 1.0))

    def _train(self, stage: Train, seconds: float) -> None:
        if stage not in self.store:
            with self.store.writing(stage) as work:
                (work.out / "curve.json").write_text(json.dumps([[1, 0.5]]))
                work.notes["training_seconds"] = seconds

    def question(self, target: str, **words):  # type: ignore[no-untyped-def]
        return question(self.experiment, self.store, target, **words)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    found = Made(Path(tmp_path_factory.mktemp("recommend")))
    found.fill()
    return found
