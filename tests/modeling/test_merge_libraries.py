"""Where `peft` and `adapters` merge LoRA silently wrong, and this merge does not."""

import copy

import adapters
import pytest
import torch
from peft import LoraConfig, get_peft_model

from xadapt.composition import Merge
from xadapt.modeling.merge import merge, updates
from xadapt.modeling.module import Module
from xadapt.recipe import LoRA

from .conftest import random_module

RANK, ALPHA, SITE = 4, 6.0, "query"


def modules(rslora: bool = False) -> list[Module]:
    method = LoRA(rank=RANK, alpha=ALPHA, targets=(SITE,), rslora=rslora)
    return [random_module(method, seed) for seed in (1, 2)]


def in_peft(hf, parts: list[Module], **settings):
    """The query of the first layer, with the parts as `a` and `b`."""
    asked = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=[SITE], **settings)
    model = get_peft_model(copy.deepcopy(hf), asked, "a")
    model.add_adapter("b", asked)
    layer = model.base_model.model.encoder.layer[0].attention.self.query
    with torch.no_grad():
        for name, part in zip("ab", parts, strict=True):
            for side, of in (("A", layer.lora_A), ("B", layer.lora_B)):
                of[name].weight.copy_(part.weights[f"{SITE}.{side}"][0])
    return model, layer


def in_adapters(hf, parts: list[Module]):
    model = copy.deepcopy(hf)
    adapters.init(model)
    asked = adapters.LoRAConfig(r=RANK, alpha=ALPHA, attn_matrices=["q"])
    for name in "ab":
        model.add_adapter(name, asked)
    layer = model.encoder.layer[0].attention.self.query
    with torch.no_grad():
        for name, part in zip("ab", parts, strict=True):
            layer.loras[name].lora_A.copy_(part.weights[f"{SITE}.A"][0])
            layer.loras[name].lora_B.copy_(part.weights[f"{SITE}.B"][0])
    return model, layer


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def summed(parts: list[Module], weights=(0.5, 0.5)) -> torch.Tensor:
    return sum(w * updates(part, SITE)[0] for w, part in zip(weights, parts, strict=True)).float()


def ours(parts: list[Module], **options) -> torch.Tensor:
    return updates(merge(parts, Merge(tuple(parts), **options))[0], SITE)[0].float()


def test_rslora_is_not_scaled_again(hf):
    """In `peft` even one rsLoRA module merged with the weight 1 is another one."""
    parts = modules(rslora=True)
    model, layer = in_peft(hf, parts, use_rslora=True)
    model.add_weighted_adapter(["a"], [1.0], "m", combination_type="linear")
    assert error(layer.get_delta_weight("m"), layer.get_delta_weight("a")) > 0.3
    assert error(layer.get_delta_weight("a"), updates(parts[0], SITE)[0].float()) < 1e-6
    assert error(ours(parts), summed(parts)) < 1e-6


def test_a_negative_weight_subtracts(hf):
    parts = modules()
    model, layer = in_peft(hf, parts)
    model.add_weighted_adapter(["a", "b"], [1.0, -0.5], "m", combination_type="linear")
    expected = summed(parts, (1.0, -0.5))
    assert error(layer.get_delta_weight("m"), expected) > 0.3
    assert error(ours(parts, weights=(1.0, -0.5)), expected) < 1e-6


@pytest.mark.parametrize("strategy", ["linear", "lora_linear_only_negate_b"])
def test_factors_are_not_added_one_by_one(hf, strategy):
    parts = modules()
    model, layer = in_adapters(hf, parts)
    model.average_adapter("m", ["a", "b"], [0.5, 0.5], combine_strategy=strategy)
    lora = layer.loras["m"]
    found = lora.lora_B @ lora.lora_A * lora.scaling
    assert error(found, summed(parts)) > 0.3
    assert error(ours(parts), summed(parts)) < 1e-6


def test_a_rank_does_not_change_the_scale(hf):
    """`adapters` cuts to another rank and keeps alpha: the update shrinks by the ratio of ranks."""
    parts, rank = modules(), 2 * RANK
    model, layer = in_adapters(hf, parts)
    model.average_adapter("m", ["a", "b"], [0.5, 0.5], combine_strategy="lora_delta_w_svd", svd_rank=rank)
    lora = layer.loras["m"]
    found = lora.lora_B @ lora.lora_A * lora.scaling
    assert error(found, summed(parts)) > 0.3
    assert error(ours(parts, rank=rank), summed(parts)) < 1e-5
