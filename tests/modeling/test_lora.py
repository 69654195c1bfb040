"""LoRA, rsLoRA and DoRA against `peft`, LoRA against `adapters` too: forward, gradients, folders."""

from dataclasses import replace

import adapters
import peft
import pytest
import torch
import transformers

from xadapt.composition import Fuse, Merge, Stack
from xadapt.errors import ConfigError
from xadapt.modeling import formats, lora_format
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.combined import Fusion
from xadapt.modeling.merge import merge
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, LoRA

from .conftest import (
    about,
    compare,
    config,
    library_hidden,
    padded,
    random_module,
    run,
    sequences,
    unpad,
    weights_of_loss,
)

LORA = LoRA(rank=3, alpha=6)
ALL = ("query", "key", "value", "attention_output", "intermediate", "output")


def peft_model(hf, folder, modules):
    """A `peft` model with these modules loaded from folders that we wrote, all of them active."""
    model = transformers.XLMRobertaModel(config(), add_pooling_layer=False)
    model.load_state_dict(hf.state_dict())
    wrapped = None
    for name, module in modules.items():
        formats.save_module(folder / name, module, about(name), config())
        if wrapped is None:
            wrapped = peft.PeftModel.from_pretrained(
                model, str(folder / name), adapter_name=name, is_trainable=True
            )
        else:
            wrapped.load_adapter(str(folder / name), adapter_name=name, is_trainable=True)
    wrapped.base_model.set_adapter(list(modules))
    return wrapped.eval()


def peft_hidden(model):
    ids, mask = padded(sequences())
    return unpad(model(ids, attention_mask=mask).last_hidden_state, mask)


def check(ours, module, theirs, key):
    """Our gradients against those of the library, whose parameter names `key` makes."""
    sides = {"A": "lora_A", "B": "lora_B", "magnitude": "lora_magnitude_vector"}
    for name in module.weights:
        target, side = name.split(".")
        for layer in range(3):
            gradient = theirs[key.format(layer, lora_format.KEYS[target], sides[side])].grad
            assert gradient.abs().max() > 0
            found = ours[name.replace(".", "_")][layer]
            assert torch.allclose(found, gradient, atol=2e-5, rtol=1e-4), (name, layer)


def peft_key(name):
    return f"base_model.model.encoder.layer.{{}}.{{}}.{{}}.{name}.weight"


