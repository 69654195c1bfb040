"""What is exported answers, in stock transformers and `adapters`, as the module does here."""

import json
from dataclasses import replace
from pathlib import Path

import adapters
import adapters.composition as ac
import pytest
import torch
import transformers

import xadapt
from xadapt.errors import ConfigError, IntegrityError
from xadapt.serving import check
from xadapt.serving.asked import Vectors
from xadapt.serving.export import FACTS, export
from xadapt.serving.loaded import Loaded

from .made import STACKED, World

NAMES = {
    "xnli": "AutoModelForSequenceClassification",
    "udpos": "AutoModelForTokenClassification",
    "xquad": "AutoModelForQuestionAnswering",
    "xcopa": "AutoModelForMultipleChoice",
}
TEXTS = ("wa bo ti ka wa", "bo ti")


def loaded(world: World, *where: str, **options) -> Loaded:
    stage = world.predicted(*where)
    return xadapt.load(getattr(stage.module, "digest", stage.digest), world.store.root, **options)


def our_logits(module: Loaded, text: str, pair: str | None) -> torch.Tensor:
    """Of one text, tokenized and run here: [1 or tokens, outputs]."""
    answering = module.answering("")
    tokenizer = answering.ground.tokenizer
    ids = (tokenizer.encode(text) if pair is None else tokenizer.encode(text, pair)).ids
    return check.ours(module.ask.kind, answering, [ids])


@torch.no_grad()
@pytest.mark.parametrize("composition", ["alone", STACKED])
@pytest.mark.parametrize("name", NAMES)
def test_a_plain_model_answers_alike(world: World, tmp_path: Path, name: str, composition: str) -> None:
    module = loaded(world, name, "qaa", "lora", composition)
    found = export(module, tmp_path / "out")
    assert (found.form, found.why) == ("plain", "") and found.difference < 1e-5
    assert found.loads == f"{NAMES[name]}.from_pretrained(FOLDER)"
    model = getattr(transformers, NAMES[name]).from_pretrained(tmp_path / "out").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    texts = (TEXTS[0],) if name == "udpos" else TEXTS
    given = tokenizer(*texts, return_tensors="pt")
    if name == "xcopa":
        given = {key: value[None] for key, value in given.items()}
    answer = model(**given)
    expected = our_logits(module, TEXTS[0], None if name == "udpos" else TEXTS[1])
    if name == "xquad":
        logits = torch.stack([answer.start_logits, answer.end_logits], -1)[0]
    else:
        logits = answer.logits[0] if name == "udpos" else answer.logits
    assert (logits - expected).abs().max() < 1e-5
    if name in ("xnli", "udpos"):
        assert list(model.config.id2label.values()) == list(module.labels)
        assert model.config.label2id == {label: n for n, label in enumerate(module.labels)}


def test_labels_and_lengths_go_with_it(world: World, tmp_path: Path) -> None:
    module = loaded(world, "xnli", "qaa", "lora")
    export(module, tmp_path / "out")
    classify = transformers.pipeline("text-classification", str(tmp_path / "out"))
    rows = [{"text": "wa bo ti", "text_pair": "ti ka"}]
    (ours,) = module.predict([{"text": "wa bo ti", "pair": "ti ka"}])
    (theirs,) = classify(rows)
    assert theirs["label"] == ours["label"]
    assert theirs["score"] == pytest.approx(ours["probabilities"][ours["label"]], abs=1e-5)
    assert classify.tokenizer.model_max_length == 48
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json"] * 5 + [".safetensors"]


