"""The sizes of an encoder, and how many weights it and its modules have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from xadapt.recipe import TARGETS, Architecture, Bottleneck, Compacter, Full, LoRA, Method, PrefixTuning

KEY_SIZE = 16
"""Width of the queries with which LoRA modules are fused (modeling/combined.py)."""

Form = Literal["alone", "fuse", "gate"]
NAMES = {
    "layers": ("num_hidden_layers", "num_layers", "n_layer"),
    "hidden": ("hidden_size", "d_model", "n_embed"),
    "heads": ("num_attention_heads", "num_heads", "n_head", "attention_heads"),
    "intermediate": ("intermediate_size", "d_ff", "ffn_dim"),
    "vocabulary": ("vocab_size",),
    "positions": ("max_position_embeddings",),
}
"""Our name -> how the configs of the families call it."""


@dataclass(frozen=True)
class Sizes:
    """An encoder; `intermediate` is the width of the feed-forward, `positions` the rows of its table."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int = 514

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Sizes | None":
        """Of a config.json; None where it leaves one of them open."""
        found = {}
        for ours, theirs in NAMES.items():
            given = [config[name] for name in theirs if config.get(name)]
            if given:
                found[ours] = int(given[0])
        found.setdefault("positions", 0)
        if "hidden" in found:
            found.setdefault("intermediate", 4 * found["hidden"])
        return cls(**found) if len(found) == len(NAMES) else None

    @classmethod
    def made(cls, of: Architecture) -> "Sizes":
        """Of an encoder that is trained from text."""
        return cls(of.layers, of.hidden, of.heads, of.intermediate, of.vocabulary, of.max_length + 2)

    @property
    def matrices(self) -> int:
        """Weights of the projections of all layers."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)

    @property
    def rest(self) -> int:
        """Weights of embeddings, biases and norms."""
        own = self.layers * (9 * self.hidden + self.intermediate)
        return (self.vocabulary + self.positions + 3) * self.hidden + own


@dataclass(frozen=True)
class Shape:
    """A module over frozen ones, by what it computes and keeps."""

    method: Method
    form: Form = "alone"
    parts: int = 1
    """Modules that are combined."""
    below: int = 0
    """Frozen modules that lie under it, a language adapter included."""


def units(method: Bottleneck, hidden: int) -> int:
    """Width of a bottleneck."""
    return max(1, int(hidden // method.reduction_factor))


def trainable(model: Sizes, shape: Shape) -> int:
    """Weights of a module or of what combines modules, heads left out; about, where a library makes it."""
    d, method = model.hidden, shape.method
    if isinstance(method, Full):
        return model.matrices + model.rest
    if shape.form == "gate":
        return model.layers * shape.parts
    if isinstance(method, Bottleneck):
        # What is trained in each place of a layer that has a module.
        places = (model.layers - len(method.leave_out)) * (2 if method.place == "double" else 1)
        if shape.form == "fuse":
            return places * (3 * d * d + 2 * d)
        one = 2 * d * units(method, d) + units(method, d) + d
        half = d // 2
        inner = int(half // method.invertible_reduction_factor) if method.invertible != "none" else 0
        return places * one + 2 * inner * (d + 1) + (d if inner else 0)
    if isinstance(method, LoRA):
        return model.layers * sum(_low_rank(method, shape, *projection(model, t)) for t in method.targets)
    if isinstance(method, PrefixTuning):
        return model.layers * 2 * d * (method.prefix_length if method.flat else method.bottleneck_size)
    if isinstance(method, Compacter):
        return model.layers * 4 * d
    return model.layers * (2 * d + model.intermediate)


def _low_rank(method: LoRA, shape: Shape, inner: int, outer: int) -> int:
    if shape.form == "fuse":
        return KEY_SIZE * (inner + shape.parts * method.rank) + shape.parts
    return method.rank * (inner + outer) + (outer if method.dora else 0)


def projection(model: Sizes, target: str) -> tuple[int, int]:
    """(in, out) of a projection that LoRA updates, one of `recipe.TARGETS`."""
    assert target in TARGETS
    inner = model.intermediate if target == "output" else model.hidden
    return inner, model.intermediate if target == "intermediate" else model.hidden
