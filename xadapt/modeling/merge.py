"""Merging in weight space: the merged update equals the stated formula of the single updates, exactly.

Of LoRA module i, site by site, the update is D_i = s_i B_i A_i (s_i = alpha / rank, or alpha / sqrt(rank) of
rsLoRA). With weights w_i (1 / n each when not given):

    linear   sum_i w_i D_i                                                      (Ilharco et al. 2023)
    ties     T_i = the `density` largest entries of |D_i|, others 0;
             sign = that of sum_i w_i T_i;
             sum of w_i T_i over those of that sign / sum of |w_i| of those     (Yadav et al. 2023)
    dare     sum_i w_i (D_i * mask_i) / density, mask_i drawn with P(1) = density  (Yu et al. 2024)

A linear merge is written as one LoRA of the summed ranks, others as one of full rank; `rank` cuts any of
them by singular value decomposition, which is the best of that rank, and the error is reported. A
bottleneck is not linear in its weights and has no update: `linear` averages its weights (Chronopoulou et
al. 2023), other ways are refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from xadapt.composition import Merge
from xadapt.errors import ConfigError
from xadapt.modeling.module import Module
from xadapt.recipe import TARGETS, Bottleneck, LoRA


def merge(modules: Sequence[Module], how: Merge) -> tuple[Module, float]:
    """The merged module, and the relative error (Frobenius) that its rank costs; 0 without `how.rank`.

    Raises ConfigError for modules of different methods or of encoders of different sizes, and for what has no
    exact form.
    """
    _check(modules, how)
    weights = how.weights or (1 / len(modules),) * len(modules)
    if isinstance(modules[0].method, Bottleneck):
        return _average(modules, weights, how), 0.0
    return _merge_lora(modules, weights, how)


def _check(modules: Sequence[Module], how: Merge) -> None:
    if any(isinstance(module.method, LoRA) and module.method.dora for module in modules):
        raise ConfigError("merge of DoRA: its update is no sum, since it rescales the frozen matrix")
    names = sorted({module.method.name for module in modules})
    if len(names) > 1 or not isinstance(modules[0].method, Bottleneck | LoRA):
        raise ConfigError(
            f"merge of {' and '.join(names)}: modules must be of one method, lora or bottleneck"
        )
    if how.how != "linear" and not 0 < (how.density or 0) <= 1:
        raise ConfigError(f"merge by {how.how} with density {how.density}: it must be above 0, at most 1")


def _check_sizes(modules: Sequence[Module]) -> None:
    matrices = (".A", ".B", "_weight")
    for name in sorted({name for module in modules for name in module.weights if name.endswith(matrices)}):
        sizes = [_size(name, module.weights[name]) for module in modules if name in module.weights]
        if len(set(sizes)) > 1:
            said = ", ".join(f"{layers} layers of {wide}" for layers, wide in sizes)
            raise ConfigError(f"merge of modules of different encoders: {name} is for {said}")


def _size(name: str, weight: torch.Tensor) -> tuple[int, int]:
    """Layers, and the width of what the encoder has there: neither depends on the rank of a LoRA module."""
    return weight.shape[0], weight.shape[2 if name.endswith((".A", "down_weight")) else 1]


def _average(modules: Sequence[Module], weights: Sequence[float], how: Merge) -> Module:
    if how.how != "linear" or how.rank is not None:
        raise ConfigError(f"merge by {how.how} of bottlenecks: only linear without a rank is defined")
    if len({module.method for module in modules}) > 1:
        raise ConfigError("merge of bottlenecks with different settings: their weights do not correspond")
    _check_sizes(modules)
    first = modules[0].weights
    return Module(
        modules[0].method,
        {
            name: sum((w * m.weights[name].double() for w, m in zip(weights, modules, strict=True))).float()  # type: ignore[union-attr]
            for name in first
        },
    )


def _merge_lora(modules: Sequence[Module], weights: Sequence[float], how: Merge) -> tuple[Module, float]:
    _check_sizes(modules)
    sites = sorted({name.rpartition(".")[0] for module in modules for name in module.weights})
    if how.how == "linear":
        found = {site: _joined(modules, weights, site) for site in sites}
    else:
        found = {site: _dense(modules, weights, site, how) for site in sites}
    lost = kept = 0.0
    if how.rank is not None:
        for site, factors in found.items():
            found[site], gone, whole = _cut(*factors, how.rank)
            lost, kept = lost + gone, kept + whole
    return _module(modules, found), (lost / kept) ** 0.5 if kept else 0.0


def updates(module: Module, site: str) -> torch.Tensor | None:
    """D of every layer at one site, [L, out, in], float64; None where the module has none."""
    found = _factors(module, site)
    return None if found is None else found[1] @ found[0]


def _factors(module: Module, site: str) -> tuple[torch.Tensor, torch.Tensor] | None:
    """(A, s B) of one site in float64: sums of products of fp32 weights are then exact to fp32."""
    if f"{site}.A" not in module.weights:
        return None
    method = module.method
    assert isinstance(method, LoRA)
    return module.weights[f"{site}.A"].double(), module.weights[f"{site}.B"].double() * method.scale


def _present(
    modules: Sequence[Module], weights: Sequence[float], site: str
) -> Iterator[tuple[int, float, tuple[torch.Tensor, torch.Tensor]]]:
    for number, (weight, module) in enumerate(zip(weights, modules, strict=True)):
        if (factors := _factors(module, site)) is not None:
            yield number, weight, factors


Factors = tuple[torch.Tensor, torch.Tensor]
"""A [L, rank, in] and B [L, out, rank]."""


def _joined(modules: Sequence[Module], weights: Sequence[float], site: str) -> Factors:
    """The sum as one pair: A above one another, B beside one another with the weights."""
    parts = [(a, weight * b) for _, weight, (a, b) in _present(modules, weights, site)]
    return torch.cat([a for a, _ in parts], 1), torch.cat([b for _, b in parts], 2)


def _dense(modules: Sequence[Module], weights: Sequence[float], site: str, how: Merge) -> Factors:
    """The merged update itself as B, with the identity as A."""
    found = [(number, weight, b @ a) for number, weight, (a, b) in _present(modules, weights, site)]
    assert how.density is not None, "checked where it is written"
    if how.how == "ties":
        made = _ties([(weight, _largest(d, how.density)) for _, weight, d in found])
    else:
        made = sum(weight * _thinned(d, how, number, site) for number, weight, d in found)  # type: ignore[assignment]
    wide = made.shape[-1]
    return torch.eye(wide, dtype=made.dtype).expand(made.shape[0], wide, wide), made


def _largest(update: torch.Tensor, density: float) -> torch.Tensor:
    """Each layer's `density` entries of largest magnitude, others 0; ties at the border are kept."""
    flat = update.abs().flatten(1)
    count = max(1, round(density * flat.shape[1]))
    border = flat.topk(count, dim=1).values[:, -1].view(-1, 1, 1)
    return update * (update.abs() >= border)


