"""Placements of bottlenecks, scaling and left-out layers against `adapters`: outputs, gradients, folders."""

import adapters
import adapters.composition as ac
import pytest
import torch
from safetensors.torch import load_file

from xadapt.composition import Stack
from xadapt.errors import ConfigError
from xadapt.modeling import formats
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.bottleneck_format import FILES, KEYS, PLACES
from xadapt.modeling.encoder import Packed
from xadapt.modeling.formats import Host
from xadapt.modeling.module import Module, kept, prefixes
from xadapt.recipe import Bottleneck

from .conftest import (
    about,
    compare,
    config,
    library_hidden,
    random_module,
    run,
    sequences,
    weights_of_loss,
)

DOUBLE = Bottleneck(reduction_factor=4, place="double", non_linearity="swish")
PARALLEL = Bottleneck(reduction_factor=2, place="parallel")
METHODS = {
    "double": DOUBLE,
    "parallel": PARALLEL,
    "scaled": Bottleneck(reduction_factor=4, scaling=2.5),
    "left out": Bottleneck(reduction_factor=4, leave_out=(0, 2)),
    "double scaled and left out": Bottleneck(
        reduction_factor=8, place="double", scaling=0.5, leave_out=(1,), non_linearity="tanh"
    ),
    "parallel scaled and left out": Bottleneck(
        reduction_factor=4, place="parallel", scaling=1.5, leave_out=(0,), non_linearity="gelu"
    ),
}
every = pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))


def library(hf, folder, modules):
    """An `adapters` model with these modules loaded from folders that we wrote."""
    model = adapters.XLMRobertaAdapterModel(config())
    model.roberta.load_state_dict(hf.state_dict(), strict=False)
    for name, module in modules.items():
        formats.save_module(folder / name, module, about(name), config())
        model.load_adapter(str(folder / name), load_as=name, use_safetensors=True)
    return model.eval()


def check_gradients(ours, model, method, name):
    """Every weight of the module has our gradient in the library too."""
    theirs = dict(model.named_parameters())
    for place, start in prefixes(method).items():
        for own, key in KEYS.items():
            for row, layer in enumerate(kept(method, 3)):
                at = f"roberta.encoder.layer.{layer}.{PLACES[place]}.adapters.{name}.{key}"
                found = ours[(start + own).replace(".", "_")][row]
                assert theirs[at].grad.abs().max() > 0, at
                assert torch.allclose(found, theirs[at].grad, atol=4e-5, rtol=1e-4), at


@every
def test_bottleneck_equals_adapters(hf, encoder, packed, tmp_path, method):
    module = random_module(method, 1)
    model = library(hf, tmp_path, {"a": module})
    model.train_adapter("a")
    expected = library_hidden(model, "a")
    assert (expected - encoder(packed)).abs().max() > 0.1, "the module must matter"
    ours = compare(encoder, Slot(own=module), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    check_gradients(ours, model, method, "a")


@pytest.mark.parametrize(
    ("below", "own"),
    [
        (DOUBLE, DOUBLE),
        (METHODS["double scaled and left out"], DOUBLE),
        (METHODS["left out"], METHODS["scaled"]),
        (METHODS["scaled"], METHODS["left out"]),
        (METHODS["left out"], METHODS["left out"]),
    ],
)
def test_stack_equals_adapters(hf, encoder, packed, tmp_path, below, own):
    frozen, module = random_module(below, 1), random_module(own, 2)
    model = library(hf, tmp_path, {"a": frozen, "b": module})
    model.train_adapter("b")
    expected = library_hidden(model, ac.Stack("a", "b"))
    ours = compare(encoder, Slot(Stack((frozen,)), own=module), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    check_gradients(ours, model, own, "b")


def test_a_stack_of_parallel_bottlenecks_is_one_of_both_widths(hf, encoder, packed, tmp_path):
    """Both read the input of the feed-forward and both are added; `adapters` forgets the lower one."""
    lower, upper = random_module(PARALLEL, 1), random_module(PARALLEL, 2)
    joined = {
        "down_weight": torch.cat([lower.weights["down_weight"], upper.weights["down_weight"]], 1),
        "down_bias": torch.cat([lower.weights["down_bias"], upper.weights["down_bias"]], 1),
        "up_weight": torch.cat([lower.weights["up_weight"], upper.weights["up_weight"]], 2),
        "up_bias": lower.weights["up_bias"] + upper.weights["up_bias"],
    }
    wide = Module(Bottleneck(reduction_factor=1, place="parallel"), joined)
    expected = run(encoder, Slot(own=wide), packed)[1]
    found = run(encoder, Slot(Stack((lower,)), own=upper), packed)[1]
    assert (found - expected).abs().max() < 1e-5
    model = library(hf, tmp_path, {"a": lower, "b": upper})
    forgotten = library_hidden(model, ac.Stack("a", "b"))
    assert torch.equal(forgotten, library_hidden(model, "b"))
    assert (forgotten - expected).abs().max() > 0.1


@torch.no_grad()
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            adapters.DoubleSeqBnConfig(reduction_factor=4),
            Bottleneck(reduction_factor=4, place="double", non_linearity="swish"),
        ),
        (adapters.ParBnConfig(), PARALLEL),
        (
            adapters.ParBnConfig(scaling=1.0, leave_out=[2, 0], non_linearity="gelu"),
            Bottleneck(
                reduction_factor=2, place="parallel", scaling=1.0, leave_out=(0, 2), non_linearity="gelu"
            ),
        ),
        (
            adapters.DoubleSeqBnConfig(reduction_factor=8, leave_out=[1], scaling=0.3),
            Bottleneck(
                reduction_factor=8, place="double", leave_out=(1,), scaling=0.3, non_linearity="swish"
            ),
        ),
        (
            adapters.SeqBnConfig(reduction_factor=4, leave_out=[0, 1]),
            Bottleneck(reduction_factor=4, leave_out=(0, 1)),
        ),
    ],
    ids=["double", "parallel", "parallel left out", "double scaled and left out", "sequential left out"],
)
def test_what_adapters_saved_computes_alike_here(hf, encoder, packed, tmp_path, settings, expected):
    model = adapters.XLMRobertaAdapterModel(config())
    model.roberta.load_state_dict(hf.state_dict(), strict=False)
    model.add_adapter("x", config=settings)
    for name, parameter in model.named_parameters():
        if ".adapters.x." in name:
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7)) * 0.1)
    model.save_adapter(str(tmp_path), "x", use_safetensors=True)
    module = formats.load_module(tmp_path, Host(config(), "tiny"))
    assert module.method == expected
    theirs = library_hidden(model.eval(), "x")
    found = run(encoder, Slot(own=module), packed)[1]
    assert (found - encoder(packed)).abs().max() > 0.01, "the module must matter"
    assert (found - theirs).abs().max() < 1e-5


