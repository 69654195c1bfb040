"""Bottlenecks under a learned combination, computed in bottleneck space.

With z = LayerNorm(h + x) and u_i = U_i f(D_i z + c_i) + b_i of module i, a layer goes on with

    h + sum_i w_i V u_i

where a fusion has w = softmax_i(q . k_i / T), q = Q z + b_q, k_i = K u_i + b_k, and a gate has learned
numbers w and no V.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from xadapt.modeling.banks import NON_LINEARITIES, Bank, Spread
from xadapt.modeling.combined import Combined, Fusion
from xadapt.modeling.module import Module
from xadapt.modeling.sites import Norm
from xadapt.recipe import Bottleneck

Note = Callable[[torch.Tensor], None]
"""Takes the weights [T, parts] with which the parts of one site were combined."""


class BottleneckCombination(Bank):
    """What gates and fusions share; a subclass says the weights of the parts."""

    def __init__(self, combined: Sequence[Combined]) -> None:
        super().__init__([one.weights for one in combined], trainable=True)
        method = combined[0].parts[0].method
        assert isinstance(method, Bottleneck)
        self.function = NON_LINEARITIES[method.non_linearity]
        self.count = len(combined[0].parts)
        self.places = frozenset({"output"})
        self.parts = Bank([_joined(one.parts) for one in combined], trainable=False)

    def folded(self, rows: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        """Per layer what a forward needs; `values` [rows, d, parts * (r + 1)] is V [U b]."""
        raise NotImplementedError

    def shares(
        self,
        w: dict[str, torch.Tensor],
        spread: Spread,
        z: torch.Tensor,
        inner: torch.Tensor,
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        """The weights [T, parts] for `inner` [T, parts, r]."""
        raise NotImplementedError

    def apply_to(
        self,
        w: dict[str, torch.Tensor],
        spread: Spread,
        hidden: torch.Tensor,
        residual: torch.Tensor,
        norm: Norm,
        streams: Sequence[Any] | None,
        note: Note,
    ) -> torch.Tensor:
        z = norm(hidden + residual)
        inner = self.function(spread.linear(z, w["down_weight"], w["down_bias"])).unflatten(
            -1, (self.count, -1)
        )
        shares = self.shares(w, spread, z, inner, streams)
        note(shares)
        mixed = torch.cat([(inner * shares.unsqueeze(-1)).flatten(-2), shares.to(inner.dtype)], -1)
        return hidden + spread.linear(mixed, w["values"], None)


class FusionBank(BottleneckCombination):
    """AdapterFusion (Pfeiffer et al. 2021): exact, and no module's output of width d is formed.

    With M = [U b]^T K^T Q the scores are (h_i, 1) . M_i z; q . b_k is the same for all i and drops out of the
    softmax, unless the scores themselves are dropped out, as `adapters` does: then it is added. The mix is
    V [U b] applied to the weighted (h_i, 1). The folded matrices are made once per forward, and without
    gradients once for as long as the weights stay as they are.
    """

    def __init__(self, fusions: Sequence[Fusion]) -> None:
        super().__init__(fusions)
        self.settings = fusions[0].settings
        self._made: tuple[Any, list[dict[str, torch.Tensor]]] | None = None

    def folded(self, rows: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        if torch.is_grad_enabled():
            self._made = None
            return self._fold(rows)
        found = self._state(rows)
        if self._made is None or self._made[0] != found:
            self._made = found, self._fold(rows)
        return self._made[1]

    def _state(self, rows: Sequence[int]) -> Any:
        """Changes when a weight does, in place or by another tensor, or the precision of products."""
        weights = [*self.parameters(), *self.buffers()]
        kind = weights[0].device.type
        precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        return tuple(rows), precision, [(weight.data_ptr(), weight._version) for weight in weights]

    def _fold(self, rows: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        layers = []
        for own, frozen in zip(self.layers(rows), self.parts.layers(rows), strict=True):
            up = frozen["up"]
            keys = own["key_weight"] @ up
            made = {
                "down_weight": frozen["down_weight"],
                "down_bias": frozen["down_bias"],
                "scores": keys.transpose(1, 2) @ own["query_weight"],
                "scores_bias": (keys.transpose(1, 2) @ own["query_bias"].unsqueeze(-1)).squeeze(-1),
                "values": own["value_weight"] @ up,
            }
            if self.settings.dropout:
                made["constant"] = own["key_bias"].unsqueeze(1) @ own["query_weight"]
                made["constant_bias"] = (own["key_bias"] * own["query_bias"]).sum(-1, keepdim=True)
            layers.append(made)
        return layers

    def shares(
        self,
        w: dict[str, torch.Tensor],
        spread: Spread,
        z: torch.Tensor,
        inner: torch.Tensor,
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        keys = spread.linear(z, w["scores"], w["scores_bias"])
        wide = inner.shape[-1] * self.count
        scores = (inner * keys[:, :wide].unflatten(-1, (self.count, -1))).sum(-1) + keys[:, wide:]
        if streams is not None and self.settings.dropout:
            scores = scores + spread.linear(z, w["constant"], w["constant_bias"])
            scores = spread.drop(scores, self.settings.dropout, streams)
        found: torch.Tensor = (scores / self.settings.temperature).softmax(-1)
        return found

    def penalty(self) -> torch.Tensor:
        """[jobs]: the squared distance of the values from the identity over all layers, times its weight."""
        value = self.stacked("value_weight")
        far = value - torch.eye(value.shape[-1], device=value.device)
        found: torch.Tensor = far.square().flatten(1).sum(1) * self.settings.regularization
        return found


class GateBank(BottleneckCombination):
    """One learned weight per part and layer."""

    def folded(self, rows: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        return [
            own | frozen | {"values": frozen["up"]}
            for own, frozen in zip(self.layers(rows), self.parts.layers(rows), strict=True)
        ]

    def shares(
        self,
        w: dict[str, torch.Tensor],
        spread: Spread,
        z: torch.Tensor,
        inner: torch.Tensor,
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        return for_tokens(w["gate"], spread)


def for_tokens(weights: torch.Tensor, spread: Spread) -> torch.Tensor:
    """[rows, parts] -> [T, parts]."""
    return torch.cat(
        [own.expand(count, -1) for own, count in zip(weights.unbind(0), spread.tokens, strict=True)]
    )


def _joined(parts: Sequence[Module]) -> dict[str, torch.Tensor]:
    """The parts as one wide bottleneck; `up` is [L, d, parts * (r + 1)], biases last."""
    ups = torch.cat([_scale(part) * part.weights["up_weight"] for part in parts], -1)
    biases = torch.stack([_scale(part) * part.weights["up_bias"] for part in parts], -1)
    return {
        "down_weight": torch.cat([part.weights["down_weight"] for part in parts], 1),
        "down_bias": torch.cat([part.weights["down_bias"] for part in parts], 1),
        "up": torch.cat([ups, biases], -1),
    }


def _scale(part: Module) -> float:
    assert isinstance(part.method, Bottleneck)
    return part.method.scale
