"""Language adapters with NICE against `adapters`: stacks, masked language modelling, folders; many jobs."""

import adapters
import adapters.composition as ac
import pytest
import torch

from xadapt.composition import Fuse, Stack
from xadapt.errors import ConfigError, IntegrityError
from xadapt.modeling import formats, head_format
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.encoder import Packed, no_dropout
from xadapt.modeling.folders import About, Host
from xadapt.modeling.heads import LMHead
from xadapt.modeling.invertible import decode_through
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, LoRA

from .conftest import (
    compare,
    config,
    library_hidden,
    padded,
    random_fusion,
    random_module,
    run,
    sequences,
    shake,
    unpad,
    weights_of_loss,
)

LANGUAGE = Bottleneck(reduction_factor=2, invertible="nice")
TASK = Bottleneck(reduction_factor=4, non_linearity="gelu")
HOST = Host(config(), "tiny")
LENGTHS = (7, 3, 12, 5, 9, 4)


def language(seed: int, method: Bottleneck = LANGUAGE) -> Module:
    made = random_module(method, seed)
    initial = Module.initial(method, config(), seed)
    generator = torch.Generator().manual_seed(seed + 300)
    noisy = {n: w + torch.randn(w.shape, generator=generator) * 0.2 for n, w in initial.invertible.items()}
    return Module(method, made.weights, noisy)


def stock(hf, tmp_path, **modules: Module):
    """An `adapters` model with these modules, loaded from the folders written here."""
    model = adapters.XLMRobertaAdapterModel(config())
    model.roberta.load_state_dict(hf.state_dict(), strict=False)
    for name, module in modules.items():
        formats.save_module(tmp_path / name, module, About(name, "tiny", (), "first"), config())
        model.load_adapter(str(tmp_path / name), load_as=name, use_safetensors=True)
    return model.eval()


def theirs(model, name: str) -> dict[str, torch.Tensor]:
    """Gradients of an invertible adapter by our names."""
    block = model.roberta.invertible_adapters[name]
    keys = {"down_weight": (0, "weight"), "down_bias": (0, "bias"), "up_weight": (2, "weight"),
            "up_bias": (2, "bias")}  # fmt: skip
    return {
        f"{net}_{ours}": getattr(getattr(block, net)[number], kind).grad
        for net in "FG"
        for ours, (number, kind) in keys.items()
    }


def test_a_task_over_a_language_is_their_stack(hf, encoder, packed, tmp_path):
    below, own = language(1), random_module(TASK, 2)
    model = stock(hf, tmp_path, sw=below, task=own)
    expected = library_hidden(model, ac.Stack("sw", "task"))
    ours = compare(encoder, Slot(own=own, language=below), packed, expected.detach())
    (expected * weights_of_loss(packed)).sum().backward()
    for number, layer in enumerate(model.roberta.encoder.layer):
        adapter = layer.output.adapters["task"]
        assert (ours["down_weight"][number] - adapter.adapter_down[0].weight.grad).abs().max() < 1e-5
    assert ours.keys() == own.weights.keys(), "the language adapter does not train"


@torch.no_grad()
def test_lora_over_a_language_is_the_language_on_updated_matrices(encoder, packed):
    method = LoRA(rank=3, alpha=6, targets=("attention_output", "output"))
    own, below = random_module(method, 2), language(1)
    found = run(encoder, Slot(own=own, language=below), packed)[1]
    for number, layer in enumerate(encoder.layers):
        for target in method.targets:
            update = own.weights[f"{target}.B"][number] @ own.weights[f"{target}.A"][number]
            layer.get_submodule(target).weight.add_(update * method.scale)
    assert (found - run(encoder, Slot(language=below), packed)[1]).abs().max() < 1e-5


def test_the_invertible_adapter_matters(encoder, packed):
    whole, bare = language(1), language(1, Bottleneck(reduction_factor=2))
    found = [run(encoder, Slot(language=each), packed)[1] for each in (whole, bare)]
    assert (found[0] - found[1]).abs().max() > 0.05


def lm_head(encoder) -> LMHead:
    return shake(LMHead.initial(config(), encoder.word_embeddings, 1), 5)


