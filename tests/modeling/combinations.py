"""Learned combinations with random weights, and what they compute written out plainly."""

import dataclasses

import torch

from xadapt.composition import Fuse, Gate
from xadapt.modeling import combined
from xadapt.modeling.assemble import Slot
from xadapt.modeling.sites import NoSites
from xadapt.recipe import Bottleneck, FusionSettings, LoRA

from .conftest import config, random_module

BOTTLENECK = Bottleneck(reduction_factor=4, non_linearity="gelu")
DOUBLE = Bottleneck(reduction_factor=4, non_linearity="gelu", place="double", leave_out=(1,), scaling=0.8)
PARALLEL = Bottleneck(reduction_factor=4, non_linearity="gelu", place="parallel", leave_out=(0,))
UNEQUAL = (
    LoRA(rank=2, alpha=6),
    LoRA(rank=5, alpha=4, rslora=True, targets=("value", "output")),
    LoRA(rank=1, alpha=1, targets=("intermediate", "query")),
)


def noisy(made, seed: int):
    generator = torch.Generator().manual_seed(seed)
    weights = {n: w + torch.randn(w.shape, generator=generator) * 0.3 for n, w in made.weights.items()}
    return dataclasses.replace(made, weights=weights)


def fused(parts, seed: int, **settings) -> Slot:
    made = combined.Fusion.initial(parts, config(), seed, FusionSettings(**settings))
    return Slot(Fuse(tuple(parts)), combined=noisy(made, seed))


def gated(parts, seed: int) -> Slot:
    return Slot(Gate(tuple(parts)), combined=noisy(combined.Gate.initial(parts), seed))


def lora_parts(seed: int):
    return [random_module(method, seed + n) for n, method in enumerate(UNEQUAL)]


def bottleneck_parts(seed: int, count: int = 3, method: Bottleneck = BOTTLENECK):
    return [random_module(method, seed + n) for n in range(count)]


class Plain(NoSites):
    """One job as its formula says: the update of every module formed, token by token weighted."""

    targets = frozenset(("query", "value", "intermediate", "output"))

    def __init__(self, made, scores=lambda x: x):
        self.parts, self.made, self.scores = made.parts, made, scores
        self.weights = {n: w.clone().requires_grad_() for n, w in made.weights.items()}

    def shares(self, scores):
        return torch.softmax(self.scores(scores) / self.made.settings.temperature, -1)

    def lora_shares(self, layer, name, x):
        w = self.weights
        if "gate" in w:
            return w["gate"][layer].expand(len(x), -1)
        scores, at = [], 0
        for number, part in enumerate(self.parts):
            score = w[f"{name}.bias"][layer, number].expand(len(x))
            if f"{name}.A" in part.weights:
                low = x @ part.weights[f"{name}.A"][layer].T
                key = low @ w[f"{name}.K"][layer, :, at : at + low.shape[-1]].T
                score = score + (key * (x @ w[f"{name}.Q"][layer].T)).sum(-1)
                at += low.shape[-1]
            scores.append(score)
        return self.shares(torch.stack(scores, -1))

    def project(self, layer, name, x, y, frozen):
        if isinstance(self.parts[0].method, Bottleneck):
            return y
        if not any(f"{name}.A" in part.weights for part in self.parts):
            return y
        shares = self.lora_shares(layer, name, x)
        for number, part in enumerate(self.parts):
            if f"{name}.A" in part.weights:
                scale = part.method.alpha / part.method.rank ** (0.5 if part.method.rslora else 1)
                update = scale * part.weights[f"{name}.B"][layer] @ part.weights[f"{name}.A"][layer]
                y = y + shares[:, number : number + 1] * (x @ update.T)
        return y

    def after(self, layer, place, hidden, residual, norm):
        method = self.parts[0].method
        if not isinstance(method, Bottleneck) or layer in method.leave_out:
            return hidden
        if place != "output" and method.place != "double":
            return hidden
        layer -= sum(left < layer for left in method.leave_out)
        start = f"{place}." if method.place == "double" else ""
        z = {"sequential": norm(hidden + residual), "double": hidden, "parallel": residual}[method.place]
        made, w = [], self.weights
        for part in self.parts:
            own = {n.removeprefix(start): weight[layer] for n, weight in part.weights.items() if start in n}
            inner = torch.nn.functional.gelu(z @ own["down_weight"].T + own["down_bias"])
            made.append(method.scale * (inner @ own["up_weight"].T + own["up_bias"]))
        outputs = torch.stack(made, 1)
        if "gate" in w:
            return hidden + (w["gate"][layer].view(1, -1, 1) * outputs).sum(1)
        query = z @ w[f"{start}query_weight"][layer].T + w[f"{start}query_bias"][layer]
        keys = outputs @ w[f"{start}key_weight"][layer].T + w[f"{start}key_bias"][layer]
        shares = self.shares((keys @ query.unsqueeze(-1)).squeeze(-1))
        return hidden + (shares.unsqueeze(-1) * (outputs @ w[f"{start}value_weight"][layer].T)).sum(1)


SLOTS = {
    "fuse lora": lambda seed: fused(lora_parts(seed), seed),
    "fuse lora, warm": lambda seed: fused(lora_parts(seed), seed, temperature=2.5),
    "gate lora": lambda seed: gated(lora_parts(seed), seed),
    "fuse": lambda seed: fused(bottleneck_parts(seed), seed, temperature=0.5),
    "gate": lambda seed: gated(bottleneck_parts(seed), seed),
    "fuse double": lambda seed: fused(bottleneck_parts(seed, method=DOUBLE), seed),
    "gate double": lambda seed: gated(bottleneck_parts(seed, method=DOUBLE), seed),
    "fuse parallel": lambda seed: fused(bottleneck_parts(seed, method=PARALLEL), seed),
    "gate parallel": lambda seed: gated(bottleneck_parts(seed, method=PARALLEL), seed),
}
