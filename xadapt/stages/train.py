"""Train: one module and its head on one task, on a frozen encoder, over a composition of trained modules."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xadapt import models
from xadapt.composition import Chain, Composition, Continue
from xadapt.declared import Declared
from xadapt.recipe import Full, Method, ModelSpec, Recipe
from xadapt.sources.published import Published
from xadapt.stages.data import Data, Dev
from xadapt.stages.encoder import Encoder
from xadapt.workflow.context import Context
from xadapt.workflow.digest import ADDED
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Train(Stage):
    """An intermediate task is a Train whose base is `alone`; a target is one over a composition of those."""

    task: str | Declared
    data: Data
    model: ModelSpec | Encoder
    base: Composition
    """Its parts are stages that make modules: Train, Mixture, Merged."""
    recipe: Recipe
    seed: int
    below: "Train | Published | None" = field(default=None, metadata=ADDED)
    """The frozen language adapter below everything (MAD-X): that of English, as all training data are."""
    language: str = field(default="", metadata=ADDED)
    """Of a language adapter, which is trained on text by masked language modelling, its language."""

    dev: Dev | None = field(default=None, metadata=ADDED)
    """In English, where the recipe selects on it."""

    version = 2

    @property
    def expression(self) -> Any:
        """What is trained, as an experiment file writes it: a task, or the chain that ends with it."""
        return following(self.base, str(self.task))

    @property
    def work(self) -> float:
        return self.recipe.work

    def title(self) -> str:
        if self.language:
            return f"train language adapter {self.language}"
        return f"train {self.task} {named(self.base)}"

    def companions(self) -> Hashable | None:
        return beside(self.model, self.recipe.method)

    def alike(self) -> Hashable:
        return self.data.digest, self.recipe.batch

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        return self.run_together([self], [out], context)[self.digest]

    @classmethod
    def run_together(
        cls, stages: Sequence[Stage], outs: Sequence[Path], context: Context
    ) -> dict[str, dict[str, Any]]:
        # Training loads torch, which planning does without.
        from xadapt.training.fit import fit

        return fit([stage for stage in stages if isinstance(stage, Train)], outs, context)


def beside(model: ModelSpec | Encoder, method: Method) -> Hashable | None:
    """What trainings share that run side by side; None for one that has an encoder to itself.

    That is a full training, and one by a library, which carries one module.
    """
    family = None if isinstance(model, Encoder) else models.family(model)
    if isinstance(method, Full) or models.engine(family, method.name) == "library":
        return None
    return model.digest if isinstance(model, Encoder) else model


def named(composition: Composition) -> Composition:
    """The composition with what its stages train or merge as leaves, for people to read."""
    return composition.map(lambda stage: stage.expression)


def following(base: Composition, own: Any) -> Any:
    """`own`, or the chain that it ends when it continues from another module."""
    if not isinstance(base, Continue):
        return own
    before = base.parts[0].expression
    return Chain((*(before.parts if isinstance(before, Chain) else (before,)), own))


def slug(expression: Any) -> str:
    """A name for files and for libraries, which allow letters, digits, `_` and `-`."""
    return re.sub(r"[^\w-]+", "-", str(expression)).strip("-")