def test_masked_language_modelling_is_theirs_forward_and_backward(hf, encoder, tmp_path):
    """Forward through NICE, the layers, the head, the inverse and the tied decoder; then all gradients."""
    module, head = language(1), lm_head(encoder)
    about = About("sw", "tiny", (), "first")
    head_format.save_head(tmp_path / "sw", head, "mlm", about, config())
    model = stock(hf, tmp_path, sw=module)
    model.train_adapter("sw")
    model.active_head = "sw"
    ids, mask = padded(sequences())
    expected = unpad(model(ids, attention_mask=mask).logits, mask)

    encoder.freeze()
    packed = Packed.of(sequences())
    assembled = Assembled([Slot(own=module)], config())
    decode_through(head, assembled.inverse(0))
    found = head(encoder(packed, assembled.sites(packed, [0])), no_dropout)
    assert (found - expected).abs().max() < 1e-5
    target = torch.randint(0, 60, (len(packed.ids),), generator=torch.Generator().manual_seed(3))
    for logits in (found, expected):
        torch.nn.functional.cross_entropy(logits, target).backward()
    own = {name.split(".")[-1]: p.grad[0] for name, p in assembled.named_parameters()}
    for name, gradient in theirs(model, "sw").items():
        assert gradient.abs().max() > 1e-4, f"{name} must matter"
        assert (own[name] - gradient).abs().max() < 1e-5, name
    for number, layer in enumerate(model.roberta.encoder.layer):
        gradient = layer.output.adapters["sw"].adapter_up.weight.grad
        assert (own["up_weight"][number] - gradient).abs().max() < 1e-5


@torch.no_grad()
def test_the_inverse_undoes_it(encoder):
    assembled = Assembled([Slot(own=random_module(TASK, 1)), Slot(language=language(4))], config())
    x = torch.randn(11, 32, generator=torch.Generator().manual_seed(1))
    packed = Packed(torch.full((11,), 5), (11,), (1,))
    there = assembled.sites(packed, [1]).embedded(x)
    back = assembled.inverse(1)
    assert (there - x).abs().max() > 0.05
    assert back is not None and (back(there) - x).abs().max() < 1e-5
    assert assembled.inverse(0) is None


@pytest.mark.parametrize("lengths", [LENGTHS, (6,) * 6], ids=["ragged", "even"])
def test_jobs_with_other_languages_side_by_side_are_as_alone(encoder, lengths):
    """Four jobs: two languages of one size, one of another, one without; one batch, one backward."""
    encoder.freeze()
    small = Bottleneck(reduction_factor=8, invertible="nice", invertible_reduction_factor=4)
    slots = [
        Slot(own=random_module(TASK, 1), language=language(11)),
        Slot(own=random_module(TASK, 2), language=language(12)),
        Slot(own=random_module(TASK, 3), language=language(13, small)),
        Slot(own=random_module(TASK, 4)),
        Slot(own=language(5)),
        Slot(own=language(6)),
    ]
    texts = sequences(lengths)
    packed = Packed.of(texts, (1,) * 6)
    together = Assembled(slots, config())
    hidden = encoder(packed, together.sites(packed, range(6)))
    (hidden * weights_of_loss(packed)).sum().backward()
    weight = weights_of_loss(packed).split(list(lengths))
    for job, (slot, text, part) in enumerate(zip(slots, texts, hidden.split(list(lengths)), strict=True)):
        alone, expected = run(encoder, slot, Packed.of([text]))
        assert (part - expected).abs().max() < 1e-5
        (expected * weight[job]).sum().backward()
        for stacked, single in pairs(together, alone, job):
            assert (stacked - single).abs().max() < 1e-4


def pairs(together: Assembled, alone: Assembled, job: int):
    """Gradients of one job among others and alone."""
    own = [(each.name.partition(".")[2].partition(".")[2], each) for each in together.stacked()]
    mine = {name: each for name, each in own if job in each.jobs}
    for each in alone.stacked():
        other = mine[each.name.partition(".")[2].partition(".")[2]]
        assert each.parameter.grad is not None and other.parameter.grad is not None
        yield other.parameter.grad[other.jobs.index(job)], each.parameter.grad[0]


def test_languages_lie_below_every_composition(hf, encoder, packed, tmp_path):
    below, first, second = language(1), random_module(TASK, 2), random_module(TASK, 3)
    model = stock(hf, tmp_path, sw=below, a=first, b=second)
    expected = library_hidden(model, ac.Stack("sw", "a", "b"))
    compare(encoder, Slot(Stack((first,)), own=second, language=below), packed, expected.detach())
    model.add_adapter_fusion(["a", "b"])
    fusion = random_fusion([first, second], 4)
    formats.save_combined(tmp_path / "f", fusion, ["a", "b"], About("x", "tiny", (), "first"), config())
    model.load_adapter_fusion(str(tmp_path / "f"), use_safetensors=True)
    expected = library_hidden(model.eval(), ac.Stack("sw", ac.Fuse("a", "b")))
    slot = Slot(Fuse((first, second)), combined=fusion, language=below)
    compare(encoder, slot, packed, expected.detach())


