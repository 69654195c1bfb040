"""Full fine-tuning through its stages: equal to a plain loop, apart from others, kept whole, resumed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from xadapt import experiment
from xadapt.composition import Alone, Continue, Merge, Stack
from xadapt.errors import ConfigError
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.heads import SentenceHead
from xadapt.recipe import Full
from xadapt.sources import local_model
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Ingredient, Mixture
from xadapt.stages.train import Train
from xadapt.training.batches import Schedule, stream
from xadapt.training.restore import base, read

from .full_world import FILE, World

LAYOUTS = ("roberta", "bert")


@pytest.fixture(scope="module", params=LAYOUTS)
def world(request, tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("tiny"), "roberta")


def logits(model, head, tokenizer, examples):
    texts, pairs = [each.text for each in examples], [each.pair for each in examples]
    given = tokenizer(texts, pairs, truncation=True, max_length=32, padding=True, return_tensors="pt")
    first = model(**given).last_hidden_state[:, 0]
    return head["out"](torch.tanh(head["dense"](first)))


def fresh_head(config, stage: Train) -> torch.nn.ModuleDict:
    made = SentenceHead.initial(config, 2, stream(stage.seed, stage.task, "head"))
    return torch.nn.ModuleDict({"dense": made.dense, "out": made.out})


def exempt(name: str) -> bool:
    return "bias" in name or "LayerNorm" in name


def plain(world: World, stage: Train, folder: Path):
    """transformers, a padded batch, torch's AdamW: nothing of the engine but the order of the examples."""
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False, **still).train()
    head, examples = fresh_head(model.config, stage), read(stage.data, world.context)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    named = [*model.named_parameters(), *head.named_parameters()]
    groups = [
        {"params": [p for name, p in named if exempt(name)], "weight_decay": 0.0},
        {"params": [p for name, p in named if not exempt(name)], "weight_decay": 0.1},
    ]
    optimizer = torch.optim.AdamW(groups, lr=stage.recipe.lr)
    schedule = Schedule(str(stage.task), len(examples), stage.recipe, stage.seed)
    for step in range(schedule.steps):
        chosen = [examples[index] for index in schedule.indices(step)]
        targets = torch.tensor(["ab".index(each.label) for each in chosen])
        loss = torch.nn.functional.cross_entropy(logits(model, head, tokenizer, chosen), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in named], stage.recipe.clip)
        for group in optimizer.param_groups:
            group["lr"] = stage.recipe.lr * (0.5, 1.0, 1.0, 0.5)[step]
        optimizer.step()
    return model, head


def test_equals_a_plain_loop_of_torch_and_transformers(world):
    stage = world.train()
    (out,) = world.done(stage)
    model, head = plain(world, stage, world.folder / "model")
    before = transformers.AutoModel.from_pretrained(world.folder / "model", add_pooling_layer=False)
    found, start = load_file(out / "model.safetensors"), before.state_dict()
    assert found.keys() == dict(model.named_parameters()).keys()
    for name, expected in model.named_parameters():
        # No softmax sees the bias of the keys: its gradient is rounding, which Adam makes steps of.
        if not name.endswith("key.bias"):
            assert (found[name] - expected).abs().max() < 1e-5, name
        assert not torch.equal(found[name], start[name]), f"{name} trains"
    kept = load_file(out / "model_head.safetensors")
    for ours, theirs in {"dense": "1", "out": "4"}.items():
        for kind in ("weight", "bias"):
            expected = head[ours].get_parameter(kind)
            assert (kept[f"heads.second.{theirs}.{kind}"] - expected).abs().max() < 1e-5


