"""Encoder: a new tokenizer and a new XLM-R, trained on text by masked language modelling."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    seed: int

    def title(self) -> str:
        return "pretrain encoder"

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        raise NotImplementedError