@torch.no_grad()
def test_vectors_after_a_layer_are_a_shorter_model(world: World, tmp_path: Path) -> None:
    module = loaded(world, "xnli", "qaa", "lora", vectors=Vectors(layer=2))
    found = export(module, tmp_path / "out")
    assert found.loads == "AutoModel.from_pretrained(FOLDER)" and found.layer == 2
    model = transformers.AutoModel.from_pretrained(tmp_path / "out", add_pooling_layer=False).eval()
    assert model.config.num_hidden_layers == 2
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    hidden = model(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state
    assert (hidden[0].mean(0).numpy() - module.vectors([TEXTS[0]])[0]).__abs__().max() < 1e-5


@torch.no_grad()
@pytest.mark.parametrize(("composition", "parts"), [("fuse(mnli, squad)", 2), ("gate(mnli, squad)", 1)])
def test_combined_bottlenecks_are_folders_too(
    world: World, tmp_path: Path, composition: str, parts: int
) -> None:
    module = loaded(world, "xnli", "qaa", "bn", composition)
    assert export(module, tmp_path / "out").form == "adapters"
    model = adapters.AutoAdapterModel.from_pretrained(str(tmp_path / "out"))
    stacked, _ = model.load_adapter_setup(str(tmp_path / "out"), set_active=True, use_safetensors=True)
    assert len(stacked.children) == parts and isinstance(stacked, ac.Fuse) == (parts == 2)
    assert check.difference("classification", module.answering(""), model.eval()) < 1e-5


def test_a_gate_of_lora_is_plain_and_a_fusion_of_it_is_nothing(world: World, tmp_path: Path) -> None:
    gate = loaded(world, "xnli", "qaa", "lora", "gate(mnli, squad)")
    assert export(gate, tmp_path / "gate").form == "plain"
    fuse = loaded(world, "xnli", "qaa", "lora", "fuse(mnli, squad)")
    with pytest.raises(ConfigError, match=r"depend on the token.* no fusion of LoRA") as caught:
        export(fuse, tmp_path / "fuse")
    assert "xadapt predict" in caught.value.hint and not (tmp_path / "fuse").exists()


@torch.no_grad()
@pytest.mark.parametrize("composition", ["alone", STACKED])
@pytest.mark.parametrize("name", NAMES)
def test_bottlenecks_are_folders_of_adapters(
    world: World, tmp_path: Path, name: str, composition: str
) -> None:
    module = loaded(world, name, "qaa", "bn", composition)
    found = export(module, tmp_path / "out")
    assert found.form == "adapters" and "non-linearity" in found.why and found.difference < 1e-5
    model = adapters.AutoAdapterModel.from_pretrained(str(tmp_path / "out"))
    stacked, head = model.load_adapter_setup(str(tmp_path / "out"), set_active=True, use_safetensors=True)
    assert len(stacked.children) == (1 if composition == "alone" else 2) and head == "head"
    assert check.difference(module.ask.kind, module.answering(""), model.eval()) < 1e-5
    if module.labels and name != "xquad":
        assert model.get_labels() == list(module.labels)
    facts = json.loads((tmp_path / "out" / FACTS).read_text())
    assert facts["task"] == str(module.asked.task) and facts["difference"] == found.difference


def test_what_no_form_holds_is_refused_with_its_reason(world: World, tmp_path: Path) -> None:
    module = loaded(world, "xnli", "qaa", "bn")
    with pytest.raises(ConfigError, match="has no plain form: a bottleneck has a non-linearity"):
        export(module, tmp_path / "out", "plain")
    by_lora = loaded(world, "xnli", "qaa", "lora")
    with pytest.raises(ConfigError, match="LoRA on language adapters"):
        export(by_lora, tmp_path / "out", "adapters")
    by_lora.asked = replace(by_lora.asked, pooling="mean")
    with pytest.raises(ConfigError, match="reads pooling = 'mean', the heads of transformers"):
        export(by_lora, tmp_path / "out")
    assert not (tmp_path / "out").exists() and list(tmp_path.iterdir()) == []
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(ConfigError, match="is there already"):
        export(module, tmp_path / "full")


def test_a_model_that_answers_otherwise_is_not_kept(world: World, tmp_path: Path, monkeypatch) -> None:
    module = loaded(world, "xnli", "qaa", "lora")
    from xadapt.serving import fold

    monkeypatch.setattr(fold, "updates", lambda module, site: None)
    with pytest.raises(IntegrityError, match="answers otherwise than the module"):
        export(module, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