@pytest.mark.parametrize("variant", [{}, {"rslora": True}, {"dora": True}, {"rslora": True, "dora": True}])
@pytest.mark.parametrize("targets", [("query", "value"), ALL, ("output",)])
def test_lora_equals_peft(hf, encoder, packed, tmp_path, targets, variant):
    module = random_module(LoRA(rank=3, alpha=6, targets=targets, **variant), 1)
    model = peft_model(hf, tmp_path, {"a": module})
    expected = peft_hidden(model)
    assert (expected - encoder(packed)).abs().max() > 0.1, "the module must matter"
    ours = compare(encoder, Slot(own=module), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    check(ours, module, dict(model.named_parameters()), peft_key("a"))


@pytest.mark.parametrize("other", [LORA, LoRA(rank=2, alpha=1, targets=("key", "output"))])
def test_lora_stack_equals_peft_with_both_active(hf, encoder, packed, tmp_path, other):
    below, own = random_module(other, 1), random_module(LORA, 2)
    model = peft_model(hf, tmp_path, {"a": below, "b": own})
    expected = peft_hidden(model)
    ours = compare(encoder, Slot(Stack((below,)), own=own), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    check(ours, own, dict(model.named_parameters()), peft_key("b"))


@pytest.mark.parametrize("targets", [("query", "value"), ("query", "key", "value", "intermediate", "output")])
def test_lora_equals_adapters(hf, encoder, packed, targets):
    module = random_module(LoRA(rank=3, alpha=6, targets=targets), 1)
    model = adapters.XLMRobertaAdapterModel(config())
    model.roberta.load_state_dict(hf.state_dict(), strict=False)
    settings = adapters.LoRAConfig(
        r=3,
        alpha=6,
        attn_matrices=[target[0] for target in targets if target in ("query", "key", "value")],
        intermediate_lora="intermediate" in targets,
        output_lora="output" in targets,
    )
    model.add_adapter("a", config=settings)
    theirs = dict(model.named_parameters())
    key = "roberta.encoder.layer.{}.{}.loras.a.{}"
    with torch.no_grad():
        for name, stack in module.weights.items():
            target, side = name.split(".")
            for layer, weight in enumerate(stack):
                theirs[key.format(layer, lora_format.KEYS[target], f"lora_{side}")].copy_(weight)
    model.train_adapter("a")
    model.eval()
    expected = library_hidden(model, "a")
    ours = compare(encoder, Slot(own=module), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    check(ours, module, theirs, key)


class Halves(torch.nn.Module):
    """Dropout that draws the same wherever a token stands: every second unit."""

    def forward(self, x, rate=0.5):
        return x * (torch.arange(x.shape[-1]) % 2) / (1 - rate) if self.training else x


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
def test_dropout_in_training_acts_where_peft_has_it(hf, encoder, packed, tmp_path, dora):
    module = random_module(LoRA(rank=3, alpha=6, dropout=0.5, targets=ALL, dora=dora), 1)
    model = peft_model(hf, tmp_path, {"a": module})
    for part in model.modules():
        if hasattr(part, "lora_dropout"):
            part.lora_dropout["a"] = Halves()
    still = peft_hidden(model.eval()).detach()
    expected = peft_hidden(model.train())
    assert (expected - still).abs().max() > 0.1, "dropout must matter"
    encoder.freeze()
    assembled = Assembled([Slot(own=module)], config())
    hidden = encoder(packed, assembled.sites(packed, [0], [Halves()]))
    assert (hidden - expected).abs().max() < 1e-5
    (hidden * weights_of_loss(packed)).sum().backward()
    (expected * weights_of_loss(packed)).sum().backward()
    ours = {name.split(".")[-1]: p.grad[0] for name, p in assembled.named_parameters()}
    check(ours, module, dict(model.named_parameters()), peft_key("a"))


@pytest.mark.parametrize("variant", [{"use_rslora": True}, {"use_dora": True}])
def test_what_peft_starts_and_saves(hf, encoder, packed, tmp_path, variant):
    """DoRA starts from our magnitudes, as the encoder was; trained by `peft` it computes alike here."""
    base = transformers.XLMRobertaModel(config(), add_pooling_layer=False)
    base.load_state_dict(hf.state_dict())
    names = [lora_format.KEYS[target] for target in ALL]
    # "output.dense" would be taken for that of the attention too.
    modules = "|".join(name.replace(".", r"\.") for name in names)
    settings = peft.LoraConfig(r=2, lora_alpha=3, target_modules=rf".*layer\.\d+\.({modules})", **variant)
    model = peft.get_peft_model(base, settings).eval()
    dora = variant.get("use_dora", False)
    method = LoRA(rank=2, alpha=3, targets=ALL, rslora=not dora, dora=dora)
    first = Module.initial(method, config(), 1, encoder.row_norms)
    assert (run(encoder, Slot(own=first), packed)[1] - encoder(packed)).abs().max() < 1e-5
    theirs = dict(model.named_parameters())
    for target in ALL if dora else ():
        for layer in range(3):
            at = peft_key("default").format(layer, lora_format.KEYS[target], "lora_magnitude_vector")
            assert torch.allclose(first.weights[f"{target}.magnitude"][layer], theirs[at], atol=1e-6)
    with torch.no_grad():
        for name, parameter in theirs.items():
            if ".lora_" in name:
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7)) * 0.1)
    model.save_pretrained(str(tmp_path))
    module = formats.load_module(tmp_path, formats.Host(config(), "tiny"))
    assert module.method == method
    expected = peft_hidden(model)
    assert (expected - encoder(packed)).abs().max() > 0.1, "the module must matter"
    assert (run(encoder, Slot(own=module), packed)[1] - expected).abs().max() < 1e-5


def test_what_is_not_defined_for_dora(encoder):
    plain, dora = random_module(LORA, 1), random_module(replace(LORA, dora=True), 2)
    for below, own in ((plain, dora), (dora, plain), (dora, dora)):
        with pytest.raises(ConfigError, match="stack of DoRA is not defined"):
            Assembled([Slot(Stack((below,)), own=own)], config())
    with pytest.raises(ConfigError, match="merge of DoRA: its update is no sum"):
        merge([plain, dora], Merge((0, 1)))
    with pytest.raises(ConfigError, match="fuse is not defined for lora with dora = true"):
        parts = (plain, dora)
        Assembled([Slot(Fuse(parts), combined=Fusion({}, parts))], config())
    with pytest.raises(ValueError, match="norms of the frozen matrices"):
        Module.initial(dora.method, config(), 1)


def test_dora_above_a_language_adapter(encoder, packed):
    """A bottleneck below rescales nothing of the matrices that DoRA updates."""
    language = random_module(Bottleneck(reduction_factor=4), 1)
    own = random_module(replace(LORA, dora=True), 2)
    both = run(encoder, Slot(language=language, own=own), packed)[1]
    for alone in (Slot(own=language), Slot(own=own)):
        assert (both - run(encoder, alone, packed)[1]).abs().max() > 0.1
