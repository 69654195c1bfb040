"""A store as a run leaves it, without a run: stages of a real plan, with small files in place of weights."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import constants, file_download

from tests.hub.double import TOKEN, Writing, Written
from tests.sources.hub_server import serving
from xadapt import experiment, kept
from xadapt.stages.score import Score
from xadapt.stages.train import Train
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

EXPERIMENT = """
[model]
name = "FacebookAI/xlm-roberta-base"
revision = "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"
[data]
world = "toyworld"
languages = ["en", "qaa"]
[recipe.bn]
method = { name = "bottleneck" }
steps = 2
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["panx"]
compositions = ["alone", "stack(mnli)", "fuse(all)"]
"""
NOTES = {"device": "cpu", "tokens": 1000, "training_seconds": 2.5, "peak_memory_bytes": 10**8, "steps": 2}


@dataclass(frozen=True)
class Place:
    """A folder with an experiment and a finished store."""

    folder: Path
    store: Store
    plan: Plan

    @property
    def experiment(self) -> Path:
        return self.folder / "e.toml"

    def named(self, title: str) -> Train:
        (found,) = [each for each in self.plan.stages if isinstance(each, Train) and each.title() == title]
        return found


def finished(folder: Path, text: str = EXPERIMENT) -> Place:
    """Every stage of the experiment, as if it had run."""
    (folder / "e.toml").write_text(text, encoding="utf-8")
    store = Store(folder / "store")
    store.prepare()
    return filled(Place(folder, store, Plan(())), "e.toml")


def filled(place: Place, name: str, start: int = 0) -> Place:
    """The same store after another experiment has run; scores are 50 percent and their place in it."""
    asked = experiment.load(str(place.folder / name))
    plan, store = Plan.of(asked.goals()), place.store
    for number, stage in enumerate(plan.stages, start):
        if stage in store:
            continue
        with store.writing(stage) as work:
            for name, content in files(stage, number).items():
                (work.out / name).write_text(content, encoding="utf-8")
            work.notes |= NOTES if isinstance(stage, Train) else {}
    kept.keep(asked, name, plan, store)
    return Place(place.folder, store, plan)


def files(stage: object, number: int) -> dict[str, str]:
    if isinstance(stage, Train):
        facts = {"name": str(stage.task), "model_name": "xlm-roberta-base"}
        return {
            "adapter_config.json": json.dumps(facts),
            "adapter.safetensors": f"weights {number}",
            "head_config.json": json.dumps({"config": {"label2id": {"yes": 0, "no": 1}}}),
            "model_head.safetensors": f"head {number}",
        }
    if isinstance(stage, Score):
        facts = {"value": 50.0 + number, "metric": "accuracy", "metrics": {"accuracy": 50.0 + number}}
        return {"score.json": json.dumps(facts | {"n": 12, "at_chance": False}), "items.json": "[[1.0]]"}
    return {"content.jsonl": f"{number}\n"}


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return finished(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def place(finished_once: Place, tmp_path: Path) -> Place:
    """The finished store, which no test changes, and a folder of the test's own."""
    return Place(tmp_path, finished_once.store, finished_once.plan)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    """An empty hub, which this process takes for the hub, with a token that may write."""
    made = Written()
    with serving(made, Writing) as address:
        # What HF_ENDPOINT sets when the library is imported, which it is by now.
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HUB_AT", address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield made
