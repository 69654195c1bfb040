"""Banks and compositions against `adapters` and `peft`: forward and gradients."""

import adapters
import adapters.composition as ac
import pytest
import torch

from xadapt.composition import Alone, Continue, Fuse, Stack
from xadapt.errors import ConfigError
from xadapt.modeling import bottleneck_format, formats, fusion_format
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.combined import Fusion
from xadapt.modeling.encoder import Encoder, Packed
from xadapt.modeling.module import kept, prefixes
from xadapt.recipe import Bottleneck, LoRA

from .conftest import (
    about,
    compare,
    config,
    library_hidden,
    random_fusion,
    random_module,
    run,
    sequences,
    weights_of_loss,
)

BOTTLENECK = Bottleneck(reduction_factor=4)
LORA = LoRA(rank=3, alpha=6)
DORA = LoRA(rank=3, alpha=6, dora=True, targets=("key", "output"))
DOUBLE = Bottleneck(reduction_factor=4, place="double", leave_out=(1,))
PARALLEL = Bottleneck(reduction_factor=4, place="parallel", scaling=0.7)


def library(hf, folder, modules) -> adapters.XLMRobertaAdapterModel:
    """An `adapters` model with these bottleneck modules loaded from folders that we wrote."""
    model = adapters.XLMRobertaAdapterModel(config())
    model.roberta.load_state_dict(hf.state_dict(), strict=False)
    for name, module in modules.items():
        formats.save_module(folder / name, module, about(name), config())
        model.load_adapter(str(folder / name), load_as=name, use_safetensors=True)
    return model.eval()


def check_gradients(ours, model, pattern, keys):
    for name, theirs in keys.items():
        for layer in range(3):
            found = dict(model.named_parameters())[pattern.format(layer) + theirs].grad
            if found is None or name == "key_bias":
                continue
            assert torch.allclose(ours[name][layer], found, atol=2e-5, rtol=1e-4), (name, layer)


