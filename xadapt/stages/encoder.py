"""Encoder: a new tokenizer and a new XLM-R, trained on text by masked language modelling."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt import examples
from xadapt.recipe import Architecture, Recipe
from xadapt.stages.data import Data
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Encoder(Stage):
    """Writes a folder that `transformers` loads: config, weights (fp16 safetensors), tokenizer."""

    texts: tuple[Data, ...]
    architecture: Architecture
    recipe: Recipe
    """Its method is `full`: every weight trains."""
    seed: int

    version = 2

    @property
    def work(self) -> float:
        return self.recipe.work

    def title(self) -> str:
        return "pretrain encoder"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        # The loop loads torch, which planning does without.
        from xadapt.training.pretrain import pretrain

        lines = [
            line
            for data in self.texts
            for line in examples.read(context.store.path(data) / "examples.jsonl", "mlm")
        ]
        return pretrain(lines, self.architecture, self.recipe, self.seed, out, context, owner=self.digest)