def _ties(parts: Sequence[tuple[float, torch.Tensor]]) -> torch.Tensor:
    weighted = [weight * update for weight, update in parts]
    total = torch.stack(weighted).sum(0)
    sign = total.sign()
    zero = torch.zeros_like(total)
    chosen = [torch.where(one.sign() == sign, one, zero) for one in weighted]
    count = sum(abs(weight) * (one.sign() == sign) for (weight, _), one in zip(parts, weighted, strict=True))
    # Where signs cancel out nothing is chosen: 0 / 0 is an update of 0.
    return torch.stack(chosen).sum(0) / torch.where(sign == 0, torch.ones_like(total), count)


def _thinned(update: torch.Tensor, how: Merge, number: int, site: str) -> torch.Tensor:
    """Entries kept with probability `density` and scaled up; which, by seed, part and site alone."""
    assert how.density is not None, "checked where it is written"
    site_number = sum(256**place * letter for place, letter in enumerate(site.encode()[:6]))
    seed = (how.seed * 1_000_003 + number) * 2**20 + site_number % 2**20
    generator = torch.Generator().manual_seed(seed % 2**63)
    kept = torch.rand(update.shape, generator=generator) < how.density
    return update * kept / how.density


def _cut(a: torch.Tensor, b: torch.Tensor, rank: int) -> tuple[Factors, float, float]:
    """The best factors of `rank`, and the squared norms of what is lost and of the whole."""
    # Of small factors the small core is decomposed: b = Q R, a^T = P S, so b a = Q (R S^T) P^T.
    q, r = torch.linalg.qr(b)
    p, s = torch.linalg.qr(a.transpose(1, 2))
    u, values, v = torch.linalg.svd(r @ s.transpose(1, 2), full_matrices=False)
    rank = min(rank, values.shape[1])
    root = values[:, :rank].sqrt()
    squares = values.square()
    left = (q @ u[:, :, :rank]) * root.unsqueeze(1)
    right = root.unsqueeze(2) * (v[:, :rank] @ p.transpose(1, 2))
    return (right, left), float(squares[:, rank:].sum()), float(squares.sum())


def _module(modules: Sequence[Module], found: dict[str, Factors]) -> Module:
    """One LoRA with alpha = rank, so that its scale is 1; sites of lower rank are filled with zeros."""
    rank = max(a.shape[1] for a, _ in found.values())
    weights = {}
    for site, (a, b) in found.items():
        weights[f"{site}.A"] = torch.nn.functional.pad(a, (0, 0, 0, rank - a.shape[1])).float().contiguous()
        weights[f"{site}.B"] = torch.nn.functional.pad(b, (0, rank - b.shape[2])).float().contiguous()
    first = modules[0].method
    assert isinstance(first, LoRA)
    method = replace(
        first, rank=rank, alpha=float(rank), rslora=False, targets=tuple(t for t in TARGETS if t in found)
    )
    return Module(method, weights)
