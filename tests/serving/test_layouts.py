"""Full fine-tuning and LoRA on a user's own BERT and RoBERTa, as stock models."""

from pathlib import Path

import adapters
import pytest
import torch
import transformers

import xadapt
from tests.modeling.conftest import shake
from tests.modeling.local_models import save
from tests.modeling.tiny_models import tiny_config
from tests.training import full_world
from tests.training.full_world import World
from xadapt.errors import ConfigError, IntegrityError
from xadapt.serving import check
from xadapt.serving.export import export

ROW = {"text": "the cat saw oslo", "pair": "a red hat"}


@pytest.fixture(scope="module", params=["bert", "roberta"])
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(Path(tmp_path_factory.mktemp(request.param)), request.param)


@pytest.mark.parametrize("recipe", ["full", "lora"])
def test_a_model_of_ones_own_becomes_a_stock_one(own: World, tmp_path: Path, recipe: str) -> None:
    stage = own.cells("second")[recipe, "alone"]
    own.done(stage)
    module = xadapt.load(stage.module.digest, own.context.store.root, base=own.folder / "model")
    assert export(module, tmp_path / "out").form == "plain"
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        logits = model(**tokenizer(ROW["text"], ROW["pair"], return_tensors="pt")).logits[0]
    (answer,) = module.predict([ROW])
    shares = dict(zip(model.config.id2label.values(), logits.softmax(-1).tolist(), strict=True))
    assert shares == pytest.approx(answer["probabilities"], abs=1e-5)


def test_the_encoder_is_named_and_known_by_its_content(own: World, tmp_path: Path) -> None:
    stage = own.cells("second")["lora", "alone"]
    own.done(stage)
    with pytest.raises(ConfigError, match="its encoder 'tiny' is a local folder") as caught:
        xadapt.load(stage.module.digest, own.context.store.root)
    assert "--base FOLDER" in caught.value.hint
    other = tmp_path / "other"
    other.mkdir()
    for file in (own.folder / "model").iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (other / "config.json").write_text((other / "config.json").read_text() + "\n")
    with pytest.raises(IntegrityError, match="planned was"):
        xadapt.load(stage.module.digest, own.context.store.root, base=other)


def test_modules_that_a_library_computes_take_turns_on_its_model(tmp_path: Path, monkeypatch) -> None:
    text = full_world.FILE.replace('{ name = "lora", rank = 2 }', '{ name = "ia3" }')
    monkeypatch.setattr(full_world, "FILE", text.replace("steps = 2", "steps = 4\nlr = 0.1"))
    world = World(tmp_path, "roberta")
    stages = [world.cells("second")["lora", how] for how in ("alone", "continue(first)")]
    world.done(*stages)
    options = {"store": world.context.store.root, "base": world.folder / "model"}
    first, second = (xadapt.load(stage.module.digest, **options) for stage in stages)
    answers = first.predict([ROW])
    assert second.predict([ROW]) != answers and first.predict([ROW]) == answers
    found = export(first, tmp_path / "out")
    assert (found.form, found.why) == (
        "adapters",
        "the scales of ia3 stand beside its matrices, for which a plain model has no place",
    )
    assert found.difference < 1e-5 and first.predict([ROW]) == answers
    model = adapters.AutoAdapterModel.from_pretrained(str(tmp_path / "out"))
    model.load_adapter_setup(str(tmp_path / "out"), set_active=True, use_safetensors=True)
    assert check.difference("classification", first.answering(""), model.eval()) < 1e-5


def test_lora_by_peft_becomes_a_plain_model_of_its_family(tmp_path: Path, monkeypatch) -> None:
    def modern(layout: str, lines: list[str], folder: Path) -> None:
        save(layout, lines, folder)
        config = tiny_config("modernbert")
        config.vocab_size = 400
        shake(transformers.ModernBertModel(config)).save_pretrained(folder)

    without_full = full_world.FILE[: full_world.FILE.index("[recipe.full]")]
    lora = full_world.FILE[full_world.FILE.index("[recipe.lora]") :]
    changed = lora.replace("rank = 2 }", 'rank = 2, targets = ["query", "key", "value"] }\nlr = 0.05')
    monkeypatch.setattr(full_world, "FILE", without_full + changed)
    monkeypatch.setattr(full_world, "save", modern)
    world = World(tmp_path, "roberta")
    stage = world.cells("second")["lora", "alone"]
    world.done(stage)
    place = {"store": world.context.store.root, "base": world.folder / "model"}
    with pytest.raises(ConfigError, match="heads that transformers puts on modernbert compute otherwise"):
        export(xadapt.load(stage.module.digest, **place), tmp_path / "out")
    module = xadapt.load(stage.module.digest, vectors=True, **place)
    found = export(module, tmp_path / "out")
    assert (found.form, found.loads) == ("plain", "ModernBertModel.from_pretrained(FOLDER)")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    given = tokenizer("the cat saw oslo", return_tensors="pt")
    means = []
    for folder in (tmp_path / "out", world.folder / "model"):
        model = transformers.AutoModel.from_pretrained(folder).eval()
        with torch.no_grad():
            means.append(model(**given).last_hidden_state[0].mean(0))
    ours = torch.from_numpy(module.vectors(["the cat saw oslo"])[0])
    assert (ours - means[0]).abs().max() < 1e-5 < 1e-3 < (ours - means[1]).abs().max()
