"""Full fine-tuning and LoRA on a user's own BERT and RoBERTa, as stock models."""

from pathlib import Path

import pytest
import torch
import transformers

import xadapt
from tests.training import full_world
from tests.training.full_world import World
from xadapt.errors import ConfigError, IntegrityError
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
    with pytest.raises(ConfigError, match="roberta modules are not exported, only those of the fast engine"):
        export(first, tmp_path / "out")