@torch.no_grad()
def test_folders_go_both_ways_bit_by_bit(hf, encoder, packed, tmp_path):
    module = language(3)
    model = stock(hf, tmp_path, sw=module)
    model.save_adapter(str(tmp_path / "theirs"), "sw", use_safetensors=True)
    for folder in ("sw", "theirs"):
        back = formats.load_module(tmp_path / folder, HOST)
        assert back.method == module.method
        for before, after in ((module.weights, back.weights), (module.invertible, back.invertible)):
            assert before.keys() == after.keys()
            assert all(torch.equal(after[name], weight) for name, weight in before.items())
    found = run(encoder, Slot(language=back), packed)[1]
    assert (found - library_hidden(model, "sw")).abs().max() < 1e-5


@torch.no_grad()
def test_what_adapters_made_answers_alike_here(hf, encoder, packed, tmp_path):
    model = stock(hf, tmp_path)
    model.add_adapter("sw", config=adapters.SeqBnInvConfig(reduction_factor=2))
    for name, parameter in model.named_parameters():
        if "adapters.sw." in name:
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7)) * 0.1)
    model.save_adapter(str(tmp_path / "sw"), "sw", use_safetensors=True)
    back = formats.load_module(tmp_path / "sw", HOST)
    assert isinstance(back.method, Bottleneck) and back.method.invertible == "nice"
    found = run(encoder, Slot(language=back), packed)[1]
    assert (found - library_hidden(model.eval(), "sw")).abs().max() < 1e-5


def change(folder, name, value):
    place = folder / "adapter_config.json"
    text = place.read_text()
    before = {"inv_adapter": '"nice"', "inv_adapter_reduction_factor": "2.0"}[name]
    assert f'"{name}": {before}' in text
    place.write_text(text.replace(f'"{name}": {before}', f'"{name}": {value}'))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("inv_adapter", '"glow"', "inv_adapter = 'glow'; supported is 'nice'"),
        ("inv_adapter", "null", "has no place here"),
        ("inv_adapter_reduction_factor", "0", "inv_adapter_reduction_factor = 0; supported is a number"),
        ("inv_adapter_reduction_factor", "4", "a factor of 4.0 needs [4, 16]"),
    ],
)
def test_a_folder_that_is_not_computed_is_refused(tmp_path, name, value, says):
    formats.save_module(tmp_path, language(1), About("sw", "tiny", (), "first"), config())
    change(tmp_path, name, value)
    with pytest.raises(IntegrityError) as error:
        formats.load_module(tmp_path, HOST)
    assert says in str(error.value)


def test_only_the_lowest_module_can_have_one():
    for slot in (
        Slot(own=language(1), language=language(2)),
        Slot(Stack((language(1),)), own=random_module(TASK, 2)),
    ):
        with pytest.raises(ConfigError, match="only the lowest"):
            Assembled([slot], config())


def test_a_factor_without_units_is_refused():
    with pytest.raises(ConfigError, match="leaves nothing"):
        Module.initial(Bottleneck(invertible="nice", invertible_reduction_factor=17), config(), 1)


@torch.no_grad()
def test_odd_widths_split_as_theirs(tmp_path):
    odd = config(hidden_size=33, num_attention_heads=3)
    model = adapters.XLMRobertaAdapterModel(odd)
    model.add_adapter("sw", config=adapters.SeqBnInvConfig(reduction_factor=3))
    module = Module.initial(Bottleneck(reduction_factor=3, invertible="nice"), odd, 1)
    formats.save_module(tmp_path, module, About("sw", "tiny", (), "first"), odd)
    model.load_adapter(str(tmp_path), load_as="sw", use_safetensors=True)
    x = torch.randn(1, 9, 33, generator=torch.Generator().manual_seed(1))
    packed = Packed(torch.full((9,), 5), (9,), (1,))
    found = Assembled([Slot(language=module)], odd).sites(packed, [0]).embedded(x[0])
    assert (found - model.roberta.invertible_adapters["sw"](x)[0]).abs().max() < 1e-6
