"""Models and modules that libraries compute: equal to the library alone, saved and loaded to equal bits."""

import adapters
import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from xadapt.composition import Stack
from xadapt.errors import ConfigError, DataError, IntegrityError
from xadapt.modeling import library_format
from xadapt.modeling.assemble import Slot
from xadapt.modeling.folders import About
from xadapt.modeling.library import LibraryAssembled, LibraryEncoder, prepared
from xadapt.modeling.module import Module
from xadapt.modeling.packed import Packed
from xadapt.models import FAMILIES
from xadapt.recipe import IA3, Bottleneck, Compacter, LoRA, PrefixTuning
from xadapt.training.streams import Stream

from .conftest import config, padded, sequences, unpad, weights_of_loss
from .tiny_models import build

METHODS = {
    "ia3": IA3(output_lora=True),
    "prefix": PrefixTuning(prefix_length=4, bottleneck_size=8),
    "flat": PrefixTuning(prefix_length=4, flat=True, leave_out=(1,)),
    "compacter": Compacter(reduction_factor=8.0, phm_dim=2),
    "double": Bottleneck(reduction_factor=4.0, place="double"),
    "lora": LoRA(rank=3, alpha=6.0, targets=("query", "attention_output", "output")),
}
BY_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@pytest.fixture
def encoder(hf) -> LibraryEncoder:
    model = transformers.XLMRobertaModel(prepared(config()), add_pooling_layer=False)
    model.load_state_dict(hf.state_dict())
    return LibraryEncoder(model, "tiny")


def random_module(encoder, method, seed=1) -> Module:
    made = encoder.initial(method, seed)
    generator = torch.Generator().manual_seed(seed + 100)
    noisy = {n: w + torch.randn(w.shape, generator=generator) * 0.1 for n, w in made.weights.items()}
    return Module(method, noisy)


def hidden(encoder, module, streams=None, **more):
    packed = Packed.of(sequences())
    assembled = LibraryAssembled([Slot(own=module)], encoder)
    return assembled, encoder(packed, assembled.sites(packed, [0], streams), **more)


def in_library(hf, folder, method):
    """Hidden states of a stock model that loads the folder with its library."""
    base = transformers.XLMRobertaModel(config(), add_pooling_layer=False)
    base.load_state_dict(hf.state_dict())
    if isinstance(method, LoRA):
        base = peft.PeftModel.from_pretrained(base, str(folder))
    else:
        adapters.init(base)
        base.load_adapter(str(folder), set_active=True, use_safetensors=True)
    ids, mask = padded(sequences())
    return unpad(base.eval()(ids, attention_mask=mask)[0], mask)


@torch.no_grad()
@BY_METHOD
def test_the_library_loads_what_is_saved_to_equal_outputs(hf, encoder, tmp_path, method):
    module = random_module(encoder, method)
    library_format.save(tmp_path, module, About("x", "tiny", (), "first"), encoder)
    _, found = hidden(encoder, module)
    assert (found - in_library(hf, tmp_path, method)).abs().max() < 1e-5
    again = library_format.load(tmp_path, method, encoder, "tiny")
    assert again.weights.keys() == module.weights.keys()
    assert all(torch.equal(weight, module.weights[name]) for name, weight in again.weights.items())
    bare = LibraryAssembled([Slot()], encoder)
    packed = Packed.of(sequences())
    plain = encoder(packed, bare.sites(packed, [0]))
    ids, mask = padded(sequences())
    assert (plain - unpad(hf(ids, attention_mask=mask)[0], mask)).abs().max() < 1e-5
    assert (found - plain).abs().max() > 1e-3, "the module has an effect"


@BY_METHOD
def test_everything_of_a_module_trains_and_nothing_else(encoder, method):
    before = encoder.fingerprint()
    assembled, found = hidden(encoder, random_module(encoder, method))
    found.square().sum().backward()
    stacked = assembled.stacked()
    assert stacked and all(one.parameter.grad is not None for one in stacked)
    assert all(parameter.grad is None for parameter in encoder.carrier.frozen)
    assert encoder.fingerprint() == before


@BY_METHOD
def test_fp32_modules_on_a_bf16_model(hf, method):
    """A few parts in a hundred, as in the fast engine: operands of 8 bits over three layers."""
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        model = transformers.XLMRobertaModel(prepared(config()), add_pooling_layer=False)
        model.load_state_dict(hf.state_dict())
        encoder = LibraryEncoder(model, "tiny")
        module = random_module(encoder, method)
        encoder.place(torch.device("cpu"), dtype)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            assembled, states = hidden(encoder, module)
        (states * weights_of_loss(Packed.of(sequences()))).sum().backward()
        weights = [one.parameter for one in assembled.stacked()]
        assert all(weight.dtype == weight.grad.dtype == torch.float32 for weight in weights)
        found.append((states, torch.cat([weight.grad.flatten() for weight in weights])))
    for exact, rounded, allowed in zip(*found, (0.04, 0.12), strict=True):
        assert (rounded - exact).norm() / exact.norm() < allowed