@pytest.mark.parametrize("non_linearity", ["relu", "gelu", "swish", "tanh"])
def test_bottleneck_equals_adapters(hf, encoder, packed, tmp_path, non_linearity):
    method = Bottleneck(reduction_factor=4, non_linearity=non_linearity)
    module = random_module(method, 1)
    model = library(hf, tmp_path, {"a": module})
    model.train_adapter("a")
    expected = library_hidden(model, "a")
    assert (expected - encoder(packed)).abs().max() > 0.1, "the module must matter"
    ours = compare(encoder, Slot(own=module), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    check_gradients(ours, model, "roberta.encoder.layer.{}.output.adapters.a.", bottleneck_format.KEYS)


def test_stack_equals_adapters(hf, encoder, packed, tmp_path):
    below, own = random_module(BOTTLENECK, 1), random_module(BOTTLENECK, 2)
    model = library(hf, tmp_path, {"a": below, "b": own})
    model.train_adapter("b")
    expected = library_hidden(model, ac.Stack("a", "b"))
    ours = compare(encoder, Slot(Stack((below,)), own=own), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    check_gradients(ours, model, "roberta.encoder.layer.{}.output.adapters.b.", bottleneck_format.KEYS)


@pytest.mark.parametrize(
    ("count", "method"),
    [
        (2, BOTTLENECK),
        (5, BOTTLENECK),
        (3, Bottleneck(reduction_factor=4, scaling=1.7)),
        (3, Bottleneck(reduction_factor=4, leave_out=(0,))),
        (2, DOUBLE),
    ],
)
def test_fuse_equals_adapters(hf, encoder, packed, tmp_path, count, method):
    parts = [random_module(method, seed) for seed in range(count)]
    fusion = random_fusion(parts, 7)
    names = [f"m{n}" for n in range(count)]
    model = library(hf, tmp_path, dict(zip(names, parts, strict=True)))
    formats.save_combined(tmp_path / "fusion", fusion, names, about("f"), config())
    model.load_adapter_fusion(str(tmp_path / "fusion"), use_safetensors=True)
    model.train_adapter_fusion(ac.Fuse(*names))
    model.eval()
    expected = library_hidden(model, ac.Fuse(*names))
    ours = compare(encoder, Slot(Fuse(tuple(parts)), combined=fusion), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    theirs = dict(model.named_parameters())
    for place, start in prefixes(method).items():
        below = f"{bottleneck_format.PLACES[place]}.adapter_fusion_layer.{','.join(names)}."
        for name, key in fusion_format.KEYS.items():
            for row, layer in enumerate(kept(method, 3) if name != "key_bias" else ()):
                gradient = theirs[f"roberta.encoder.layer.{layer}.{below}{key}"].grad
                found = ours[f"{start}{name}".replace(".", "_")][row]
                assert torch.allclose(found, gradient, atol=2e-5, rtol=1e-4), (place, name, layer)
    model.save_adapter_fusion(str(tmp_path / "theirs"), ac.Fuse(*names), use_safetensors=True)
    back = formats.load_combined(tmp_path / "theirs", "fuse", parts, names, formats.Host(config(), "tiny"))
    assert all(torch.equal(back.weights[name], weight) for name, weight in fusion.weights.items())


def test_adapters_adds_the_input_of_fused_parallel_modules_twice(hf, encoder, packed, tmp_path):
    """So a fusion of them is held to the formula alone (test_combined.py): with modules that are empty the
    library gives something else than the encoder."""
    empty = random_module(PARALLEL, 1)
    for name in ("up_weight", "up_bias"):
        empty.weights[name].zero_()
    model = library(hf, tmp_path, {"a": empty, "b": empty})
    model.add_adapter_fusion(["a", "b"])
    with torch.no_grad():
        assert (library_hidden(model.eval(), "a") - encoder(packed)).abs().max() < 1e-5
        assert (library_hidden(model, ac.Fuse("a", "b")) - encoder(packed)).abs().max() > 0.1
    fusion = Slot(Fuse((empty, empty)), combined=random_fusion((empty, empty), 7))
    assert (run(encoder, fusion, packed)[1] - encoder(packed)).abs().max() < 1e-5


def test_a_composition_read_as_it_is(encoder, packed):
    module = random_module(BOTTLENECK, 1)
    active = run(encoder, Slot(own=module), packed)[1]
    assert torch.equal(run(encoder, Slot(Stack((module,))), packed)[1], active)
    assert torch.equal(run(encoder, Slot(Continue((module,))), packed)[1], active)
    assert torch.equal(run(encoder, Slot(Alone()), packed)[1], encoder(packed))


def mixed_slots():
    a, b, c = (random_module(BOTTLENECK, seed) for seed in range(3))
    return [
        Slot(own=a),
        Slot(Stack((b,)), own=c),
        Slot(own=random_module(LORA, 4)),
        Slot(Fuse((a, b)), combined=random_fusion((a, b), 5)),
        Slot(own=b),
        Slot(Stack((random_module(LORA, 6),)), own=random_module(LORA, 7)),
        Slot(own=random_module(DOUBLE, 8)),
        Slot(own=random_module(DORA, 9)),
        Slot(own=random_module(PARALLEL, 10)),
        Slot(own=random_module(DORA, 11)),
        Slot(Stack((random_module(DOUBLE, 12),)), own=random_module(PARALLEL, 13)),
        Slot(),
    ]


@pytest.mark.parametrize("counts", [(2,) * 12, (1, 3, 2, 2, 4, 1, 1, 2, 3, 1, 1, 2)], ids=["equal", "ragged"])
@pytest.mark.parametrize("size", [6, None], ids=["same length", "any length"])
def test_side_by_side_equals_apart(hf, counts, size):
    slots = mixed_slots()
    lengths = [size or 3 + (7 * n) % 11 for n in range(sum(counts))]
    rows = sequences(lengths, seed=2)
    packed = Packed.of(rows, counts)
    encoder = Encoder.from_hf(hf)
    encoder.freeze()
    together = Assembled(slots, config())
    hidden = encoder(packed, together.sites(packed, range(12)))
    loss = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(1))
    (hidden * loss).sum().backward()
    at = 0
    for job, (slot, part) in enumerate(zip(slots, hidden.split(list(packed.tokens)), strict=True)):
        own = rows[at : at + counts[job]]
        at += counts[job]
        alone = Assembled([slot], config())
        expected = encoder(Packed.of(own), alone.sites(Packed.of(own), [0]))
        assert (part - expected).abs().max() < 1e-5
        if not alone.stacked():
            continue
        start = sum(packed.tokens[:job])
        (expected * loss[start : start + len(expected)]).sum().backward()
        mine = {s.name.split(".")[-1]: s.parameter.grad[s.jobs.index(job)] for s in together.stacked()
                if job in s.jobs and s.parameter.grad is not None}  # fmt: skip
        theirs = {
            s.name.split(".")[-1]: s.parameter.grad[0]
            for s in alone.stacked()
            if s.parameter.grad is not None
        }
        assert mine.keys() == theirs.keys()
        for name, gradient in theirs.items():
            assert torch.allclose(mine[name], gradient, atol=2e-5, rtol=1e-4), (job, name)


def test_a_step_may_leave_jobs_out(encoder):
    slots = mixed_slots()
    rows = sequences((4, 6, 5))
    packed = Packed.of(rows, (1, 1, 1))
    together = Assembled(slots, config())
    hidden = encoder(packed, together.sites(packed, [1, 3, 4])).split([4, 6, 5])
    for job, row, part in zip([1, 3, 4], rows, hidden, strict=True):
        expected = run(encoder, slots[job], Packed.of([row]))[1]
        assert (part - expected).abs().max() < 1e-5


def test_trained_gives_the_weights_back(encoder):
    slots = mixed_slots()
    together = Assembled(slots, config())
    for job, slot in enumerate(slots[:-1]):
        expected = (slot.combined or slot.own).weights
        found = together.trained(job).weights
        assert expected.keys() == found.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    with pytest.raises(ConfigError, match="trains no module"):
        together.trained(11)


def test_refuses_a_module_of_another_depth_and_a_fusion_of_unlike_parts():
    module = random_module(BOTTLENECK, 1)
    short = type(module)(module.method, {name: w[:2] for name, w in module.weights.items()})
    with pytest.raises(ConfigError, match="2 layers on an encoder of 3"):
        Assembled([Slot(own=short)], config())
    other = random_module(Bottleneck(reduction_factor=8), 1)
    with pytest.raises(ConfigError, match="one method and size"):
        Assembled([Slot(Fuse((module, other)), combined=Fusion({}, (module, other)))], config())
