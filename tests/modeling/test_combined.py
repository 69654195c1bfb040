"""Learned combinations against plain references: forward, gradients, side by side, unequal ranks."""

import dataclasses

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from xadapt.composition import Fuse, Gate, Merge
from xadapt.errors import ConfigError
from xadapt.modeling import combined
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.banks import Spread
from xadapt.modeling.encoder import Encoder, Packed
from xadapt.modeling.merge import merge
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, FusionSettings, LoRA

from .combinations import BOTTLENECK, DOUBLE, PARALLEL, SLOTS, Plain, bottleneck_parts, fused, lora_parts
from .conftest import config, random_fusion, random_module, run, sequences, weights_of_loss


def gradients(assembled, job):
    """By the names of the weights, dots as in the parameters."""
    return {
        s.name.split(".")[-1]: s.parameter.grad[s.jobs.index(job)]
        for s in assembled.stacked()
        if job in s.jobs and s.parameter.grad is not None
    }


def check(found, plain: Plain):
    """The same gradients, and one for every weight that the result depends on."""
    for name, weight in plain.weights.items():
        if weight.grad is None or name.endswith("key_bias"):
            continue
        ours = found[name.replace(".", "_")]
        assert weight.grad.abs().max() > 1e-4, f"{name} must matter"
        largest = max(1.0, float(weight.grad.abs().max()))
        assert torch.allclose(ours, weight.grad, atol=3e-5 * largest, rtol=1e-3), name


@pytest.mark.parametrize("name", SLOTS)
def test_a_combination_is_its_formula(encoder, packed, name):
    encoder.freeze()
    slot = SLOTS[name](3)
    plain = Plain(slot.combined)
    expected = encoder(packed, plain)
    assembled, found = run(encoder, slot, packed)
    assert (expected - encoder(packed)).abs().max() > 0.1, "the modules must matter"
    assert (found - expected).abs().max() < 2e-5
    (expected * weights_of_loss(packed)).sum().backward()
    (found * weights_of_loss(packed)).sum().backward()
    check(gradients(assembled, 0), plain)


def test_combinations_of_all_kinds_side_by_side_over_ragged_tokens(encoder):
    encoder.freeze()
    slots = [SLOTS[name](seed) for seed in (3, 11) for name in SLOTS]
    counts = [1 + n % 3 for n in range(len(slots))]
    rows = sequences([3 + (7 * n) % 11 for n in range(sum(counts))], seed=2)
    packed = Packed.of(rows, counts)
    assembled = Assembled(slots, config())
    assert len(assembled.groups) == len(SLOTS), "jobs of one structure share a bank"
    hidden = encoder(packed, assembled.sites(packed, range(len(slots))))
    loss = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(1))
    (hidden * loss).sum().backward()
    at = 0
    for job, slot in enumerate(slots):
        own = Packed.of(rows[sum(counts[:job]) : sum(counts[: job + 1])])
        plain = Plain(slot.combined)
        expected = encoder(own, plain)
        end = at + len(own.ids)
        assert (hidden[at:end] - expected).abs().max() < 2e-5, job
        (expected * loss[at:end]).sum().backward()
        check(gradients(assembled, job), plain)
        at = end


@pytest.mark.parametrize("form", [Fuse, Gate])
def test_combined_lora_starts_as_the_linear_merge(encoder, packed, form):
    parts = lora_parts(2)
    fusion, gate = combined.Fusion.initial(parts, config(), 1), combined.Gate.initial(parts)
    mean, _ = merge(parts, Merge(tuple(parts)))
    start = Slot(form(tuple(parts)), combined=fusion if form is Fuse else gate)
    found = run(encoder, start, packed)[1]
    assert (found - run(encoder, Slot(own=mean), packed)[1]).abs().max() < 1e-5


class Fixed:
    """A dropout stream with a mask that the parts have, whatever the token: nothing is drawn."""

    def __init__(self, kept):
        self.kept = torch.tensor(kept)

    def __call__(self, x, rate):
        return x * self.kept / (1 - rate)