def test_a_layer_that_is_left_out_has_no_weights_in_memory_or_in_the_folder(tmp_path):
    method = METHODS["left out"]
    module = Module.initial(method, config(), 1)
    assert {weight.shape[0] for weight in module.weights.values()} == {1}
    formats.save_module(tmp_path, module, about("x"), config())
    found = load_file(tmp_path / FILES[1])
    assert len(found) == 4 and all(".layer.1." in name for name in found)


def test_parallel_starts_like_lora_and_others_like_bert():
    uniform = Module.initial(PARALLEL, config(hidden_size=1024), 1).weights
    assert not uniform["up_weight"].any() and not uniform["down_bias"].any()
    edge = 1024**-0.5
    assert 0.99 * edge < uniform["down_weight"].abs().max() <= edge
    assert uniform["down_weight"].std() == pytest.approx(edge / 3**0.5, rel=0.01)
    for name, weight in Module.initial(DOUBLE, config(hidden_size=1024), 1).weights.items():
        if name.endswith("weight"):
            assert weight.std() == pytest.approx(0.02, rel=0.01)
        else:
            assert not weight.any()


def test_jobs_that_scale_or_leave_out_otherwise_share_no_bank(encoder):
    plain = Bottleneck(reduction_factor=4)
    methods = [
        plain,
        Bottleneck(reduction_factor=4, scaling=2.0),
        Bottleneck(reduction_factor=4, leave_out=(0,)),
        Bottleneck(reduction_factor=4, leave_out=(1,)),
        Bottleneck(reduction_factor=4, scaling=1.0),
    ]
    slots = [Slot(own=random_module(method, 1)) for method in methods]
    together = Assembled(slots, config())
    assert sorted(group.jobs for group in together.groups) == [(0, 4), (1,), (2,), (3,)]
    row = sequences((6,))[0]
    packed = Packed.of([row] * 5, (1,) * 5)
    for slot, part in zip(slots, encoder(packed, together.sites(packed, range(5))).split(6), strict=True):
        assert (part - run(encoder, slot, Packed.of([row]))[1]).abs().max() < 1e-5


@pytest.mark.parametrize("left_out", [(3,), (-1,), (0, 1, 2), (1, 0), (1, 1)])
def test_layers_that_cannot_be_left_out(left_out):
    method = Bottleneck(reduction_factor=4, leave_out=left_out)
    message = rf"leave_out = \[{str(list(left_out))[1:-1]}\]: supported are some of the layers 0 to 2"
    with pytest.raises(ConfigError, match=message):
        Module.initial(method, config(), 1)
    weights = random_module(Bottleneck(reduction_factor=4), 1).weights
    with pytest.raises(ConfigError, match=message):
        Assembled([Slot(own=Module(method, weights))], config())
