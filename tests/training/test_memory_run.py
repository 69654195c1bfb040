"""`--memory` over the stages of an experiment: what is picked, what stays the same, what the record says."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from xadapt.composition import Fuse, Merge
from xadapt.errors import ConfigError, DoesNotFit, WrongEnvironment
from xadapt.forecast import within
from xadapt.forecast.reading import Reading
from xadapt.forecast.work import Forecaster
from xadapt.memory.amount import parse
from xadapt.memory.choose import RESERVED, USABLE, at, choose, usable
from xadapt.memory.estimate import How, Load, answering
from xadapt.memory.reached import BEYOND, Peak
from xadapt.memory.sizes import Shape, Sizes
from xadapt.modeling import pretrained, quantized
from xadapt.modeling.encoder import checksum
from xadapt.recipe import Recipe
from xadapt.stages import memory as planned
from xadapt.stages.merged import Merged
from xadapt.stages.train import Train
from xadapt.training import merging
from xadapt.training.answering import tokens_of
from xadapt.training.budget import how, prepare, sizes
from xadapt.training.restore import base
from xadapt.workflow.plan import Plan

from ..cli.calls import here
from .full_world import World

LARGE = Sizes(24, 1024, 16, 4096, 250_002)
HOW = How("bf16")
BITSANDBYTES = pytest.mark.skipif(
    quantized.find_spec("bitsandbytes") is None, reason="bitsandbytes, an optional extra, is not installed"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("memory"), "roberta")


def load(recipe=None, tokens=4096) -> Load:
    recipe = recipe or Recipe()
    return Load(recipe, Shape(recipe.method), tokens, 3)


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GB", 8 * 2**30), ("11.5 gib", 23 * 2**29), ("800MB", 800 * 2**20), ("6g", 6 * 2**30)],
)
def test_amounts_are_read_as_they_are_written(text, size):
    assert parse(text) == size


@pytest.mark.parametrize("text", ["8", "lots", "-3GB", "0GB", "8PB"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ConfigError, match="write for example 8GB"):
        parse(text)


def test_only_as_much_is_picked_as_is_needed_in_order():
    def picked(gigabytes: float, longest: int = 128):
        return choose(LARGE, [load()], longest, int(gigabytes * 2**30), HOW, "cuda")

    whole, passes, again, eight, four = (picked(*each) for each in ((24,), (8,), (2.1, 512), (1.7,), (1.45,)))
    assert whole.tokens > 4096 and not whole.how.checkpointing and whole.how.bits is None
    assert passes.tokens >= 128 and not passes.how.checkpointing and passes.how.bits is None
    assert again.how.checkpointing and again.how.bits is None and again.tokens >= 512
    assert eight.how.checkpointing and eight.how.bits == 8
    assert four.how.checkpointing and four.how.bits == 4
    for choice in (whole, passes, again, eight, four):
        assert choice.expected.total <= usable(choice.budget, "cuda") and "\n" not in choice.line()
    with pytest.raises(DoesNotFit, match=r"one example of 128 tokens needs [\d.]+ [GM]B"):
        picked(1.0)


def trains(world: World) -> list[Train]:
    cells = world.cells("second")
    return [cells["lora", "alone"].module, cells["lora", "continue(first)"].module.base.parts[0]]


def enough(world: World, stages: list[Train], tokens: int, again: bool = False) -> int:
    """Bytes in which passes of so many tokens fit on a CPU."""
    model = planned.sizes(stages[0].model)
    how = How("fp32", padded=True, checkpointing=again)
    loads = [planned.load(stage, model) for stage in stages]
    return RESERVED["cpu"] + int(at(model, loads, tokens, how).total / USABLE) + 1


def test_side_by_side_is_what_fits(world):
    stages = trains(world)
    plan, how = Plan.of(stages), How("fp32", padded=True)
    most = max(planned.load(stage, planned.sizes(stage.model)).tokens for stage in stages)
    for budget, size in ((enough(world, stages, most), 2), (enough(world, stages, most - 1), 1)):
        groups = plan.groups(9, planned.fits(budget, how, "cpu"))
        assert max(len(group) for group in groups) == size
    assert len(plan.groups(9)) < len(plan.stages)


def test_a_training_within_little_memory_is_the_same_up_to_rounding(world):
    stage = trains(world)[0]
    (plain,) = world.done(stage)
    said = []
    for name, budget in (
        ("passes", enough(world, [stage], 30)),
        ("again", enough(world, [stage], 30, again=True)),
    ):
        context = world.at(name, memory=budget, progress=lambda **facts: said.append(facts.get("memory")))
        (folder,) = world.done(stage, context=context)
        notes = context.store.record(stage.digest).notes
        assert notes["memory"]["passes"] > 1 and notes["memory"]["pass_tokens"] <= 30
        assert notes["memory"]["checkpointing"] == (name == "again")
        assert notes["memory"]["expected_bytes"] < budget and notes["peak_memory_of"] == BEYOND
        assert notes["memory"]["picked"] in said
        weights, expected = (load_file(at / "adapter_model.safetensors") for at in (folder, plain))
        for key, weight in expected.items():
            assert torch.allclose(weights[key], weight, atol=2e-5), key
    own = world.context.store.record(stage.digest).notes["memory"]
    assert own["passes"] == 1 and own["expected_bytes"] > 0 and "picked" not in own


@pytest.mark.parametrize("again", [False, True], ids=["passes", "again"])
def test_a_plan_forecasts_what_a_run_within_the_amount_picks_and_expects(world, again):
    whole = trains(world)[0]
    # As long as its longest text: how long texts are that were not read is a guess.
    stage = replace(whole, recipe=replace(whole.recipe, max_length=16))
    budget = enough(world, [stage], 17 if again else 40, again=again)
    context = world.at(f"forecast {again}", memory=budget)
    world.done(stage, context=context)
    notes = context.store.record(stage.digest).notes["memory"]
    limit = within.Limit(budget, 1, How("fp32", padded=True), "cpu", lambda stages: True)
    forecaster = Forecaster(Reading(), "fp32", limit)
    work = forecaster.work(stage)
    choice = forecaster.picks([work])
    assert choice.how.checkpointing == notes["checkpointing"] == again
    assert work.memory == choice.expected.total == pytest.approx(notes["expected_bytes"], rel=0.1)
    assert work.memory <= usable(budget, "cpu") and notes["passes"] > 1
    unbounded = Forecaster(Reading(), "fp32").work(stage)
    assert unbounded.memory > work.memory and unbounded.tokens == work.tokens


def test_predictions_within_little_memory_are_those_of_smaller_forwards(world):
    plain = base(trains(world)[0].model, world.context)
    model, weights = sizes(plain.encoder), sum(weight.nbytes for weight in plain.encoder.parameters())
    assert tokens_of(plain) == 4096
    room = weights + 101 * answering(model, How("fp32"))
    ground = replace(plain, memory=RESERVED["cpu"] + int(room / USABLE))
    assert tokens_of(ground) in (100, 101)
    assert tokens_of(ground, beside=round(50 * answering(model, How("fp32")))) in (50, 51)


def test_modules_are_merged_on_the_bits_that_they_were_trained_on(world, monkeypatch):
    asked, (first, second) = [], trains(world)

    def loads(*_, modules):
        asked.extend(modules)
        raise ConfigError("no further")

    monkeypatch.setattr(merging, "base", loads)
    with pytest.raises(ConfigError, match="no further"):
        merging.merge(Merged(merge=Merge((first, second)), model=first.model), world.folder, world.context)
    assert asked == [first, second]


def test_every_stage_with_a_model_records_what_was_expected_and_reached(world):
    cell = world.cells("second")["lora", "alone"]
    world.done(cell.module)
    world.done(cell)
    for stage in (cell.module, cell):
        notes = world.context.store.record(stage.digest).notes
        assert 0 < notes["memory"]["expected"]["weights"] < notes["memory"]["expected_bytes"], stage.title()
        assert notes["peak_memory_of"] == BEYOND
        # The program itself is not in it.
        assert 0 <= notes["peak_memory_bytes"] < 200 * 2**20, stage.title()


def test_the_peak_is_that_since_it_began_with_what_trains():
    device = torch.device("cpu")
    block = torch.ones(100 * 2**18)
    del block
    peak, whole = Peak(device), Peak(device, held=7 * 2**30)
    before = peak.facts()["peak_memory_bytes"]
    again = torch.ones(60 * 2**18)
    assert before + 50 * 2**20 < peak.facts()["peak_memory_bytes"] < 90 * 2**20
    assert whole.facts()["peak_memory_bytes"] > 7 * 2**30 and again.numel()


def test_full_training_takes_passes_too(world):
    stage = world.train()
    context = world.at("full", memory=enough(world, [stage], 40))
    whole, cut = world.done(stage)[0], world.done(stage, context=context)[0]
    assert context.store.record(stage.digest).notes["memory"]["passes"] > 1
    expected = load_file(whole / "model.safetensors")
    for key, weight in load_file(cut / "model.safetensors").items():
        assert torch.allclose(weight, expected[key], atol=1e-4), key


def test_what_does_not_fit_is_refused_before_anything_runs(world):
    with pytest.raises(DoesNotFit, match="--memory 600 MB: one example of 32 tokens needs"):
        prepare("600MB", trains(world), world.context, 1, trains(world))


@pytest.mark.slow
def test_the_command_says_what_it_picked_and_refuses_what_is_no_amount(world):
    (stage, *_) = trains(world)
    words = ("run", str(world.folder / "e.toml"), "--only", stage.digest, "--device", "cpu")
    store = ("--store", str(world.folder / "said"))
    refused = here(*words, *store, "--memory", "lots")
    assert refused.returncode == 2 and "--memory 'lots' is no amount" in refused.stderr
    done = here(*words, *store, "--memory", "4GB", "--together", "9", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("memory 4.0 GB, 2.0 GB for each of 2 workers: passes of at most") == 1


@pytest.mark.parametrize(
    ("device", "precision", "padded"),
    [("cuda", "bf16", False), ("cuda", "no", True), ("cpu", "bf16", True), ("mps", "no", True)],
)
def test_attention_pads_but_on_a_gpu_in_half_precision(device, precision, padded):
    placed = SimpleNamespace(device=torch.device(device), mixed_precision=precision)
    assert how(placed).padded == padded


def test_workers_share_the_memory_and_plans_without_need_are_not_quantised(world):
    context, _ = prepare("4GB", trains(world), world.context, 2, trains(world))
    assert (context.memory, context.bits) == (2 * 2**30, None)


def test_quantised_weights_without_bitsandbytes_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(quantized, "find_spec", lambda name: None)
    with pytest.raises(WrongEnvironment, match="8 bit: bitsandbytes is not installed") as found:
        quantized.check(8, torch.device("cpu"))
    assert "xadapt[bitsandbytes]" in found.value.hint


def test_quantised_weights_where_nothing_computes_them_are_refused(monkeypatch):
    monkeypatch.setattr(quantized, "find_spec", lambda name: object())

    def fails(*_):
        raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr(quantized, "Quantized", fails)
    with pytest.raises(WrongEnvironment, match=r"does not compute them on cpu \(no kernel\)"):
        quantized.check(4, torch.device("cpu"))


def test_want_of_memory_says_nothing_of_bitsandbytes(monkeypatch):
    monkeypatch.setattr(quantized, "find_spec", lambda name: object())

    def fails(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(quantized, "Quantized", fails)
    with pytest.raises(torch.OutOfMemoryError):
        quantized.check(4, torch.device("cpu"))


@BITSANDBYTES
@pytest.mark.slow
@pytest.mark.parametrize(("bits", "far"), [(8, 0.02), (4, 0.15)])
def test_quantised_matrices_compute_what_their_values_say(bits, far):
    """Against the same matrix in full: its values, outputs and gradients of the input."""
    weight, bias = torch.randn(64, 128) * 0.02, torch.randn(64)
    made = quantized.Quantized(weight, bias, bits)
    assert torch.linalg.norm(made.weight - weight) < far * torch.linalg.norm(weight)
    x = torch.randn(5, 128, requires_grad=True)
    out, expected = made(x), x @ made.weight.T + bias
    assert torch.allclose(out, expected, atol=1e-5)
    (own,) = torch.autograd.grad(out.square().sum(), x)
    (other,) = torch.autograd.grad(expected.square().sum(), x)
    assert torch.allclose(own, other, atol=1e-4)


@BITSANDBYTES
@pytest.mark.slow
def test_a_module_trains_on_quantised_weights_and_is_read_on_them(world):
    stage = trains(world)[0]
    context = world.at("quantised", bits=4)
    (folder,) = world.done(stage, context=context)
    encoder = pretrained.load(*(str(world.folder / "model"), None, torch.device("cpu"), torch.float32, 4))
    before = checksum(encoder.parameters())
    assert any(weight.dtype == torch.uint8 for weight in encoder.parameters())
    assert context.store.record(stage.digest).notes["memory"]["bits"] == 4
    predicted = world.cells("second")["lora", "alone"]
    world.done(predicted, context=context)
    assert checksum(encoder.parameters()) == before and (folder / "probe.safetensors").exists()
    assert context.store.record(predicted.digest).notes["memory"]["bits"] == 4


def bits_of(world, context, stage, monkeypatch, loaded):
    """What `base` asks the loader for, with modules whose records say what `loaded` says."""
    asked = []
    monkeypatch.setattr(pretrained, "load", lambda *given: asked.append(given[-1]))
    monkeypatch.setattr(type(context.store), "record", lambda self, digest: loaded[digest])
    base(stage.model, context, modules=(stage,))
    return asked


def test_a_module_is_used_on_the_bits_that_it_was_trained_on(world, monkeypatch):
    stage = world.cells("second")["lora", "alone"].module
    record = SimpleNamespace(notes={"memory": {"bits": 4}})
    for bits in (None, 8, 4):
        found = bits_of(world, world.at("held", bits=bits), stage, monkeypatch, {stage.digest: record})
        assert found == [4], "whatever this run would choose for new ones"


def test_modules_of_differently_quantised_encoders_do_not_stand_together(world, monkeypatch):
    stage = world.cells("second")["lora", "alone"].module
    other = replace(stage, seed=stage.seed + 1)
    records = {
        stage.digest: SimpleNamespace(notes={"memory": {"bits": 4}}),
        other.digest: SimpleNamespace(notes={}),
    }
    context = world.at("held")
    monkeypatch.setattr(type(context.store), "record", lambda self, digest: records[digest])
    with pytest.raises(ConfigError, match=r"on 4 bits, .* on all bits"):
        base(stage.model, context, modules=(Fuse((stage, other)),))