@pytest.mark.parametrize("parts", [lora_parts(3), bottleneck_parts(3)], ids=["lora", "bottleneck"])
def test_dropout_acts_on_the_scores_and_only_while_training(encoder, packed, parts):
    encoder.freeze()
    slot, kept = fused(parts, 3, dropout=0.4, temperature=1.5), [0.0, 1.0, 1.0]
    plain = Plain(slot.combined, scores=lambda x: x * torch.tensor(kept) / 0.6)
    expected = encoder(packed, plain)
    assembled = Assembled([slot], config())
    found = encoder(packed, assembled.sites(packed, [0], [Fixed(kept)]))
    assert (found - expected).abs().max() < 2e-5
    (expected * weights_of_loss(packed)).sum().backward()
    (found * weights_of_loss(packed)).sum().backward()
    check(gradients(assembled, 0), plain)
    still = encoder(packed, Plain(slot.combined))
    assert (encoder(packed, assembled.sites(packed, [0])) - still).abs().max() < 2e-5
    assert (still - expected).abs().max() > 0.01, "the dropout must matter"


@pytest.mark.parametrize("parts", [lora_parts(3), bottleneck_parts(3)], ids=["lora", "bottleneck"])
def test_the_temperature_of_a_trained_fusion_is_folded_into_its_query(encoder, packed, parts):
    slot = fused(parts, 3, temperature=3.0)
    assembled, expected = run(encoder, slot, packed)
    kept = assembled.trained(0)
    assert kept.settings == FusionSettings()
    assert (run(encoder, Slot(slot.composition, combined=kept), packed)[1] - expected).abs().max() < 1e-5


def test_the_weights_of_a_combination_can_be_watched(encoder, packed):
    slots = [SLOTS["fuse lora"](3), SLOTS["fuse"](4), SLOTS["gate"](5), SLOTS["fuse double"](6)]
    rows = sequences((7, 3, 12, 12, 1, 9, 4))
    batch = Packed.of(rows, (2, 3, 1, 1))
    seen = []
    sites = Assembled(slots, config()).sites(batch, range(4), None, lambda *what: seen.append(what))
    encoder(batch, sites)
    both = {(layer, site) for layer, site, _ in seen if site in ("attention", "output")}
    assert {layer for layer, site in both if site == "attention"} == {0, 2}, "one is left out"
    counts = dict.fromkeys(("query", "value", "intermediate", "output", "after", "attention"), 0)
    for layer, site, shares in seen:
        counts[site] += 1
        if len(shares) == batch.tokens[2] and site == "after":
            assert torch.equal(shares[0], slots[2].combined.weights["gate"][layer])
        else:
            assert torch.allclose(shares.sum(-1), torch.ones(len(shares))), (layer, site)
    # Of LoRA in every layer, of the double one beside it at its output and attention in two.
    lora = {"query": 3, "value": 3, "intermediate": 3, "output": 3 + 2}
    assert counts == lora | {"after": 6, "attention": 2}


def parameters(slot):
    return sum(s.parameter.numel() for s in Assembled([slot], config()).stacked())


def test_the_number_of_parameters_is_as_stated():
    a_site = {"query": 32 + 2 + 1, "value": 32 + 2 + 5, "intermediate": 32 + 1, "output": 48 + 5}
    assert parameters(SLOTS["fuse lora"](1)) == 3 * sum(16 * n + 3 for n in a_site.values())
    assert parameters(SLOTS["fuse"](1)) == 3 * (3 * 32**2 + 2 * 32)
    assert parameters(SLOTS["fuse double"](1)) == 2 * 2 * (3 * 32**2 + 2 * 32)
    assert parameters(SLOTS["gate double"](1)) == parameters(SLOTS["gate parallel"](1)) == 2 * 3
    assert parameters(SLOTS["gate"](1)) == parameters(SLOTS["gate lora"](1)) == 3 * 3


