"""Temperature, score dropout and value regulariser of AdapterFusion against `adapters`."""

import dataclasses

import adapters.composition as ac
import pytest
import torch

from xadapt.composition import Fuse
from xadapt.modeling import formats, fusion_format
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.recipe import Bottleneck, FusionSettings

from .conftest import about, config, library_hidden, random_fusion, random_module, run, weights_of_loss
from .test_combined import Fixed, gradients
from .test_modules import library

NAMES = ("a", "b", "c")


class Masked(torch.nn.Module):
    """In place of the library's dropout: a mask that the parts have, whatever the token."""

    def __init__(self, kept, rate):
        super().__init__()
        self.kept, self.rate = torch.tensor(kept), rate

    def forward(self, scores):
        return scores * self.kept / (1 - self.rate)


@pytest.fixture
def both(hf, tmp_path):
    """A fusion as ours and as the library's, all of it trainable there."""
    parts = [random_module(Bottleneck(reduction_factor=4), seed) for seed in range(3)]
    fusion = random_fusion(parts, 7)
    model = library(hf, tmp_path, dict(zip(NAMES, parts, strict=True)))
    formats.save_combined(tmp_path / "fusion", fusion, NAMES, about("f"), config())
    model.load_adapter_fusion(str(tmp_path / "fusion"), use_safetensors=True)
    model.train_adapter_fusion(ac.Fuse(*NAMES))
    return fusion, model.eval()


def layers(model):
    """The fusion of each layer in the library."""
    return [layer.output.adapter_fusion_layer[",".join(NAMES)] for layer in model.roberta.encoder.layer]


def slot(fusion, **settings):
    settled = dataclasses.replace(fusion, settings=FusionSettings(**settings))
    return Slot(Fuse(fusion.parts), combined=settled)


def compare(assembled, hidden, expected, model, packed, unused=()):
    assert (hidden - expected).abs().max() < 1e-5
    for loss in (hidden, expected):
        (loss * weights_of_loss(packed)).sum().backward()
    found = gradients(assembled, 0)
    for number, layer in enumerate(layers(model)):
        theirs = dict(layer.named_parameters())
        for name in set(fusion_format.KEYS) - set(unused):
            gradient = theirs[fusion_format.KEYS[name]].grad
            assert gradient.abs().max() > 1e-5, f"{name} must matter"
            assert torch.allclose(found[name][number], gradient, atol=2e-5, rtol=1e-4), (name, number)


@pytest.mark.parametrize("kept", [(1.0, 0.0, 1.0), (0.0, 0.0, 1.0)])
def test_dropout_of_the_scores_equals_adapters(encoder, packed, both, kept):
    fusion, model = both
    encoder.freeze()
    for layer in layers(model):
        layer.dropout = Masked(kept, 0.3)
    expected = library_hidden(model, ac.Fuse(*NAMES))
    assembled = Assembled([slot(fusion, dropout=0.3)], config())
    hidden = encoder(packed, assembled.sites(packed, [0], [Fixed(kept)]))
    compare(assembled, hidden, expected, model, packed)


def test_a_temperature_equals_adapters_and_is_kept_in_its_folder(encoder, packed, both, tmp_path):
    fusion, model = both
    encoder.freeze()
    for layer in layers(model):
        layer.T, layer.reduction = 2.5, 0.0
    expected = library_hidden(model, ac.Fuse(*NAMES))
    assembled, hidden = run(encoder, slot(fusion, temperature=2.5), packed)
    compare(assembled, hidden, expected, model, packed, unused=["key_bias"])
    formats.save_combined(tmp_path / "warm", assembled.trained(0), NAMES, about("f"), config())
    model.load_adapter_fusion(str(tmp_path / "warm"), use_safetensors=True, overwrite_ok=True)
    for layer in layers(model):
        layer.T = 1.0
    assert (library_hidden(model.eval(), ac.Fuse(*NAMES)) - hidden).abs().max() < 1e-5


def test_the_regularizer_equals_adapters(both):
    fusion, model = both
    assembled = Assembled([slot(fusion, regularization=0.01), slot(fusion), Slot()], config())
    zero = {job: torch.zeros(()) for job in (0, 1, 2)}
    losses = assembled.regularized(zero)
    expected = model.get_fusion_regularization_loss()
    assert torch.allclose(losses[0], expected) and expected > 0.1
    assert losses[1] == losses[2] == 0
    losses[0].backward()
    expected.backward()
    for number, layer in enumerate(layers(model)):
        assert torch.allclose(gradients(assembled, 0)["value_weight"][number], layer.value.weight.grad)
    assert assembled.regularized({2: zero[2]}).keys() == {2}, "a job that is over is left alone"
