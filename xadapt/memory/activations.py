"""Bytes per token that autograd keeps for the backward, by method.

Counted from what `modeling/layer.py` and the banks compute: a frozen matrix keeps nothing of its input, a
trained one its input, LayerNorm its input in fp32, attention query, key, value and its result, GELU its
input, dropout its mask, a byte a number. Nothing is kept before the first weight that trains. Held against
what autograd keeps by `tests/training/test_memory_estimate.py` and `benchmarks/memory.py`.
"""

from dataclasses import dataclass

from xadapt.memory.sizes import KEY_SIZE, Shape, Sizes, projection, trainable, units
from xadapt.recipe import Bottleneck, Full, LoRA

FP32 = 4
STATISTICS = 2 * FP32
"""Of a LayerNorm, per token: mean and deviation."""


PADDED = 1.4
"""What attention keeps where it pads sequences of like length together (modeling/attention.py)."""


@dataclass(frozen=True)
class Kept:
    """What a token leaves behind; `wide` are the bytes of a number outside norms, 4 or, under bf16, 2."""

    model: Sizes
    shape: Shape
    dropout: bool
    wide: int
    padded: bool

    @property
    def norm(self) -> float:
        return FP32 * self.model.hidden + STATISTICS

    @property
    def mask(self) -> float:
        return self.model.hidden if self.dropout else 0

    @property
    def attention(self) -> float:
        """Query, key, value and result, and per head the logarithm of the sum."""
        four = 4 * self.wide * self.model.hidden + FP32 * self.model.heads
        return four * PADDED if self.padded else four

    @property
    def gelu(self) -> float:
        return self.wide * self.model.intermediate

    def layer(self) -> float:
        """One layer that gradients flow through to layers below."""
        return self.attention + 2 * (self.mask + self.norm) + self.gelu + self.below() + self.module()

    def below(self) -> float:
        """Frozen bottlenecks keep their inner units and the input of their norm."""
        method = self.shape.method
        if not isinstance(method, Bottleneck):
            return 0
        return self.shape.below * (self.norm + self.wide * units(method, self.model.hidden))

    def first(self) -> float:
        """The lowest layer with something that trains: what stands above its first weight."""
        method, above = self.shape.method, self.layer() - self.below()
        if isinstance(method, Full):
            return self.layer() + self.norm + self.mask
        if isinstance(method, LoRA):
            return above - self._before(method)
        if not isinstance(method, Bottleneck):
            return above
        if method.invertible != "none":
            return self.layer() + self._invertible(method)
        before = self.attention + self.mask
        if method.place == "double" and self.shape.form == "alone":
            return above - before
        before += self.norm + self.gelu + self.mask
        return above - before - (0 if method.place == "parallel" else self.norm)

    def _before(self, method: LoRA) -> float:
        """What a layer would keep below the first projection with an update, and masks of its input."""
        targets = set(method.targets)
        if own := targets & {"query", "key", "value"}:
            return len(own) * self.model.hidden if method.dropout else 0
        if "attention_output" in targets:
            return self.attention
        half = self.attention + self.mask + self.norm
        return half if "intermediate" in targets else half + self.gelu

    def module(self) -> float:
        method, d = self.shape.method, self.model.hidden
        if isinstance(method, Full):
            # Inputs of matrices that nothing else keeps; under bf16 those from fp32 are copied.
            return self.wide * (2 * d + self.model.intermediate)
        if isinstance(method, Bottleneck):
            return self._bottleneck(method)
        if isinstance(method, LoRA):
            return sum(self._update(method, target) for target in method.targets) + self._read(method)
        # By a library: what is scaled is kept.
        return self.wide * (2 * d + self.model.intermediate)

    def _bottleneck(self, method: Bottleneck) -> float:
        d, inner, parts = self.model.hidden, units(method, self.model.hidden), self.shape.parts
        if self.shape.form == "gate":
            return self.norm + self.wide * parts * (inner + 1)
        if self.shape.form == "fuse":
            return self.norm + self.wide * (d + 3 * parts * (inner + 1)) + FP32 * parts
        # ReLU and tanh keep their result, which the second matrix keeps too; the others their input.
        curves = 1 if method.non_linearity in ("relu", "tanh") else 2
        one = self.wide * (d + curves * inner)
        if method.place == "sequential":
            return one + self.norm
        return 2 * one if method.place == "double" else one

    def _read(self, method: LoRA) -> float:
        """The inputs of the updates; in fp32 without dropout query, key and value share theirs."""
        if self.shape.form == "gate":
            return 0
        read = [projection(self.model, target)[0] for target in method.targets]
        if method.dropout:
            return (1 + self.wide) * sum(read)
        if self.wide < FP32:
            return self.wide * sum(read)
        one = any(target in ("query", "key", "value") for target in method.targets)
        more = [t for t in method.targets if t in ("intermediate", "output")]
        return FP32 * (one * self.model.hidden + sum(projection(self.model, target)[0] for target in more))

    def _update(self, method: LoRA, target: str) -> float:
        outer, rank = projection(self.model, target)[1], method.rank * self.shape.parts
        kept: float = self.wide * rank
        if self.shape.form != "alone":
            kept += self.wide * rank + FP32 * self.shape.parts
        if self.shape.form == "fuse":
            kept += self.wide * (KEY_SIZE + rank)
        return kept + (FP32 * outer if method.dora else 0)

    def _invertible(self, method: Bottleneck) -> float:
        inner = int(self.model.hidden // 2 // method.invertible_reduction_factor)
        return self.wide * (self.model.hidden + 2 * inner)


def per_token(model: Sizes, shape: Shape, *, dropout: bool, wide: int, padded: bool) -> float:
    """Bytes over all layers."""
    kept, method = Kept(model, shape, dropout, wide, padded), shape.method
    out = method.leave_out if isinstance(method, Bottleneck) else ()
    first = next((layer for layer in range(model.layers) if layer not in out), None)
    if first is None:
        return 0
    bare = sum(layer > first for layer in out)
    return kept.first() + (model.layers - first - 1) * kept.layer() - bare * kept.module()


def fixed(model: Sizes, shape: Shape, wide: int) -> float:
    """Bytes that do not grow with the tokens: folded matrices of a fusion, copies of weights under bf16."""
    method, d = shape.method, model.hidden
    copies = 0 if wide == FP32 else wide
    if isinstance(method, Full):
        return copies * model.matrices
    if isinstance(method, Bottleneck) and shape.form == "fuse":
        folded = 3 * shape.parts * (units(method, d) + 1) * d * wide
        return model.layers * (folded + copies * 3 * d * d)
    return copies * trainable(model, shape)