def test_the_folder_is_a_model_and_a_head_of_stated_size(world):
    stage = world.train()
    (out,) = world.done(stage)
    notes = world.context.store.record(stage.digest).notes
    weights = load_file(out / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert notes["method"] == "full"
    assert notes["model_bytes"] == (out / "model.safetensors").stat().st_size
    head = sum(weight.numel() for weight in load_file(out / "model_head.safetensors").values())
    assert notes["trainable"] == sum(weight.numel() for weight in weights.values()) + head
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    original = transformers.AutoTokenizer.from_pretrained(world.folder / "model")
    assert tokenizer("the cat", "a dog")["input_ids"] == original("the cat", "a dog")["input_ids"]
    assert tokenizer.backend_tokenizer.truncation is None
    written = "".join(path.read_text() for path in out.glob("*.json"))
    assert str(world.folder) not in written, "a result must not say where it was made"


def test_predictions_are_those_of_the_folder_in_transformers(world):
    predict = world.cells("second")["full", "alone"]
    out, trained = world.done(predict, predict.module)
    model = transformers.AutoModel.from_pretrained(trained, add_pooling_layer=False).eval()
    head, kept = fresh_head(model.config, predict.module), load_file(trained / "model_head.safetensors")
    with torch.no_grad():
        for ours, theirs in {"dense": "1", "out": "4"}.items():
            for kind in ("weight", "bias"):
                head[ours].get_parameter(kind).copy_(kept[f"heads.second.{theirs}.{kind}"])
        tokenizer = transformers.AutoTokenizer.from_pretrained(trained)
        best = logits(model, head, tokenizer, read(predict.data, world.context)).argmax(-1).tolist()
    lines = (out / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["prediction"] for line in lines] == ["ab"[number] for number in best]


def test_the_encoder_of_other_stages_is_not_touched(tiny):
    cached = base(tiny.experiment.base, tiny.context)
    before = cached.encoder.fingerprint()
    stage, other = tiny.train(), tiny.cells("second")["lora", "alone"].module
    tiny.done(stage)
    assert base(tiny.experiment.base, tiny.context).encoder is not cached.encoder, "it had made room"
    assert cached.encoder.fingerprint() == before
    assert not any(weight.requires_grad for weight in cached.encoder.parameters())
    (out,) = tiny.done(other)
    (alone,) = tiny.done(other, context=tiny.at("by itself"))
    for file in ("adapter_model.safetensors", "model_head.safetensors"):
        assert (out / file).read_bytes() == (alone / file).read_bytes()


def test_one_full_training_runs_at_a_time(tiny):
    stages = [tiny.train(), replace(tiny.train(), seed=2), tiny.train("continue(first)")]
    assert all(stage.companions() is None for stage in stages)
    modules = [tiny.cells("second")["lora", form].module for form in ("alone", "continue(first)")]
    assert all(stage.companions() is not None for stage in modules)


def test_continuing_starts_from_the_weights_of_the_first_model(tiny):
    stage = tiny.train("continue(first)")
    still = replace(stage, recipe=replace(stage.recipe, lr=1e-12))
    (first,) = tiny.done(stage.base.parts[0])
    (out,) = tiny.done(still)
    begun, ended = load_file(first / "model.safetensors"), load_file(out / "model.safetensors")
    assert all((ended[name] - weight).abs().max() < 1e-9 for name, weight in begun.items())
    (moved,) = tiny.done(stage)
    loaded = Encoder.load(str(moved))
    assert loaded.fingerprint() != Encoder.load(str(first)).fingerprint()


def test_a_target_without_training_reads_the_model_that_was_trained(tiny):
    cells = tiny.cells("twin")
    assert cells["full", "alone"].digest == cells["lora", "alone"].digest, "both read the encoder as it is"
    predict = cells["full", "continue(first)"]
    first = predict.module.parts[0]
    out, trained, untrained = tiny.done(predict, first, cells["full", "alone"])
    as_encoder = replace(
        cells["full", "alone"],
        model=replace(predict.model, folder=str(trained), revision=local_model.content(trained)),
    )
    (expected,) = tiny.done(as_encoder)
    found = (out / "predictions.jsonl").read_text()
    assert found == (expected / "predictions.jsonl").read_text()
    assert found != (untrained / "predictions.jsonl").read_text()


class Killed(Exception):
    """In place of a kill."""


@pytest.mark.parametrize("stop", [1, 3])
def test_a_killed_training_continues_bit_for_bit(tiny, stop):
    stage = replace(tiny.train(), recipe=replace(tiny.train().recipe, dropout=0.2))
    (whole,) = tiny.done(stage)

    def die(step=0, **_):
        if step == stop + 1:
            raise Killed

    place = f"killed at {stop}"
    with pytest.raises(Killed):
        tiny.done(stage, context=tiny.at(place, checkpoint_seconds=-1.0, progress=die))
    again = tiny.at(place)
    (out,) = tiny.done(stage, context=again)
    assert again.store.record(stage.digest).notes["resumed_at_step"] == stop
    for file in ("model.safetensors", "model_head.safetensors", "config.json", "curve.json"):
        assert (out / file).read_bytes() == (whole / file).read_bytes(), file


def test_one_model_is_trained_on_several_tasks_and_is_continued(tiny):
    stage = tiny.train()
    parts = [tiny.train("continue(first)").base.parts[0], stage]
    mixture = Mixture(
        parts=tuple(_ingredient(part) for part in parts),
        sampling=tiny.experiment.sampling,
        model=stage.model,
        base=Alone(),
        recipe=stage.recipe,
        seed=1,
    )
    after = replace(stage, base=Continue((mixture,)))
    out, later = tiny.done(mixture, after)
    assert {path.name for path in (out / "heads").iterdir()} == {"first", "second"}
    assert Encoder.load(str(out)).fingerprint() != Encoder.load(str(later)).fingerprint()


def _ingredient(stage: Train):
    return Ingredient(task=stage.task, data=stage.data, recipe=stage.recipe)


def test_what_has_no_meaning_is_refused_before_a_weight_loads(tiny):
    stage = tiny.train()
    first, lora = tiny.train("continue(first)").base.parts[0], tiny.cells("second")["lora", "alone"].module
    merged = Merged(merge=Merge((first, stage)), model=stage.model)
    mixed = replace(lora, base=Stack((first,)))
    for wrong, said in (
        (replace(stage, base=Stack((first,))), "stack is not defined for full"),
        (replace(stage, base=Continue((lora,))), "full continues from a model that was trained in full"),
        (replace(stage, below=lora), "a language adapter lies on the frozen encoder"),
        (
            replace(stage, recipe=replace(stage.recipe, select="oracle")),
            "select = 'oracle' would keep a whole",
        ),
        (merged, "is a whole model, which only `continue` of full starts from"),
        (mixed, "is a whole model, which only `continue` of full starts from"),
    ):
        with pytest.raises(ConfigError, match=said):
            tiny.done(wrong)
    assert isinstance(stage.recipe.method, Full)


@pytest.mark.parametrize("form", ["stack(first)", "fuse(all)", "merge(all)", "continue(merge(all))"])
def test_a_file_that_asks_for_it_is_refused_by_name(tiny, form):
    path = tiny.folder / "wrong.toml"
    text = FILE.replace('"continue(first)"', f'"{form}"')
    path.write_text(text[: text.index("[recipe.lora]")] + text[text.index("[mlm]") :], encoding="utf-8")
    named = form.split("(")[0] if "merge" not in form else "merge"
    with pytest.raises(ConfigError, match=f"{named} is not defined for full"):
        experiment.load(str(path))


@pytest.mark.parametrize("place", ["[recipe.full]", "[recipe.full.task.second]"])
def test_an_oracle_of_whole_models_is_refused_when_the_file_is_loaded(tiny, place):
    path = tiny.folder / "oracle.toml"
    head, tail = FILE.split("[recipe.lora]")
    text = head + ("" if "task" not in place else f"{place}\n") + "select = 'oracle'\n[recipe.lora]" + tail
    path.write_text(text, encoding="utf-8")
    named = place.strip("[]")
    with pytest.raises(
        ConfigError, match=rf"oracle.toml:\d+: {named}.select: 'oracle' would keep a whole model"
    ):
        experiment.load(str(path))
