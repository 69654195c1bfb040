"""`plan --memory`: what `run --memory` would pick, by what is known before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from xadapt.forecast.model import model
from xadapt.memory.amount import parse
from xadapt.memory.choose import Choice, at, choose
from xadapt.memory.estimate import How, Load
from xadapt.memory.sizes import Sizes
from xadapt.recipe import ModelSpec
from xadapt.stages import memory as planned
from xadapt.stages.encoder import Encoder
from xadapt.workflow.plan import Fits
from xadapt.workflow.stage import Stage


@dataclass(frozen=True)
class Held:
    """What a training holds in its largest step, and what may be done about it."""

    load: Load
    longest: int
    """Tokens of its longest example."""
    how: How
    """Where it runs, and in how many bits the frozen matrices are."""
    offered: bool = True
    """Whether layers can be computed again: not those of a library."""


@dataclass(frozen=True)
class Limit:
    """An amount of memory on the device of a run."""

    budget: int
    """Bytes for each of so many workers."""
    workers: int
    how: How
    """With the bits that all stages of the plan share."""
    device: str
    """As torch calls its type."""
    fits: Fits
    """What runs side by side within the amount."""

    def choice(self, model: Sizes, held: Sequence[Held]) -> Choice:
        """What a loop of these trainings picks, and what it then expects of its largest step.

        Raises DoesNotFit for what is too much.
        """
        loads, longest = [one.load for one in held], max(one.longest for one in held)
        offered, how = all(one.offered for one in held), held[0].how
        given = model, loads, longest, self.budget, how, self.device
        made = choose(*given, checkpointing=offered, bits=(how.bits,), workers=self.workers)
        tokens = min(made.tokens, sum(one.tokens for one in loads))
        return replace(made, expected=at(model, loads, tokens, made.how))


def limit(
    amount: str, stages: Sequence[Stage], workers: int, how: How, device: str, missing: Sequence[Stage]
) -> Limit:
    """That of a run of what is `missing` of `stages` within an amount that `workers` share.

    Raises ConfigError for what is no amount, DoesNotFit for a training that is missing and too much.
    """
    budget, needed = parse(amount) // workers, {stage.digest for stage in missing}
    found = replace(how, bits=planned.bits(stages, budget, how, device, workers, _sizes, needed))
    return Limit(budget, workers, found, device, planned.fits(budget, found, device, _sizes))


@dataclass(frozen=True)
class Picked:
    """For the training that is pressed most."""

    stage: Stage
    choice: Choice
    """Its peak is that of the largest step that is forecast."""

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


def picked(found: Sequence[tuple[Stage, float, Choice]]) -> Picked | None:
    """Of trainings, the tokens of their largest step and what a run picks for them: the one pressed most."""

    def pressed(tokens: float, choice: Choice) -> tuple[bool, float]:
        return choice.how.checkpointing, tokens / choice.tokens

    most = max(found, key=lambda one: pressed(*one[1:]), default=None)
    return None if most is None else Picked(most[0], most[2])


def _sizes(of: ModelSpec | Encoder) -> Sizes | None:
    found = model(of)
    return None if found is None else found.sizes
