"""Train: one module and its head on one task, on a frozen encoder, over a composition of trained modules."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt.composition import Composition
from xadapt.declared import Declared
from xadapt.recipe import ModelSpec, Recipe
from xadapt.stages.data import Data
from xadapt.stages.encoder import Encoder
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Train(Stage):
    """An intermediate task is a Train whose base is `alone`; a target is one over a composition of those."""

    task: str | Declared
    data: Data
    model: ModelSpec | Encoder
    base: Composition
    """Its leaves are Train stages."""
    recipe: Recipe
    seed: int

    version = 2

    def title(self) -> str:
        return f"train {self.task} {named(self.base)}"

    def companions(self) -> Hashable | None:
        return self.model.digest if isinstance(self.model, Encoder) else self.model

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        return self.run_together([self], [out], context)[self.digest]

    @classmethod
    def run_together(
        cls, stages: Sequence[Stage], outs: Sequence[Path], context: Context
    ) -> dict[str, dict[str, Any]]:
        # Training loads torch, which planning does without.
        from xadapt.training.fit import fit

        return fit([stage for stage in stages if isinstance(stage, Train)], outs, context)


def named(composition: Composition) -> Composition:
    """The composition with the task names of its stages as leaves, for people to read."""
    return composition.map(lambda stage: str(stage.task))
