"""Merged: one module from several trained ones, in weight space; nothing trains."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt.composition import Merge
from xadapt.recipe import ModelSpec
from xadapt.stages.encoder import Encoder
from xadapt.stages.train import named
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Merged(Stage):
    """Writes the merged module in the folder format of its method; its notes say the error of a rank."""

    merge: Merge
    """How, and of what: its parts are stages that make modules of one method."""
    model: ModelSpec | Encoder

    @property
    def expression(self) -> Any:
        """What is merged, as an experiment file writes it."""
        return named(self.merge)

    def title(self) -> str:
        return str(self.expression)

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        """Raises ConfigError for modules that have no exact merge."""
        # Merging loads torch, which planning does without.
        from xadapt.training.merging import merge

        return merge(self, out, context)
