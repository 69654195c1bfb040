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
Folded = dict[Place, dict[str, torch.Tensor]]
"""What the places of one layer need."""
Fold = Callable[[dict[str, torch.Tensor], dict[str, torch.Tensor], str], dict[str, torch.Tensor]]
"""Takes the weights that train and those of the parts, and how the names of a place begin."""


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

    def folded(self, spread: Spread, cut: bool = False) -> list[Folded]:
        """Per layer and place what a forward needs; no place in a layer that is left out.

        `cut` says that it is one of several passes of a step, for which what is folded is folded anew.
        """
        return self._by_place(spread.rows, self.fold)

    def _by_place(self, rows: Sequence[int], fold: Fold) -> list[Folded]:
        pairs = zip(self.layers(rows), self.parts.layers(rows), strict=True)
        found: list[Folded] = [
            {place: fold(own, frozen, start) for place, start in self.prefixes.items()}
            for own, frozen in pairs
        ]
        for layer in self.method.leave_out:
            found.insert(layer, {})
        return found

    def fold(
        self, own: dict[str, torch.Tensor], frozen: dict[str, torch.Tensor], start: str
    ) -> dict[str, torch.Tensor]:
        """Of the place whose names begin with `start`; `values` is V [U b 0], or [U b 0] and `onward` V."""
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
        made = spread.linear(torch.cat(mixed, -1), w["values"], None)
        return hidden + (spread.linear(made, w["onward"], None) if "onward" in w else made)


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
        self._made: tuple[Any, list[Folded]] | None = None

    def folded(self, spread: Spread, cut: bool = False) -> list[Folded]:
        if torch.is_grad_enabled():
            self._made = None
            return self._by_place(spread.rows, self.apart if cut and self.few(spread) else self.fold)
        found = self._state(spread.rows)
        if self._made is None or self._made[0] != found:
            self._made = found, super().folded(spread)
        return self._made[1]

    def few(self, spread: Spread) -> bool:
        """Whether forward and backward of these tokens cost less without folding.

        In multiply-adds, for T tokens of a job and width m of [U b 0]: 7 d^2 m for folding and 6 T m d for
        what is folded, else 9 T d^2 for Q, K and V and 4 T m d for [U b 0], which is frozen.
        """
        _, wide, width = self.parts.stacked(f"{next(iter(self.prefixes.values()))}up").shape[1:]
        return sum(spread.tokens) * (9 * wide - 2 * width) < 7 * wide * width * len(spread.tokens)

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
        return made | self._constant(query, query_bias, key_bias)

    def apart(
        self, own: dict[str, torch.Tensor], frozen: dict[str, torch.Tensor], start: str
    ) -> dict[str, torch.Tensor]:
        """The same without products of matrices: three for each token instead."""
        query, query_bias, key, key_bias, value = (own[start + name] for name in FUSION)
        up = frozen[f"{start}up"]
        made = {
            "down_weight": frozen[f"{start}down_weight"],
            "down_bias": frozen[f"{start}down_bias"],
            "query": query,
            "query_bias": query_bias,
            "key": key.transpose(1, 2),
            "up": up.transpose(1, 2),
            "values": up,
            "onward": value,
        }
        return made | self._constant(query, query_bias, key_bias)

    def _constant(
        self, query: torch.Tensor, query_bias: torch.Tensor, key_bias: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Of q . b_k, where it counts."""
        if not self.settings.dropout:
            return {}
        bias = (key_bias * query_bias).sum(-1, keepdim=True)
        return {"constant": key_bias.unsqueeze(1) @ query, "constant_bias": bias}

    def shares(
        self,
        w: dict[str, torch.Tensor],
        spread: Spread,
        z: torch.Tensor,
        inner: torch.Tensor,
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        keys = self._keys(w, spread, z)
        wide = inner.shape[-1] * self.count
        own, constant = keys[:, :wide].unflatten(-1, (self.count, -1)), keys[:, wide : wide + self.count]
        scores = (inner * own).sum(-1) + constant
        if streams is not None and self.settings.dropout:
            scores = scores + spread.linear(z, w["constant"], w["constant_bias"])
            scores = spread.drop(scores, self.settings.dropout, streams)
        found: torch.Tensor = (scores / self.settings.temperature).softmax(-1)
        return found

    def _keys(self, w: dict[str, torch.Tensor], spread: Spread, z: torch.Tensor) -> torch.Tensor:
        """[T, m]: what each (h_i, 1) is multiplied with."""
        if "scores" in w:
            return spread.linear(z, w["scores"], w["scores_bias"])
        query = spread.linear(z, w["query"], w["query_bias"])
        return spread.linear(spread.linear(query, w["key"], None), w["up"], None)

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
