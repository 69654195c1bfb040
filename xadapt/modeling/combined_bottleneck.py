"""Bottlenecks under a learned combination, computed in bottleneck space.

With z what the modules read (recipe.Bottleneck) and u_i = s (U_i f(D_i z + c_i) + b_i) of module i, scaled
by s, each place of a layer goes on with

    h + sum_i w_i V u_i

where a fusion has w = softmax_i(q . k_i / T), q = Q z + b_q, k_i = K u_i + b_k, and a gate has learned
numbers w and no V. `adapters` computes the same but for parallel modules, whose input it adds twice.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional as F

from xadapt.modeling.banks import NON_LINEARITIES, Bank, Spread, given_to
from xadapt.modeling.combined import FUSION, Combined, Fusion
from xadapt.modeling.module import Module, prefixes
from xadapt.modeling.sites import Norm, Place
from xadapt.recipe import Bottleneck

WHOLE = 16
"""Widths are filled up with zeros to whole steps of this, which fast matrix products want."""

Note = Callable[[torch.Tensor], None]
"""Takes the weights [T, parts] with which the parts of one site were combined."""


class BottleneckCombination(Bank):
    """What gates and fusions share; a subclass says the weights of the parts."""

    def __init__(self, combined: Sequence[Combined]) -> None:
        super().__init__([one.weights for one in combined], trainable=True)
        method = combined[0].parts[0].method
        assert isinstance(method, Bottleneck)
        self.method = method
        self.function = NON_LINEARITIES[method.non_linearity]
        self.count = len(combined[0].parts)
        self.prefixes = prefixes(method)
        self.places = frozenset(self.prefixes)
        self.parts = Bank([_joined(one.parts) for one in combined], trainable=False)

    def folded(self, rows: Sequence[int]) -> list[dict[Place, dict[str, torch.Tensor]]]:
        """Per layer and place what a forward needs; no place in a layer that is left out."""
        pairs = zip(self.layers(rows), self.parts.layers(rows), strict=True)
        found: list[dict[Place, dict[str, torch.Tensor]]] = [
            {place: self.fold(own, frozen, start) for place, start in self.prefixes.items()}
            for own, frozen in pairs
        ]
        for layer in self.method.leave_out:
            found.insert(layer, {})
        return found

    def fold(
        self, own: dict[str, torch.Tensor], frozen: dict[str, torch.Tensor], start: str
    ) -> dict[str, torch.Tensor]:
        """Of the place whose names begin with `start`; `values` is V [U b 0]."""
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
        z = given_to(self.method, hidden, residual, norm)
        inner = self.function(spread.linear(z, w["down_weight"], w["down_bias"])).unflatten(
            -1, (self.count, -1)
        )
        shares = self.shares(w, spread, z, inner, streams)
        note(shares)
        mixed = [(inner * shares.unsqueeze(-1)).flatten(-2), shares.to(inner.dtype)]
        if pads := w["values"].shape[-1] - sum(part.shape[-1] for part in mixed):
            mixed.append(inner.new_zeros(len(inner), pads))
        return hidden + spread.linear(torch.cat(mixed, -1), w["values"], None)


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
        self._made: tuple[Any, list[dict[Place, dict[str, torch.Tensor]]]] | None = None

    def folded(self, rows: Sequence[int]) -> list[dict[Place, dict[str, torch.Tensor]]]:
        if torch.is_grad_enabled():
            self._made = None
            return super().folded(rows)
        found = self._state(rows)
        if self._made is None or self._made[0] != found:
            self._made = found, super().folded(rows)
        return self._made[1]

    def _state(self, rows: Sequence[int]) -> Any:
        """Changes when a weight does, in place or by another tensor, or the precision of products."""
        weights = [*self.parameters(), *self.buffers()]
        kind = weights[0].device.type
        precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        return tuple(rows), precision, [(weight.data_ptr(), weight._version) for weight in weights]

    def fold(
        self, own: dict[str, torch.Tensor], frozen: dict[str, torch.Tensor], start: str
    ) -> dict[str, torch.Tensor]:
        query, query_bias, key, key_bias, value = (own[start + name] for name in FUSION)
        up = frozen[f"{start}up"]
        keys = (key @ up).transpose(1, 2)
        made = {
            "down_weight": frozen[f"{start}down_weight"],
            "down_bias": frozen[f"{start}down_bias"],
            "scores": keys @ query,
            "scores_bias": (keys @ query_bias.unsqueeze(-1)).squeeze(-1),
            "values": value @ up,
        }
        if self.settings.dropout:
            made["constant"] = key_bias.unsqueeze(1) @ query
            made["constant_bias"] = (key_bias * query_bias).sum(-1, keepdim=True)
        return made

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
        own, constant = keys[:, :wide].unflatten(-1, (self.count, -1)), keys[:, wide : wide + self.count]
        scores = (inner * own).sum(-1) + constant
        if streams is not None and self.settings.dropout:
            scores = scores + spread.linear(z, w["constant"], w["constant_bias"])
            scores = spread.drop(scores, self.settings.dropout, streams)
        found: torch.Tensor = (scores / self.settings.temperature).softmax(-1)
        return found

    def penalty(self) -> torch.Tensor:
        """[jobs]: the squared distance of all values from the identity, times its weight."""
        values = torch.cat([self.stacked(f"{start}value_weight") for start in self.prefixes.values()], 1)
        far = values - torch.eye(values.shape[-1], device=values.device)
        found: torch.Tensor = far.square().flatten(1).sum(1) * self.settings.regularization
        return found


class GateBank(BottleneckCombination):
    """One learned weight per part and layer."""

    def fold(
        self, own: dict[str, torch.Tensor], frozen: dict[str, torch.Tensor], start: str
    ) -> dict[str, torch.Tensor]:
        names = {"down_weight": "down_weight", "down_bias": "down_bias", "values": "up"}
        return own | {name: frozen[start + theirs] for name, theirs in names.items()}

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
    """The parts as one wide bottleneck at each place.

    `up` is [L, d, parts * (r + 1)], biases behind the weights, filled up with zeros.
    """
    method = parts[0].method
    assert isinstance(method, Bottleneck)
    found: dict[str, torch.Tensor] = {}
    for start in prefixes(method).values():
        ups = torch.cat([method.scale * part.weights[f"{start}up_weight"] for part in parts], -1)
        biases = torch.stack([method.scale * part.weights[f"{start}up_bias"] for part in parts], -1)
        found |= {
            f"{start}down_weight": torch.cat([part.weights[f"{start}down_weight"] for part in parts], 1),
            f"{start}down_bias": torch.cat([part.weights[f"{start}down_bias"] for part in parts], 1),
            f"{start}up": F.pad(torch.cat([ups, biases], -1), (0, -(len(parts) + ups.shape[-1]) % WHOLE)),
        }
    return found
