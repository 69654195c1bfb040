"""Mixture: one module trained on several tasks, each step on one of them, each task with its own head."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xadapt.composition import Alone, Composition, Multitask, WithText
from xadapt.declared import Declared
from xadapt.recipe import ModelSpec, Recipe, Sampling
from xadapt.sources.published import Published
from xadapt.stages.data import Data, Dev
from xadapt.stages.encoder import Encoder
from xadapt.stages.train import Train, beside, following, named
from xadapt.workflow.context import Context
from xadapt.workflow.digest import ADDED
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Ingredient:
    """One task of a mixture; its recipe says how its examples are cut and how many make a step."""

    task: str | Declared
    data: Data
    recipe: Recipe
    dev: Dev | None = field(default=None, metadata=ADDED)
    """In English, where the mixture selects by the mean over its tasks."""


@dataclass(frozen=True, kw_only=True)
class Mixture(Stage):
    """A module, or a fusion of frozen ones, trained on a mixture; `heads/TASK` beside it holds the heads."""

    parts: tuple[Ingredient, ...]
    text: Ingredient | None = None
    """Masked language modelling that is mixed in."""
    text_share: float = 0.0
    """Share of the steps that are of `text`; the rest is shared among the parts by `sampling`."""
    sampling: Sampling
    model: ModelSpec | Encoder
    base: Composition
    """What the module starts from or mixes; its parts are stages that make modules."""
    recipe: Recipe
    """Of the module. Its steps, when not given, are what the parts would take one after another."""
    seed: int
    below: Train | Published | None = field(default=None, metadata=ADDED)
    """The frozen language adapter of English, below everything."""

    @property
    def expression(self) -> Any:
        """What is trained, as an experiment file writes it."""
        tasks = tuple(str(part.task) for part in self.parts)
        own: Any = Multitask(tasks) if len(tasks) > 1 else tasks[0]
        return following(self.base, WithText((own,)) if self.text else own)

    @property
    def work(self) -> float:
        steps = self.recipe.steps
        return sum(part.recipe.work for part in self.parts) if steps is None else self.recipe.work

    def title(self) -> str:
        below = "" if isinstance(self.base, Alone) else f" {named(self.base)}"
        return f"train {self.expression}{below}"

    def companions(self) -> Hashable | None:
        return beside(self.model, self.recipe.method)

    def alike(self) -> Hashable:
        return tuple(part.data.digest for part in self.parts)

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        return self.run_together([self], [out], context)[self.digest]

    @classmethod
    def run_together(
        cls, stages: Sequence[Stage], outs: Sequence[Path], context: Context
    ) -> dict[str, dict[str, Any]]:
        # Training loads torch, which planning does without.
        from xadapt.training.fit import fit

        return fit([stage for stage in stages if isinstance(stage, Mixture)], outs, context)
