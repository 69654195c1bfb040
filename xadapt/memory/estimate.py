"""What a step of trainings side by side needs at its peak, and where it goes; without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xadapt.memory.activations import FP32, fixed, per_token
from xadapt.memory.sizes import Shape, Sizes, trainable
from xadapt.recipe import Full, Recipe

Precision = Literal["fp32", "bf16"]
Bits = Literal[8, 4] | None
"""Of the frozen matrices where they are quantised."""

TRAINED = 4 * FP32
"""Bytes of a weight that trains: itself, its gradient and the two means of AdamW."""
SCALES = {8: 0.01, 4: FP32 / 64}
"""Bytes per weight beside its bits: a scale for each row, or for each block of 64."""
LOGITS = 3 * FP32
"""Bytes per logit: itself, its probability, its gradient."""


@dataclass(frozen=True)
class Load:
    """One training, by what a step of it holds."""

    recipe: Recipe
    shape: Shape
    tokens: int
    """In one forward."""
    outputs: int = 2
    """Of its head."""
    kind: str = "classification"
    """Its task type."""

    @property
    def answered(self) -> float:
        """Rows that the head answers for each token; 0 where it answers whole examples."""
        if self.kind == "mlm":
            return self.recipe.mask
        return float(self.kind in ("tagging", "span"))

    @property
    def logits(self) -> float:
        """Rows that the head answers."""
        return self.answered * self.tokens if self.answered else self.recipe.batch

    @property
    def snapshots(self) -> int:
        """Copies of what trains that are kept on the device (training/selection.py)."""
        recipe = self.recipe
        if recipe.select == "oracle":
            return min(recipe.snapshots, recipe.steps or recipe.snapshots)
        return int(recipe.select != "last")


@dataclass(frozen=True)
class Estimate:
    """Bytes at the peak of a step."""

    weights: int
    """Of the frozen encoder."""
    modules: int
    """Everything that trains, with gradients, the state of the optimizer and snapshots that are kept."""
    activations: int
    """What autograd keeps, and what one layer computes on the way."""
    logits: int

    @property
    def total(self) -> int:
        return self.weights + self.modules + self.activations + self.logits


def peak(
    model: Sizes,
    recipe: Recipe,
    together: int = 1,
    *,
    tokens: int | None = None,
    shape: Shape | None = None,
    kind: str = "classification",
    outputs: int = 2,
    precision: Precision = "bf16",
    padded: bool = False,
    checkpointing: bool = False,
    bits: Bits = None,
) -> int:
    """Bytes at the peak of a training step of `together` equal trainings: peak(model, recipe, together, ...).

    `tokens` are those of one training in one forward (batch x max_length when None: no more is possible where
    an example is one sequence), `shape` is the module with what it lies on (alone when None), `kind` the task
    type and `outputs` the number of labels of its head (the vocabulary for "mlm"). `padded` says that
    attention pads, as on a CPU.
    """
    many = recipe.batch * recipe.max_length if tokens is None else tokens
    load = Load(recipe, shape or Shape(recipe.method), many, outputs, kind)
    how = How(precision, padded, checkpointing, bits)
    return estimate(model, [load] * together, how).total


@dataclass(frozen=True)
class How:
    """What a training does about memory, and where it runs."""

    precision: Precision = "bf16"
    padded: bool = False
    checkpointing: bool = False
    """A layer keeps its input alone and is computed again in the backward."""
    bits: Bits = None

    @property
    def wide(self) -> int:
        return 2 if self.precision == "bf16" else FP32


def estimate(model: Sizes, loads: Sequence[Load], how: How) -> Estimate:
    """Of trainings side by side on one encoder, all in one forward."""
    return Estimate(
        weights=round(weights(model, loads, how)),
        modules=round(sum(modules(model, load, how) for load in loads)),
        activations=round(sum(load.tokens * token(model, load, how) for load in loads)),
        logits=round(sum(load.logits * load.outputs * LOGITS for load in loads)),
    )


def weights(model: Sizes, loads: Sequence[Load], how: How) -> float:
    """Bytes of the encoder; one that trains counts with what trains."""
    if any(isinstance(load.recipe.method, Full) for load in loads):
        return 0
    matrix = how.wide if how.bits is None else how.bits / 8 + SCALES[how.bits]
    return model.rest * how.wide + model.matrices * matrix


def modules(model: Sizes, load: Load, how: How) -> float:
    """Bytes of what one training holds beside the encoder, whatever its tokens."""
    head = load.outputs * model.hidden + (model.hidden**2 if load.kind in SENTENCES else 0)
    if load.kind == "mlm":
        head = load.outputs + model.hidden**2
    frozen = load.shape.below + (load.shape.parts if load.shape.form != "alone" else 0)
    beneath = frozen * trainable(model, Shape(load.recipe.method)) * FP32
    own = trainable(model, load.shape) + head
    return own * (TRAINED + load.snapshots * FP32) + beneath + fixed(model, load.shape, how.wide)


SENTENCES = ("classification", "choice")
"""Task types whose head has a layer of its own before the answer."""


def token(model: Sizes, load: Load, how: How) -> float:
    """Bytes of one token: kept for the backward, and computed on the way."""
    kept = per_token(model, load.shape, dropout=load.recipe.dropout > 0, wide=how.wide, padded=how.padded)
    if how.checkpointing:
        kept = kept / model.layers + model.layers * FP32 * model.hidden
    # In the backward of a feed-forward: the gradients before and after GELU, and of what goes around it.
    return kept + 2 * how.wide * model.intermediate + 3 * FP32 * model.hidden


def answering(model: Sizes, how: How) -> float:
    """Bytes of one token where nothing is kept for a backward: what one layer computes, and the states."""
    return 2 * how.wide * model.intermediate + (4 * how.wide + 4 * FP32) * model.hidden
