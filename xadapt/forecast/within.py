"""`plan --memory`: what `run --memory` would pick, by what is known before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from xadapt import models
from xadapt.forecast.model import model
from xadapt.memory.amount import parse
from xadapt.memory.choose import Choice, at, choose
from xadapt.memory.estimate import Bits, How
from xadapt.memory.sizes import Sizes
from xadapt.recipe import Full, ModelSpec
from xadapt.stages import memory as planned
from xadapt.stages.encoder import Encoder
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.workflow.plan import Fits
from xadapt.workflow.stage import Stage


@dataclass(frozen=True)
class Picked:
    """For the training that is pressed most."""

    stage: Stage
    choice: Choice
    """Its peak is that of the largest step that the recipe allows."""
    fits: Fits
    """What runs side by side within the amount."""

    def line(self) -> str:
        return f"{self.choice.line()}, most for: {self.stage.title()}"

    def facts(self) -> dict[str, Any]:
        one = self.choice
        return {
            "budget_bytes": one.budget,
            "pass_tokens": one.tokens,
            "checkpointing": one.how.checkpointing,
            "bits": one.how.bits,
            "expected_bytes": one.expected.total,
            "digest": self.stage.digest,
            "title": self.stage.title(),
        }


def picked(
    amount: str, stages: Sequence[Stage], workers: int, how: How, device: str, missing: Sequence[Stage]
) -> Picked | None:
    """What a run of what is `missing` of `stages` within an amount that `workers` share picks.

    None where no size is known or nothing is to be trained. Raises ConfigError for what is no amount,
    DoesNotFit for a training that is too much.
    """
    budget = parse(amount) // workers
    needed = {stage.digest for stage in missing}
    bits = planned.bits(stages, budget, how, device, workers, _sizes, needed)
    fits = planned.fits(budget, replace(how, bits=bits), device, _sizes)
    found: list[tuple[bool, float, Picked]] = []
    for stage in missing:
        if isinstance(stage, Train | Mixture) and (size := _sizes(stage.model)) is not None:
            load = planned.load(stage, size)
            again, own = _offered(stage, bits)
            given = size, [load], load.tokens // load.recipe.batch, budget, replace(how, bits=own), device
            choice = choose(*given, checkpointing=again, bits=(own,), workers=workers)
            expected = at(size, [load], min(load.tokens, choice.tokens), choice.how)
            pressed = load.tokens / choice.tokens
            one = Picked(stage, replace(choice, expected=expected), fits)
            found.append((choice.how.checkpointing, pressed, one))
    return max(found, key=lambda each: each[:2])[2] if found else None


def _sizes(of: ModelSpec | Encoder) -> Sizes | None:
    found = model(of)
    return None if found is None else found.sizes


def _offered(stage: Train | Mixture, bits: Bits) -> tuple[bool, Bits]:
    """(whether layers can be computed again, bits of frozen matrices) of the engine that runs a stage."""
    family = models.family(stage.model) if isinstance(stage.model, ModelSpec) else None
    fast = models.engine(family, stage.recipe.method.name) != "library"
    return fast, bits if fast and not isinstance(stage.recipe.method, Full) else None