def test_nine_fused_lora_modules_cost_little_more_than_one():
    import transformers

    wide = config(hidden_size=256, num_hidden_layers=1, intermediate_size=1024)
    encoder = Encoder.from_hf(transformers.XLMRobertaModel(wide, add_pooling_layer=False))
    encoder.freeze()
    packed = Packed.of(sequences((20, 20)))

    def cost(count):
        parts = tuple(Module.initial(LoRA(rank=4), wide, seed) for seed in range(count))
        assembled = Assembled([Slot(Fuse(parts), combined=combined.Fusion.initial(parts, wide, 1))], wide)
        with FlopCounterMode(display=False) as counter:
            encoder(packed, assembled.sites(packed, [0])).sum().backward()
        return counter.get_total_flops()

    assert cost(9) < 1.12 * cost(1)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([random_module(BOTTLENECK, 1), random_module(LoRA(), 2)], "needs modules of one method and size"),
        (
            [random_module(BOTTLENECK, 1), random_module(Bottleneck(reduction_factor=8), 2)],
            "needs modules of one method and size",
        ),
        (
            [random_module(BOTTLENECK, 1), random_module(Bottleneck(reduction_factor=4), 2)],
            "needs modules of one method and size",
        ),
        (
            [random_module(replaced, 1) for replaced in (DOUBLE, PARALLEL)],
            "needs modules of one method and size",
        ),
        (
            [random_module(LoRA(rank=2), 1), Module(LoRA(rank=2, dora=True), {})],
            "is not defined for lora with dora = true",
        ),
    ],
    ids=["methods", "sizes", "functions", "places", "dora"],
)
def test_parts_without_a_combination_are_refused(parts, message):
    fusion, gate = random_fusion(parts[:1] * 2, 1), combined.Gate.initial(parts)
    for form, made in ((Fuse, fusion), (Gate, gate)):
        value = dataclasses.replace(made, parts=tuple(parts))
        with pytest.raises(ConfigError, match=f"{form.form} {message}"):
            Assembled([Slot(form(tuple(parts)), combined=value)], config())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_prediction_folds_a_fusion_once_until_a_weight_changes(encoder, packed, mode):
    encoder.freeze()
    parts = bottleneck_parts(3)
    assembled = Assembled([Slot(Fuse(tuple(parts)), combined=random_fusion(parts, 5))], config())
    (group,) = assembled.groups
    (bank,) = group.chain

    def hidden():
        return encoder(packed, assembled.sites(packed, [0]))

    with mode():
        before, folded = hidden(), bank.folded(Spread((0,), (44,)))
        assert bank.folded(Spread((0,), (7,)), cut=True) is folded
    assert torch.equal(before, hidden()), "the same with gradients"
    with torch.no_grad():
        bank.value_weight[0, 1] *= 2
    with mode():
        after = hidden()
        assert (after - before).abs().max() > 1e-3
        assert torch.equal(after, hidden())
    assert torch.equal(after, hidden())


FEW = [name for name in SLOTS if name.startswith("fuse") and "lora" not in name]


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.3}], ids=["plain", "dropout"])
@pytest.mark.parametrize("name", FEW)
def test_a_pass_of_few_tokens_is_not_folded_and_has_the_same_gradients(encoder, name, settings):
    encoder.freeze()
    slots = [SLOTS[name](seed) for seed in (1, 2)]
    for slot in slots:
        object.__setattr__(slot.combined, "settings", FusionSettings(temperature=1.5, **settings))
    packed = Packed.of(sequences((3, 4, 5)), (1, 2))
    outcomes = []
    for cut in (False, True):
        assembled = Assembled(slots, config())
        streams = [Fixed((1.0, 0.0, 1.0)) for _ in slots]
        hidden = encoder(packed, assembled.sites(packed, [0, 1], streams, cut=cut))
        (hidden * weights_of_loss(packed)).sum().backward()
        outcomes.append((hidden, [gradients(assembled, job) for job in (0, 1)]))
    (folded, every), (apart, others) = outcomes
    assert not torch.equal(folded, apart), "computed otherwise"
    assert (folded - apart).abs().max() < 1e-5
    for own, other in zip(every, others, strict=True):
        assert own.keys() == other.keys()
        for weight, gradient in own.items():
            scale = max(1.0, float(gradient.abs().max()))
            assert (other[weight] - gradient).abs().max() < 3e-5 * scale, weight


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_pass_is_folded_where_that_takes_fewer_operations(jobs):
    """As counted by torch over forward and backward, for as many tokens as both take about as many."""
    fusion = SLOTS["fuse"](1).combined
    assembled = Assembled([Slot(Fuse(fusion.parts), combined=fusion)] * jobs, config())
    (group,) = assembled.groups
    (bank,) = group.chain

    def operations(tokens: int, fold) -> int:
        spread = Spread(tuple(range(jobs)), (tokens,) * jobs)
        z = torch.randn(jobs * tokens, 32, requires_grad=True)
        with FlopCounterMode(display=False) as counter:
            (layer, *_) = bank._by_place(spread.rows, fold)
            given = layer["output"], spread, z, z, lambda x: x, None, lambda shares: None
            bank.apply_to(*given).sum().backward()
        return counter.get_total_flops()

    for tokens in (10, 300):
        few = bank.few(Spread(tuple(range(jobs)), (tokens,) * jobs))
        assert few == (tokens == 10)
        assert few == (operations(tokens, bank.apart) < operations(tokens, bank.fold))
