"""MAD-X from an experiment file: language adapters by MLM, a task on English, another language on its own."""

import json
from pathlib import Path

import adapters
import adapters.composition as ac
import pytest
import torch
import transformers

from xadapt import experiment
from xadapt.errors import DataError, IntegrityError
from xadapt.modeling import formats, pretrained
from xadapt.sources.published import local
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.training.fit import fit
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

FILE = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
train_rows = 40
test_rows = 24
[reading]
layer = 4
[recipe.a]
method = { name = "bottleneck", reduction_factor = 8 }
lr = 3e-3
steps = 6
batch = 8
max_length = 48
[recipe.lang]
method = { name = "bottleneck", reduction_factor = 2, invertible = "nice" }
lr = 3e-3
steps = 8
batch = 8
max_length = 48
[languages]
train = ["en", "qaa"]
texts = { en = "text/en/train", qaa = "text/qaa/train" }
rows = 60
recipe = "lang"
[target]
tasks = ["xnli", "tatoeba"]
"""


def load(folder: Path, text: str = FILE) -> Plan:
    (folder / "e.toml").write_text(text, encoding="utf-8")
    return Plan.of(experiment.load(str(folder / "e.toml")).goals())


def done(plan: Plan, context: Context, together: int = 1) -> int:
    """How many stages ran."""
    outcomes = list(run(plan, context, together=together))
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return len(outcomes)


class Way:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context = Context(Store(folder / "store"), device="cpu")
        self.plan = load(folder)
        self.ran = done(self.plan, self.context, together=4)

    def one(self, kind: type, **fields):
        (found,) = [
            stage
            for stage in self.plan.stages
            if isinstance(stage, kind) and all(getattr(stage, n) == v for n, v in fields.items())
        ]
        return found

    def path(self, stage) -> Path:
        return self.context.store.path(stage)

    def predictions(self, stage: Predict) -> list:
        lines = (self.path(stage) / "predictions.jsonl").read_text().splitlines()
        return [json.loads(line)["prediction"] for line in lines]


@pytest.fixture(scope="module")
def way(tmp_path_factory) -> Way:
    return Way(tmp_path_factory.mktemp("way"))


def test_a_second_run_does_nothing(way):
    assert way.ran == len(way.plan.stages)
    assert done(load(way.folder), way.context) == 0


def test_a_language_adapter_has_learned_and_says_whose_it_is(way):
    made = way.one(Train, language="qaa")
    facts = json.loads((way.path(made) / "adapter_config.json").read_text())
    assert facts["name"] == "qaa" and facts["config"]["inv_adapter"] == "nice"
    curve = json.loads((way.path(made) / "curve.json").read_text())
    assert curve[-1][0] == 8
    english = way.one(Train, language="en")
    host = formats.Host(encoder(way).config, "toyworld")
    here, there = (formats.load_module(way.path(each), host) for each in (made, english))
    for name, weight in here.invertible.items():
        assert (weight - there.invertible[name]).abs().max() > 1e-3, name


def encoder(way):
    place, revision = pretrained.location(way.one(Train, language="en").model)
    return pretrained.load(place, revision, torch.device("cpu"), torch.float32)


@torch.no_grad()
def test_a_prediction_is_that_of_the_stack_of_adapters(way):
    """Folders of the store in the stock library, for the target language: the same labels."""
    stage = way.one(Predict, task="xnli", language="qaa")
    place, _ = pretrained.location(stage.model)
    config = transformers.AutoConfig.from_pretrained(place)
    model = adapters.XLMRobertaAdapterModel(config)
    model.roberta.load_state_dict(encoder(way).to_hf().state_dict(), strict=False)
    name = model.load_adapter(str(way.path(stage.module)), use_safetensors=True)
    model.load_adapter(str(way.path(stage.below)), load_as="qaa", with_head=False, use_safetensors=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    lines = (way.path(stage.data) / "examples.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    texts = [row["text"] for row in rows], [row["pair"] for row in rows]
    ids = tokenizer(*texts, truncation="longest_first", max_length=48, padding=True, return_tensors="pt")
    model.eval().active_head = name
    answers = {}
    for setup in (ac.Stack("qaa", name), ac.Stack(name)):
        model.set_active_adapters(setup)
        logits = model(ids["input_ids"], attention_mask=ids["attention_mask"]).logits
        labels = model.get_labels_dict(name)
        answers[str(setup)] = logits, [labels[number] for number in logits.argmax(-1).tolist()]
    (swapped, found), (bare, _) = answers.values()
    assert found == way.predictions(stage)
    assert (swapped - bare).abs().max() > 1e-3, "the language adapter must matter"


def test_languages_that_predict_together_predict_as_alone(way):
    stages = [way.one(Predict, task=name, language="qaa") for name in ("xnli", "tatoeba")]
    stages.append(way.one(Predict, task="xnli", language="en"))
    assert stages[0].companions() == stages[2].companions(), "they share their module's load"
    for stage in stages:
        out = way.folder / f"alone-{stage.digest[:8]}"
        out.mkdir()
        stage.run(out, way.context)
        alone = (out / "predictions.jsonl").read_text()
        assert alone == (way.path(stage) / "predictions.jsonl").read_text()


def test_language_adapters_train_side_by_side_as_apart(way, tmp_path):
    stages = [way.one(Train, language=code) for code in ("en", "qaa")]
    host = formats.Host(encoder(way).config, "toyworld")
    for stage in stages:
        out = tmp_path / stage.language
        out.mkdir()
        fit([stage], [out], way.context)
        apart, together = (formats.load_module(place, host) for place in (out, way.path(stage)))
        for name, weight in (apart.weights | apart.invertible).items():
            other = (together.weights | together.invertible)[name]
            assert (weight - other).abs().max() < 1e-4, (stage.language, name)


def test_trained_adapters_given_as_folders_predict_the_same(way, tmp_path):
    """What an experiment trained is what another one reads, by content."""
    for code in ("en", "qaa"):
        (tmp_path / code).symlink_to(way.path(way.one(Train, language=code)))
    table = FILE[FILE.index("[languages]") : FILE.index("[target]")]
    lang = FILE[FILE.index("[recipe.lang]") : FILE.index("[languages]")]
    given = '[languages]\nadapters = { en = "en", qaa = "qaa" }\n'
    plan = load(tmp_path, FILE.replace(table, given).replace(lang, "").replace(', "tatoeba"', ""))
    done(plan, way.context)
    (stage,) = [s for s in plan.stages if isinstance(s, Predict) and s.language == "qaa"]
    assert way.predictions(stage) == way.predictions(way.one(Predict, task="xnli", language="qaa"))


def test_a_folder_that_changed_since_it_was_planned_is_refused(way, tmp_path):
    for name in ("adapter_config.json", "adapter.safetensors"):
        source = way.path(way.one(Train, language="en")) / name
        (tmp_path / name).write_bytes(source.read_bytes())
    found = local(tmp_path, "languages.adapters.en")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"adapter_config.json: has SHA-256 .* planned was"):
        found.place()
    (tmp_path / "adapter.safetensors").unlink()
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(DataError, match="no such file"):
        found.place()
