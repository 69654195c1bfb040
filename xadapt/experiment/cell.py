"""One number of a report: its place, and the stage that makes it."""

from dataclasses import dataclass
from typing import Literal

from xadapt.recipe import Select
from xadapt.stages.score import Score


@dataclass(frozen=True)
class Cell:
    """One number of the report: its place, and the stage that makes it, or why there is none."""

    task: str
    language: str
    composition: str
    recipe: str
    """The recipe's name in the file; empty for a baseline."""
    method: str
    seed: int
    score: Score | None
    limited: bool = False
    why: str = ""
    selection: Select | Literal[""] = ""
    """How the weights behind it were chosen; empty for a baseline."""
