"""LoRA against `peft` and against `adapters`: forward and gradients."""

import adapters
import peft
import pytest
import torch
import transformers

from xadapt.composition import Stack
from xadapt.modeling import formats, lora_format
from xadapt.modeling.assemble import Slot
from xadapt.recipe import LoRA

from .conftest import (
    about,
    compare,
    config,
    library_hidden,
    padded,
    random_module,
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
    for name in module.weights:
        target, side = name.split(".")
        for layer in range(3):
            gradient = theirs[key.format(layer, lora_format.KEYS[target], side)].grad
            assert gradient.abs().max() > 0
            found = ours[name.replace(".", "_")][layer]
            assert torch.allclose(found, gradient, atol=2e-5, rtol=1e-4), (name, layer)


def peft_key(name):
    return f"base_model.model.encoder.layer.{{}}.{{}}.lora_{{}}.{name}.weight"


@pytest.mark.parametrize("targets", [("query", "value"), ALL, ("output",)])
def test_lora_equals_peft(hf, encoder, packed, tmp_path, targets):
    module = random_module(LoRA(rank=3, alpha=6, targets=targets), 1)
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
    key = "roberta.encoder.layer.{}.{}.loras.a.lora_{}"
    with torch.no_grad():
        for name, stack in module.weights.items():
            target, side = name.split(".")
            for layer, weight in enumerate(stack):
                theirs[key.format(layer, lora_format.KEYS[target], side)].copy_(weight)
    model.train_adapter("a")
    model.eval()
    expected = library_hidden(model, "a")
    ours = compare(encoder, Slot(own=module), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    check(ours, module, theirs, key)