@torch.no_grad()
@BY_METHOD
def test_dropout_follows_from_the_stream_alone(encoder, method):
    module = random_module(encoder, method)

    def drawn(step):
        return hidden(encoder, module, [Stream.at(0.3, 1, "mnli", step, torch.device("cpu"))])[1]

    first = drawn(1)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert torch.equal(first, drawn(1)) and not torch.equal(first, drawn(2))
    assert torch.equal(state, torch.get_rng_state()), "the stream of everyone else is left alone"
    assert torch.equal(hidden(encoder, module)[1], hidden(encoder, module)[1])


@BY_METHOD
def test_a_module_starts_from_its_seed_alone(encoder, method):
    first = encoder.initial(method, 5)
    torch.manual_seed(3)
    again, other = encoder.initial(method, 5), encoder.initial(method, 6)
    assert all(torch.equal(weight, again.weights[name]) for name, weight in first.weights.items())
    if not isinstance(method, IA3):
        assert any(not torch.equal(weight, other.weights[name]) for name, weight in first.weights.items())


def test_hidden_states_of_a_layer_are_those_of_transformers(hf, encoder):
    packed = Packed.of(sequences())
    bare = LibraryAssembled([Slot()], encoder)
    ids, mask = padded(sequences())
    expected = hf(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    for layer, states in enumerate(expected):
        found = encoder(packed, bare.sites(packed, [0]), upto=layer)
        assert (found - unpad(states, mask)).abs().max() < 1e-5
    with pytest.raises(ConfigError, match="layer 4 of an encoder of 3"):
        encoder(packed, bare.sites(packed, [0]), upto=4)


def test_another_file_is_refused_by_name(encoder, tmp_path):
    module = random_module(encoder, METHODS["ia3"])
    library_format.save(tmp_path, module, About("x", "tiny", (), "first"), encoder)
    with pytest.raises(IntegrityError, match=r"config = .*needed is"):
        library_format.load(tmp_path, IA3(), encoder, "tiny")
    with pytest.raises(IntegrityError, match="model_name = 'tiny'; the encoder is 'other'"):
        library_format.load(tmp_path, METHODS["ia3"], encoder, "other")
    fewer = Module(module.method, dict(list(module.weights.items())[1:]))
    library_format.save(tmp_path, fewer, About("x", "tiny", (), "first"), encoder)
    with pytest.raises(IntegrityError, match="is missing, needed is"):
        library_format.load(tmp_path, METHODS["ia3"], encoder, "tiny")


def test_what_cannot_be_carried_is_refused(encoder):
    with pytest.raises(ConfigError, match="no multiple of phm_dim 4"):
        encoder.initial(Compacter(reduction_factor=16.0), 1)
    module = random_module(encoder, METHODS["ia3"])
    with pytest.raises(ConfigError, match="one at a time"):
        LibraryAssembled([Slot(own=module), Slot(own=module)], encoder)
    with pytest.raises(ConfigError, match="stack of several modules on xlm-roberta is not defined"):
        LibraryAssembled([Slot(Stack((module,)), own=module)], encoder)
    with pytest.raises(ConfigError, match="a language adapter below is not defined"):
        LibraryAssembled([Slot(own=module, language=module)], encoder)


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_computes_what_transformers_does(tmp_path, family):
    folder = build(family, tmp_path)
    encoder = LibraryEncoder.load(str(folder), name="tiny")
    stock = getattr(transformers, FAMILIES[family].model_class).from_pretrained(folder).eval()
    packed, (ids, mask) = Packed.of(sequences()), padded(sequences())
    sites = LibraryAssembled([Slot()], encoder).sites(packed, [0])
    found = stock(ids, attention_mask=mask, output_hidden_states=True)
    assert (encoder(packed, sites) - unpad(found.last_hidden_state, mask)).abs().max() < 1e-5
    for layer, states in enumerate(found.hidden_states):
        assert (encoder(packed, sites, upto=layer) - unpad(states, mask)).abs().max() < 1e-5


def test_weights_that_are_missing_are_an_error(tmp_path):
    folder = build("qwen2", tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file({n: w for n, w in weights.items() if "layers.1.mlp" not in n}, folder / "model.safetensors")
    with pytest.raises(IntegrityError, match="3 weights are missing, first"):
        LibraryEncoder.load(str(folder), name="tiny")
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="model 'tiny' cannot be read"):
        LibraryEncoder.load(str(folder), name="tiny")
