"""LoRA modules under a learned combination, computed in rank space.

At each projection y of an input x, with a_i = A_i x of module i (rank r_i, scale s_i), the layer goes on with

    y + sum_i w_i s_i B_i a_i

A gate has learned numbers w, one per module and layer. A fusion has an attention over the modules,

    w = softmax_i((q . k_i + c_i) / T),   q = Q x,   k_i = K_i a_i

with Q [16, in], K_i [16, r_i] and c_i learned at each projection: 16 (in + sum of r_i) + n numbers. K and c
start at zero, so that w starts at 1 / n. A module that leaves a projection as it is takes part there with an
update and a key of zero. No vector of width `out` is formed for a single module: n modules cost as much as
one LoRA of rank sum r_i, and Q.
"""

from collections.abc import Sequence
from typing import Any

import torch

from xadapt.modeling.banks import Bank, Spread
from xadapt.modeling.combined import Combined, Fusion, ranks, sites
from xadapt.modeling.combined_bottleneck import Note, for_tokens
from xadapt.modeling.module import Module
from xadapt.recipe import LoRA


class LoRACombination(Bank):
    """What gates and fusions share; a subclass says the weights of the parts."""

    def __init__(self, combined: Sequence[Combined]) -> None:
        super().__init__([one.weights for one in combined], trainable=True)
        parts = combined[0].parts
        self.targets = frozenset(sites(parts))
        self.parts = Bank([_joined(one.parts) for one in combined], trainable=False)
        for site in self.targets:
            self.register_buffer(f"{site}_owner", _owner(ranks(parts, site)))

    def folded(self, spread: Spread, cut: bool = False) -> list[dict[str, torch.Tensor]]:
        """Per layer the weights of these rows; nothing is folded."""
        pairs = zip(self.layers(spread.rows), self.parts.layers(spread.rows), strict=True)
        return [own | frozen for own, frozen in pairs]

    def shares(
        self,
        name: str,
        w: dict[str, torch.Tensor],
        spread: Spread,
        x: torch.Tensor,
        low: torch.Tensor,
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        """The weights [T, parts] for `low` [T, sum of ranks]."""
        raise NotImplementedError

    def update(
        self,
        name: str,
        w: dict[str, torch.Tensor],
        spread: Spread,
        x: torch.Tensor,
        streams: Sequence[Any] | None,
        note: Note,
    ) -> torch.Tensor:
        down = w[f"{name}.A"]
        # Without autocast a frozen projection in half precision gives what fp32 weights do not take.
        x = x.to(down.dtype)
        low = spread.linear(x, down, None)
        shares = self.shares(name, w, spread, x, low, streams)
        note(shares)
        return spread.linear(low * (shares @ self.owner(name).T).to(low.dtype), w[f"{name}.B"], None)

    def owner(self, name: str) -> torch.Tensor:
        """[sum of ranks, parts]: 1 where a row of A is of a part."""
        found: torch.Tensor = getattr(self, f"{name}_owner")
        return found


class LoRAFusionBank(LoRACombination):
    """A learned attention over the updates."""

    def __init__(self, fusions: Sequence[Fusion]) -> None:
        super().__init__(fusions)
        self.settings = fusions[0].settings

    def shares(
        self,
        name: str,
        w: dict[str, torch.Tensor],
        spread: Spread,
        x: torch.Tensor,
        low: torch.Tensor,
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        query = spread.linear(x, w[f"{name}.Q"], None)
        products = spread.linear(query, w[f"{name}.K"].transpose(1, 2), None) * low
        owner = self.owner(name).T.expand(len(spread.tokens), -1, -1)
        scores = spread.linear(products, owner, w[f"{name}.bias"])
        if streams is not None and self.settings.dropout:
            scores = spread.drop(scores, self.settings.dropout, streams)
        return (scores / self.settings.temperature).softmax(-1)


class LoRAGateBank(LoRACombination):
    """One learned weight per part and layer, the same at all projections."""

    def shares(
        self,
        name: str,
        w: dict[str, torch.Tensor],
        spread: Spread,
        x: torch.Tensor,
        low: torch.Tensor,
        streams: Sequence[Any] | None,
    ) -> torch.Tensor:
        return for_tokens(w["gate"], spread)


def _owner(sizes: Sequence[int]) -> torch.Tensor:
    return torch.eye(len(sizes)).repeat_interleave(torch.tensor(sizes), 0)


def _joined(parts: Sequence[Module]) -> dict[str, torch.Tensor]:
    """The parts as one wide LoRA: A [L, sum of ranks, in], B [L, out, sum of ranks] with the scales in it."""
    found = {}
    for site in sites(parts):
        own = [part for part in parts if f"{site}.A" in part.weights]
        found[f"{site}.A"] = torch.cat([part.weights[f"{site}.A"] for part in own], 1)
        found[f"{site}.B"] = torch.cat([_scale(part) * part.weights[f"{site}.B"] for part in own], 2)
    return found


def _scale(part: Module) -> float:
    assert isinstance(part.method, LoRA)
    return part.method.scale
