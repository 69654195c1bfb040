"""Where `peft` and `adapters` merge silently wrong or not at all, and this merge does not."""

import copy
from dataclasses import replace

import adapters
import pytest
import torch
from adapters.composition import Average
from peft import LoraConfig, PeftModel, get_peft_model

from xadapt.composition import Merge
from xadapt.errors import ConfigError
from xadapt.modeling import formats
from xadapt.modeling.merge import merge, updates
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, LoRA

from .conftest import about, config, library_hidden, random_module

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


@pytest.mark.parametrize(("how", "kept"), [("ties", "nothing"), ("dare_linear", "no number")])
def test_a_density_of_zero_is_no_merge(hf, how, kept):
    parts = modules()
    model, layer = in_peft(hf, parts)
    model.add_weighted_adapter(["a", "b"], [0.5, 0.5], "m", combination_type=how, density=0.0)
    found = layer.get_delta_weight("m")
    assert found.isnan().all() if kept == "no number" else not found.any()
    with pytest.raises(ConfigError, match=r"with density 0\.0: it must be above 0"):
        ours(parts, how=how.removesuffix("_linear"), density=0.0)


def test_dora_is_not_merged_as_if_it_were_a_sum(hf):
    """In `peft` one DoRA module merged with the weight 1 is another one; here it is refused."""
    parts = modules()
    model, layer = in_peft(hf, parts, use_dora=True)
    with torch.no_grad():
        layer.lora_magnitude_vector["a"].weight.mul_(1.5)
    model.add_weighted_adapter(["a"], [1.0], "m", combination_type="linear")
    given, made = torch.randn(4, 32, generator=torch.Generator().manual_seed(1)), {}
    for name in "am":
        layer.set_adapter(name)
        made[name] = layer(given)
    assert error(made["m"], made["a"]) > 0.2
    with pytest.raises(ConfigError, match="merge of DoRA"):
        ours([Module(replace(part.method, dora=True), part.weights) for part in parts])


def test_the_mean_of_a_module_and_itself_is_the_module(hf):
    """`Average` of `adapters` divides by the number of modules twice."""
    model = adapters.XLMRobertaAdapterModel(config())
    model.add_adapter("a", adapters.SeqBnConfig(reduction_factor=4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
        one, twice = (library_hidden(model.eval(), setup) for setup in ("a", Average("a", "a")))
    assert (one - twice).abs().max() > 0.1
    part = random_module(Bottleneck(reduction_factor=4), 1)
    made, _ = merge([part, part], Merge((part, part)))
    assert all(torch.equal(made.weights[name], weight) for name, weight in part.weights.items())


@pytest.mark.parametrize("how", ["linear", "ties"])
def test_unequal_ranks_are_merged_kept_and_loaded(hf, tmp_path, how):
    """`peft` refuses them."""
    parts = [
        random_module(LoRA(rank=2, alpha=3.0, targets=("query", "output")), 1),
        random_module(LoRA(rank=5, alpha=4.0, rslora=True, targets=("query",)), 2),
    ]
    model = get_peft_model(copy.deepcopy(hf), LoraConfig(r=2, target_modules=[SITE]), "a")
    model.add_adapter("b", LoraConfig(r=5, target_modules=[SITE]))
    with pytest.raises(ValueError, match="must have the same r value"):
        model.add_weighted_adapter(["a", "b"], [0.5, 0.5], "m", combination_type=how, density=0.5)
    made, _ = merge(parts, Merge(tuple(parts), how, density=None if how == "linear" else 0.5))
    formats.save_module(tmp_path, made, about("m"), config())
    back = formats.load_module(tmp_path, formats.Host(config(), "tiny"))
    assert back == replace(made, weights=back.weights)
    assert all(torch.equal(back.weights[name], weight) for name, weight in made.weights.items())
    loaded = PeftModel.from_pretrained(copy.deepcopy(hf), str(tmp_path))
    for layer, ours_ in enumerate(updates(made, SITE)):
        theirs = loaded.base_model.model.encoder.layer[layer].attention.self.query
        assert error(theirs.get_delta_weight("default"), ours_.float()) < 1e-6
