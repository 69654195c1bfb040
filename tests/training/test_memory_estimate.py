"""The estimate against what autograd keeps, at the widths of XLM-R base and Large; what follows from it."""

import pytest
import torch

from xadapt.composition import Fuse, Gate, Stack
from xadapt.memory.activations import per_token
from xadapt.memory.estimate import How, Load, estimate, peak
from xadapt.memory.sizes import Shape, Sizes, trainable
from xadapt.modeling import combined
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.module import Module
from xadapt.modeling.packed import Packed
from xadapt.recipe import TARGETS, Architecture, Bottleneck, Full, LoRA, Recipe
from xadapt.training.streams import Stream, side_by_side

BASE = Architecture(layers=2, hidden=768, heads=12, intermediate=3072, vocabulary=60)
LARGE = Architecture(layers=2, hidden=1024, heads=16, intermediate=4096, vocabulary=60)
SMALL = Architecture(layers=3, hidden=128, heads=4, intermediate=512, vocabulary=60)
METHODS = (
    Bottleneck(),
    Bottleneck(place="double", non_linearity="gelu"),
    Bottleneck(place="parallel", reduction_factor=2),
    Bottleneck(leave_out=(0,)),
    Bottleneck(invertible="nice"),
    LoRA(),
    LoRA(dropout=0.1, targets=("query", "key", "value")),
    LoRA(targets=TARGETS),
    LoRA(targets=("intermediate", "output")),
    LoRA(dora=True),
)


def made(architecture: Architecture) -> Encoder:
    found = Encoder.fresh(architecture, architecture.vocabulary, 1)
    found.freeze()
    return found


@pytest.fixture(scope="module")
def encoders() -> dict[str, Encoder]:
    return {"base": made(BASE), "large": made(LARGE), "small": made(SMALL)}


def saved(encoder: Encoder, slot: Slot, lengths: list[int], bf16: bool) -> int:
    """Bytes of the tensors that autograd keeps of one forward, weights left out."""
    assembled = Assembled([slot], encoder.config)
    weights = [*encoder.parameters(), *assembled.parameters(), *assembled.buffers()]
    own = {weight.untyped_storage().data_ptr() for weight in weights}
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    packed = Packed.of([[5 + n % 50 for n in range(size)] for size in lengths], (len(lengths),))
    stream = Stream.at(0.1, 1, "x", 0, torch.device("cpu"))
    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        sites = assembled.sites(packed, [0], [stream])
        hidden = encoder(packed, sites, dropout=side_by_side([stream], packed.tokens))
        found = sum(storage.nbytes() for place, storage in kept.items() if place not in own)
    assert hidden.requires_grad
    return found


def ratio(architecture, encoder, slot, shape, ragged=True, bf16=False) -> float:
    """Of the estimate to what is kept per token; two sizes, so that what is fixed falls out."""
    encoder.place(torch.device("cpu"), torch.bfloat16 if bf16 else torch.float32)
    one = [9, 14, 12, 25] if ragged else [16]
    few, more = saved(encoder, slot, one * 2, bf16), saved(encoder, slot, one * 4, bf16)
    model = Sizes.made(architecture)
    guess = per_token(model, shape, dropout=True, wide=2 if bf16 else 4, padded=ragged)
    return guess * sum(one) * 2 / (more - few)


def start(method, encoder: Encoder) -> Module:
    return Module.initial(method, encoder.config, 1, encoder.row_norms)


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
def test_what_a_token_keeps_is_known_for_every_method(method, bf16, encoders):
    slot = Slot(own=start(method, encoders["small"]))
    assert 0.85 < ratio(SMALL, encoders["small"], slot, Shape(method), bf16=bf16) < 1.15
    assert 0.9 < ratio(SMALL, encoders["small"], slot, Shape(method), ragged=False, bf16=bf16) < 1.1


@pytest.mark.parametrize("method", [Bottleneck(), LoRA()], ids=["bottleneck", "lora"])
@pytest.mark.parametrize(("name", "architecture"), [("base", BASE), ("large", LARGE)])
def test_what_a_token_keeps_is_known_at_the_widths_of_xlm_r(name, architecture, method, encoders):
    encoder = encoders[name]
    slot = Slot(own=start(method, encoder))
    assert 0.85 < ratio(architecture, encoder, slot, Shape(method)) < 1.15


def test_what_a_token_keeps_is_known_for_compositions_and_full_training(encoders):
    encoder, methods = encoders["small"], (Bottleneck(), LoRA())
    for method in methods:
        one = start(method, encoder)
        parts = (one,) * 3
        fusion = combined.Fusion.initial(parts, encoder.config, 1)
        for slot, shape in (
            (Slot(Fuse(parts), combined=fusion), Shape(method, "fuse", 3)),
            (
                Slot(Gate(parts), combined=combined.Gate.initial(parts)),
                Shape(method, "gate", 3),
            ),
            (Slot(Stack((one,)), own=one), Shape(method, below=1)),
        ):
            assert 0.85 < ratio(SMALL, encoder, slot, shape) < 1.15, shape
    whole = Encoder.fresh(SMALL, SMALL.vocabulary, 1)
    assert 0.85 < ratio(SMALL, whole, Slot(), Shape(Full())) < 1.15


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_trainable_weights_are_counted_exactly(method, encoders):
    module = start(method, encoders["small"])
    weights = [*module.weights.values(), *module.invertible.values()]
    assert trainable(Sizes.made(SMALL), Shape(method)) == sum(weight.numel() for weight in weights)


def test_weights_of_the_encoder_are_counted_exactly(encoders):
    bytes_ = sum(weight.numel() for weight in encoders["large"].parameters()) * 2
    load = Load(Recipe(), Shape(Bottleneck()), 100)
    assert estimate(Sizes.made(LARGE), [load], How("bf16")).weights == bytes_


def test_the_peak_grows_with_what_is_side_by_side_and_falls_with_what_is_saved():
    model, recipe = Sizes(24, 1024, 16, 4096, 250_002), Recipe()
    one = peak(model, recipe)
    assert peak(model, recipe, 9) > 2 * one
    assert peak(model, recipe, tokens=100) < one
    assert peak(model, recipe, checkpointing=True) < 0.5 * one
    assert peak(model, recipe, bits=4) < peak(model, recipe, bits=8) < one
    assert peak(model, recipe, precision="fp32") > 1.5 * one
    assert peak(model, recipe, kind="mlm", outputs=250_002) > one + 2**30
    full = Recipe(method=Full())
    assert peak(model, full) > 16 * sum((model.matrices, model.rest))


def test_sizes_are_read_from_the_configs_of_all_families():
    named = {"num_layers": 8, "d_model": 512, "num_heads": 6, "d_ff": 1024, "vocab_size": 250112}
    assert Sizes.of(named) == Sizes(8, 512, 6, 1024, 250_112, 0)
    assert Sizes.of({"hidden_size": 3}) is None
