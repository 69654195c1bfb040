"""Predict: the predictions of one module, or one composition read as it is, for one task and language."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xadapt.composition import Composition
from xadapt.declared import Declared
from xadapt.recipe import ModelSpec, Reading
from xadapt.sources.published import Published
from xadapt.stages.data import Data, Dev
from xadapt.stages.encoder import Encoder
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.workflow.context import Context
from xadapt.workflow.digest import ADDED
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Predict(Stage):
    """Writes `predictions.jsonl`: one `{"id", "prediction"}` a line, in the order of the examples.

    Of a fusion also `attention.json`: the weight of each part in each layer, as a mean over all tokens.
    """

    task: str | Declared
    language: str
    data: Data
    model: ModelSpec | Encoder
    module: Train | Mixture | Composition
    """A trained target; or, for a target without training, the composition it is read from."""
    reading: Reading | None = None
    """How sentence vectors are read; only for retrieval."""
    below: Train | Published | None = field(default=None, metadata=ADDED)
    """The language adapter below everything, in place of the one that the module was trained on."""

    dev: Dev | None = field(default=None, metadata=ADDED)
    """In this language: the snapshot of `module` that is best on them answers. Only where its recipe says
    `oracle`."""

    version = 2
    most = 16
    """One load answers them all and their texts share batches; the rest is for other workers."""

    @property
    def work(self) -> float:
        return 400.0

    def title(self) -> str:
        return f"predict {self.task} {self.language}"

    def companions(self) -> Hashable | None:
        """Languages of one module share its load."""
        parts = self.module.parts if isinstance(self.module, Composition) else (self.module,)
        form = type(self.module).__name__
        model = self.model.digest if isinstance(self.model, Encoder) else self.model
        return (self.task, form, model, tuple(part.digest for part in parts))

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        return self.run_together([self], [out], context)[self.digest]

    @classmethod
    def run_together(
        cls, stages: Sequence[Stage], outs: Sequence[Path], context: Context
    ) -> dict[str, dict[str, Any]]:
        # Predicting loads torch, which planning does without.
        from xadapt.training.inference import predict

        return predict([stage for stage in stages if isinstance(stage, Predict)], outs, context)
