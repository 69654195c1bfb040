"""Merged modules: the update equals its formula; where the libraries differ from it, that is shown."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model

from xadapt.composition import Merge
from xadapt.errors import ConfigError
from xadapt.modeling.merge import merge, updates
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, LoRA

from .conftest import config, random_module


def lora(seed: int, rank: int = 3, alpha: float = 5.0, targets=("query", "value"), rslora=False) -> Module:
    return random_module(LoRA(rank=rank, alpha=alpha, targets=targets, rslora=rslora), seed)


def plain(module: Module, site: str) -> np.ndarray:
    """scale B A, one layer after the other, in numpy."""
    method = module.method
    scale = method.alpha / (method.rank**0.5 if method.rslora else method.rank)
    a, b = (module.weights[f"{site}.{side}"].double().numpy() for side in "AB")
    return np.stack([scale * up @ down for down, up in zip(a, b, strict=True)])


def formula(updates_: list[np.ndarray], weights, how: str, density: float) -> np.ndarray:
    """The linear sum, or TIES as Yadav et al. 2023 write it, entry by entry."""
    if how == "linear":
        return sum(w * u for w, u in zip(weights, updates_, strict=True))
    trimmed = []
    for update in updates_:
        kept = np.zeros_like(update)
        for layer, matrix in enumerate(update):
            order = np.argsort(-np.abs(matrix), axis=None)[: max(1, round(density * matrix.size))]
            kept[layer].flat[order] = matrix.flat[order]
        trimmed.append(kept)
    weighted = [w * t for w, t in zip(weights, trimmed, strict=True)]
    merged = np.zeros_like(weighted[0])
    for place in np.ndindex(merged.shape):
        sign = np.sign(sum(one[place] for one in weighted))
        chosen = [
            (one[place], abs(w))
            for one, w in zip(weighted, weights, strict=True)
            if np.sign(one[place]) == sign
        ]
        if sign and chosen:
            merged[place] = sum(value for value, _ in chosen) / sum(size for _, size in chosen)
    return merged


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.floats(0.5, 8), st.booleans()), min_size=2, max_size=4),
    st.data(),
    st.sampled_from(["linear", "ties"]),
)
def test_the_merged_update_is_the_formula(sizes, data, how):
    modules = [lora(n, rank, alpha, rslora=scaled) for n, (rank, alpha, scaled) in enumerate(sizes)]
    weights = data.draw(
        st.lists(st.floats(-2, 2).filter(lambda w: abs(w) > 0.05), min_size=len(sizes), max_size=len(sizes))
    )
    density = None if how == "linear" else data.draw(st.floats(0.05, 1))
    made, error = merge(modules, Merge(modules, how, tuple(weights), density))
    assert error == 0
    for site in ("query", "value"):
        expected = formula([plain(module, site) for module in modules], weights, how, density or 1)
        found = updates(made, site).numpy()
        assert np.abs(found - expected).max() <= 2e-6 * max(1e-3, np.abs(expected).max())


def test_the_mean_is_the_default_and_one_site_may_be_missing():
    modules = [lora(1), lora(2, targets=("query", "output"))]
    made, _ = merge(modules, Merge(modules))
    assert made.method.targets == ("query", "value", "output") and made.method.rank == 6
    expected = {
        "query": (plain(modules[0], "query") + plain(modules[1], "query")) / 2,
        "value": plain(modules[0], "value") / 2,
        "output": plain(modules[1], "output") / 2,
    }
    for site, update in expected.items():
        assert np.allclose(updates(made, site).numpy(), update, atol=1e-7)


def test_a_zero_weight_leaves_its_module_out():
    modules = [lora(1), lora(2)]
    made, _ = merge(modules, Merge(modules, weights=(1.0, 0.0)))
    assert np.allclose(updates(made, "query").numpy(), plain(modules[0], "query"), atol=1e-7)


def test_dare_is_unbiased_repeatable_and_whole_at_density_one():
    modules = [lora(1), lora(2)]
    whole, _ = merge(modules, Merge(modules, "dare", density=1.0))
    linear, _ = merge(modules, Merge(modules))
    assert torch.allclose(updates(whole, "query"), updates(linear, "query"), atol=1e-7)
    made = [merge(modules, Merge(modules, "dare", density=0.5, seed=s))[0] for s in range(200)]
    again = merge(modules, Merge(modules, "dare", density=0.5, seed=0))[0]
    assert all(torch.equal(w, again.weights[name]) for name, w in made[0].weights.items())
    assert not torch.equal(made[0].weights["query.B"], made[1].weights["query.B"])
    single = plain(modules[0], "query") / 2, plain(modules[1], "query") / 2
    found = updates(made[0], "query").numpy()
    options = [0 * single[0], 2 * single[0], 2 * single[1], 2 * single[0] + 2 * single[1]]
    assert np.min([np.abs(found - option) for option in options], axis=0).max() < 1e-6
    mean = torch.stack([updates(one, "query") for one in made]).mean(0)
    expected = updates(linear, "query")
    assert (mean - expected).norm() < 0.15 * expected.norm()


@pytest.mark.parametrize("how", [Merge((0, 1)), Merge((0, 1), "ties", density=0.4)])
def test_a_rank_cuts_to_the_best_and_says_its_error(how):
    modules = [lora(1), lora(2)]
    whole, _ = merge(modules, how)
    for rank in (1, 3):
        made, error = merge(modules, Merge(how.parts, how.how, density=how.density, rank=rank))
        assert made.method.rank == rank
        lost = kept = 0.0
        for site in ("query", "value"):
            exact = updates(whole, site).numpy()
            best = [u[:, :rank] * s[:rank] @ v[:rank] for u, s, v in map(np.linalg.svd, exact)]
            assert np.allclose(updates(made, site).numpy(), np.stack(best), atol=1e-6)
            lost += np.square(exact - np.stack(best)).sum()
            kept += np.square(exact).sum()
        assert error == pytest.approx((lost / kept) ** 0.5, rel=1e-4)
    full, error = merge(modules, Merge(how.parts, how.how, density=how.density, rank=999))
    assert error < 1e-6 and torch.allclose(updates(full, "query"), updates(whole, "query"), atol=1e-6)


def test_the_merged_module_computes_what_peft_computes_with_cat(hf):
    """`cat` is the one exact merge of `peft`; its `linear` has cross terms and differs from the sum."""
    modules = [lora(1), lora(2)]
    wrapped = get_peft_model(
        copy.deepcopy(hf), LoraConfig(r=3, lora_alpha=5, target_modules=["query", "value"]), "a"
    )
    wrapped.add_adapter("b", LoraConfig(r=3, lora_alpha=5, target_modules=["query", "value"]))
    state = dict(wrapped.named_parameters())
    with torch.no_grad():
        for name, module in zip("ab", modules, strict=True):
            for key, weight in module.weights.items():
                site, side = key.split(".")
                for layer in range(len(weight)):
                    at = f"encoder.layer.{layer}.attention.self.{site}.lora_{side}.{name}.weight"
                    state[f"base_model.model.{at}"].copy_(weight[layer])
    for kind in ("cat", "linear"):
        wrapped.add_weighted_adapter(["a", "b"], [0.5, 0.5], f"m-{kind}", combination_type=kind)
    made, _ = merge(modules, Merge(modules))
    for layer in range(hf.config.num_hidden_layers):
        attention = wrapped.base_model.model.encoder.layer[layer].attention.self
        expected = updates(made, "query")[layer].float()
        assert torch.allclose(attention.query.get_delta_weight("m-cat"), expected, atol=1e-6)
        wrong = (attention.query.get_delta_weight("m-linear") - expected).norm() / expected.norm()
        assert wrong > 0.3


def test_bottlenecks_are_averaged_and_nothing_else():
    method = Bottleneck(reduction_factor=4)
    modules = [random_module(method, 1), random_module(method, 2)]
    made, _ = merge(modules, Merge(modules, weights=(0.25, -1.5)))
    for name, weight in made.weights.items():
        assert torch.allclose(
            weight, 0.25 * modules[0].weights[name] - 1.5 * modules[1].weights[name], atol=1e-6
        )
    with pytest.raises(ConfigError, match="merge by ties of bottlenecks: only linear"):
        merge(modules, Merge(modules, "ties", density=0.5))
    with pytest.raises(ConfigError, match="different settings"):
        merge([modules[0], random_module(Bottleneck(reduction_factor=8), 3)], Merge(modules))
    with pytest.raises(ConfigError, match="bottleneck and lora: modules must be of one method"):
        merge([modules[0], lora(1)], Merge(modules))


@pytest.mark.parametrize(
    "method",
    [
        Bottleneck(reduction_factor=4, place="double", leave_out=(1,)),
        Bottleneck(reduction_factor=4, place="parallel"),
    ],
)
def test_bottlenecks_of_every_place_are_averaged_with_their_equals(method):
    modules = [random_module(method, seed) for seed in range(2)]
    made, _ = merge(modules, Merge(modules))
    assert made.method == method and made.weights.keys() == modules[0].weights.keys()
    for name, weight in made.weights.items():
        assert torch.allclose(weight, (modules[0].weights[name] + modules[1].weights[name]) / 2, atol=1e-7)
    for change in ({"scaling": 3.0}, {"leave_out": (2,)}, {"place": "sequential"}):
        other = random_module(replace(method, **change), 3)
        with pytest.raises(ConfigError, match="different settings"):
            merge([modules[0], other], Merge(modules))


def other(method, **sizes) -> Module:
    """A module for an encoder of another size."""
    return Module.initial(method, config(**sizes), 1)


@pytest.mark.parametrize("sizes", [{"hidden_size": 64}, {"num_hidden_layers": 2}], ids=["wide", "deep"])
@pytest.mark.parametrize(
    ("method", "how"),
    [(LoRA(), "linear"), (LoRA(), "ties"), (LoRA(), "dare"), (Bottleneck(reduction_factor=4), "linear")],
)
def test_modules_of_different_encoders_have_no_merge(method, how, sizes):
    modules = [random_module(method, 1), other(method, **sizes)]
    second = "3 layers of 64" if "hidden_size" in sizes else "2 layers of 32"
    said = rf"different encoders: \S+ is for 3 layers of 32, {second}"
    with pytest.raises(ConfigError, match=said):
        merge(modules, Merge(tuple(modules), how, (), None if how == "linear" else 0.5))


@pytest.mark.parametrize("how", ["ties", "dare"])
def test_a_density_of_zero_is_refused_and_any_seed_draws(how):
    modules = [lora(1), lora(2)]
    for density in (0.0, None, 1.5):
        with pytest.raises(ConfigError, match=f"merge by {how} with density {density}"):
            merge(modules, Merge(tuple(modules), how, (), density))
    made, _ = merge(modules, Merge(tuple(modules), how, (), 0.5, seed=10**9 if how == "dare" else 0))
    assert all(weight.isfinite().all() for weight in made.weights.values())
