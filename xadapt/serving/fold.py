"""Modules that are updates of frozen matrices, added into those: the same model without any module.

    LoRA, a stack or a gate of them   W + sum_i g_i s_i B_i A_i     (g_i = 1 but under a gate)
    DoRA                              row by row m (W + s B A) / |W + s B A|

The sums are taken in float64 and rounded to fp32 once, so that what differs is rounding.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch

from xadapt.modeling.combined import Gate
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.lora_format import KEYS
from xadapt.modeling.merge import updates
from xadapt.modeling.module import Module
from xadapt.modeling.slot import Slot, is_dora
from xadapt.recipe import Bottleneck, LoRA

NO_PLACE = {
    "ia3": "the scales of ia3 stand beside its matrices",
    "prefix_tuning": "a prefix is put before each text",
}
"""Method -> what a plain model has no place for, where it is no non-linearity."""
PLAIN = ", for which a plain model has no place"


def unfoldable(slot: Slot) -> str | None:
    """Why a slot has no plain form; None where it has one."""
    combined = slot.combined
    parts = combined.parts if combined is not None else ()
    modules = [*slot.below, *parts, *([slot.own] if slot.own else ())]
    for module in modules:
        if not isinstance(module.method, LoRA):
            return NO_PLACE.get(module.method.name, "a bottleneck has a non-linearity") + PLAIN
    if combined is not None and not isinstance(combined, Gate):
        return "the weights of a fusion depend on the token, which those of a plain model do not"
    return None


@torch.no_grad()
def folded(encoder: Encoder, slot: Slot) -> Any:
    """A bare transformers model, fp32 on the CPU, with the modules of a slot in its matrices."""
    model = encoder.to_hf().float().cpu()
    # The encoder, which goes on running, reads its own.
    model.config = deepcopy(model.config)
    for target, name in KEYS.items():
        shares = list(_shares(slot, target))
        for number, layer in enumerate(model.encoder.layer if shares else ()):
            weight = layer.get_submodule(name).weight
            whole = weight.double() + sum(update[number] for update in shares)
            if slot.own is not None and is_dora(slot.own):
                lengths = slot.own.weights[f"{target}.magnitude"][number].double()
                whole *= (lengths / torch.linalg.vector_norm(whole, dim=1))[:, None]
            weight.copy_(whole)
    return model


def _shares(slot: Slot, target: str) -> Iterator[torch.Tensor]:
    """What each module adds to the matrices of a target, [L, out, in]."""
    combined = slot.combined
    for module in (*slot.below, *([slot.own] if slot.own else ())):
        yield from _update(module, target)
    for number, part in enumerate(combined.parts if combined is not None else ()):
        for update in _update(part, target):
            yield update * combined.weights["gate"][:, number, None, None].double()  # type: ignore[union-attr]


def _update(module: Module, target: str) -> Iterator[torch.Tensor]:
    if (found := updates(module, target)) is not None:
        yield found.cpu()


def one_bottleneck(gate: Gate) -> Module:
    """A gate of bottlenecks as a single one, exactly: their units side by side, the weights in what leads up.

    h + sum_i g_i s (U_i f(D_i z + c_i) + b_i)  =  h + [g_1 s U_1, ...] f([D_1; ...] z + c) + sum_i g_i s b_i
    """
    method, parts = gate.parts[0].method, gate.parts
    assert isinstance(method, Bottleneck), "LoRA under a gate is folded"
    shares = [share * method.scale for share in gate.weights["gate"].unbind(1)]
    ups = [
        share[:, None, None] * part.weights["up_weight"] for share, part in zip(shares, parts, strict=True)
    ]
    biases = [share[:, None] * part.weights["up_bias"] for share, part in zip(shares, parts, strict=True)]
    weights = {
        name: torch.cat([part.weights[name] for part in parts], 1) for name in ("down_weight", "down_bias")
    }
    weights |= {"up_weight": torch.cat(ups, 2), "up_bias": torch.stack(biases).sum(0)}
    _, units, width = weights["down_weight"].shape
    factor = width / units
    while int(width // factor) < units:
        factor = math.nextafter(factor, 0)
    return Module(replace(method, reduction_factor=factor, scaling=1.0), weights)


def cut(model: Any, layers: int | None) -> Any:
    """The same up to the output of a layer, so that its last hidden state is that; the whole for None."""
    if layers is not None:
        model.encoder.layer = model.encoder.layer[:layers]
        model.config.num_hidden_layers = layers
    return model
