"""A module on a user's own rows answers as its stages do; whatever is wrong names row and field."""

import json
from pathlib import Path

import pytest

import xadapt
from xadapt import examples
from xadapt.declared import Declared
from xadapt.errors import ConfigError, DataError, IntegrityError, UnknownName
from xadapt.serving import loaded as serving
from xadapt.serving import recorded
from xadapt.serving.asked import Vectors
from xadapt.serving.rows import ask, example
from xadapt.sources import origins
from xadapt.stages.data import Data
from xadapt.stages.train import Train
from xadapt.task import sources
from xadapt.tasks import task, tasks
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

from .made import STACKED, World

README = Path(__file__).parents[2] / "README.md"
KEYS = {"xnli": "label", "udpos": "tags", "xquad": "answer", "xcopa": "choice"}


@pytest.mark.parametrize("composition", ["alone", STACKED])
@pytest.mark.parametrize("name", KEYS)
def test_answers_are_those_of_the_stages(world: World, name: str, composition: str) -> None:
    stage = world.predicted(name, "qaa", "bn", composition)
    loaded = xadapt.load(world.store.folder(stage.module.digest))
    found = loaded.predict(world.rows(stage), language="qaa")
    assert [answer[KEYS[name]] for answer in found] == world.answers(stage)


def test_a_score_and_a_prediction_lead_to_their_module(world: World) -> None:
    stage = world.predicted("xnli", "qaa")
    score = world.score("xnli", "qaa")
    world.run(score)
    rows = world.rows(stage)
    of_module = xadapt.load(stage.module.digest[:10], world.store.root).predict(rows)
    for digest in (stage.digest, score.digest[:8]):
        assert xadapt.load(digest, world.store.root).predict(rows) == of_module


def test_probabilities_are_of_every_label_and_of_the_answer(world: World) -> None:
    stage = world.predicted("xnli", "qaa")
    for answer in xadapt.load(stage.module.digest, world.store.root).predict(world.rows(stage)):
        shares = answer["probabilities"]
        assert set(shares) == {"entailment", "neutral", "contradiction"}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert max(shares, key=shares.get) == answer["label"]


def test_the_place_of_an_answer_is_in_the_context(world: World) -> None:
    stage = world.predicted("xquad", "qaa")
    rows = world.rows(stage)
    found = xadapt.load(stage.module.digest, world.store.root).predict(rows)
    for row, answer in zip(rows, found, strict=True):
        assert row["context"][answer["start"] : answer["end"]] == answer["answer"]


def test_a_stream_reads_no_further_than_it_answers(world: World, monkeypatch) -> None:
    stage = world.predicted("xnli", "qaa")
    monkeypatch.setattr(serving, "ROWS", 2)
    read: list[int] = []

    def rows():
        for number, row in enumerate(world.rows(stage)):
            read.append(number)
            yield f"row {number}", row

    loaded = xadapt.load(stage.module.digest, world.store.root)
    stream = loaded.stream(rows())
    first = next(stream)
    assert len(read) == 2
    assert [answer["label"] for answer in (first, *stream)] == world.answers(stage)


def test_the_head_of_a_mixture_is_chosen_by_task(world: World) -> None:
    stage = world.predicted("xnli", "qaa", "bn", STACKED)
    mixture = world.module(stage).base.parts[0]
    with pytest.raises(ConfigError, match="a head for each of mnli, squad"):
        xadapt.load(mixture.digest, world.store.root)
    with pytest.raises(UnknownName, match="no head for 'mnl'; did you mean 'mnli'"):
        xadapt.load(mixture.digest, world.store.root, task="mnl")
    found = xadapt.load(mixture.digest, world.store.root, task="mnli").predict(world.rows(stage))
    assert {answer["label"] for answer in found} <= {"entailment", "neutral", "contradiction"}


def test_vectors_are_those_that_retrieval_reads(world: World) -> None:
    stage = world.predicted("tatoeba", "qaa", "bn", STACKED)
    lines = [(row["source"], row["target"]) for row in _pairs(world, stage)]
    how = Vectors(layer=stage.reading.layer, pooling=stage.reading.pooling)
    by_stage = xadapt.load(stage.digest, world.store.root)
    by_module = xadapt.load(stage.module.parts[0].digest, world.store.root, vectors=how)
    sides = [by_stage.vectors(side) for side in zip(*lines, strict=True)]
    units = [side / (side**2).sum(1, keepdims=True) ** 0.5 for side in sides]
    assert (units[1] @ units[0].T).argmax(1).tolist() == world.answers(stage)
    assert by_module.vectors([first for first, _ in lines]).tolist() == sides[0].tolist()


def _pairs(world: World, stage) -> list[dict[str, str]]:
    lines = (world.store.path(stage.data) / "examples.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"premise": "a"}, "row 2: field 'pair' is missing"),
        ({"premise": "a", "hypothesis": " "}, "row 2: field 'hypothesis' is empty"),
        ({"premise": 3, "hypothesis": "b"}, "row 2: field 'premise': 3 is not text"),
        ({"premise": "a\ud800", "hypothesis": "b"}, "row 2: field 'premise': U[+]D800 is half a character"),
        ({"premise": "a", "hypothesis": "b", "language": 1}, "row 2: field 'language': 1 is not text"),
    ],
)
def test_a_bad_row_is_named(world: World, row, said: str) -> None:
    stage = world.predicted("xnli", "qaa")
    good = {"premise": "a", "hypothesis": "b"}
    with pytest.raises(DataError, match=said):
        xadapt.load(stage.module.digest, world.store.root).predict([good, row])


def test_questions_of_different_numbers_of_choices_stand_in_one_file(world: World) -> None:
    stage = world.predicted("xcopa", "qaa")
    rows = world.rows(stage)[:3]
    more = [{"context": rows[0]["context"], "choice1": "a", "choice2": "b", "choice3": "c"}]
    loaded = xadapt.load(stage.module.digest, world.store.root)
    found = loaded.predict([rows[0], *more, *rows[1:]])
    assert [len(answer["probabilities"]) for answer in found] == [2, 3, 2, 2]
    assert [found[0], *found[2:]] == loaded.predict(rows)


def test_what_is_no_module_says_so(world: World, tmp_path) -> None:
    stage = world.predicted("xnli", "qaa")
    with pytest.raises(ConfigError, match=r"data \w+ is no module"):
        xadapt.load(stage.data.digest, world.store.root)
    with pytest.raises(UnknownName, match="no digest starts with 'ffffffff'"):
        xadapt.load("ffffffff", world.store.root)
    with pytest.raises(UnknownName, match="no module 'mnl'; did you mean 'mnli'"):
        xadapt.load("mnl", world.store.root)
    with pytest.raises(ConfigError, match="is no finished stage"):
        xadapt.load(tmp_path, world.store.root)
    with pytest.raises(UnknownName, match="no such store"):
        xadapt.load("mnli", tmp_path / "none")


def test_a_name_is_enough_where_it_means_one_module(world: World, tmp_path: Path) -> None:
    first, second = (world.predicted("xnli", "qaa", recipe) for recipe in ("bn", "lora"))
    rows, store = world.rows(first), Store(tmp_path)
    _link(first.module.digest, world.store, store)
    by_digest = xadapt.load(first.module.digest, store.root).predict(rows)
    for name in ("mnli", "mnli alone"):
        assert xadapt.load(name, store.root).predict(rows) == by_digest
    _link(second.module.digest, world.store, store)
    with pytest.raises(
        UnknownName, match=r"'mnli' is the name of 2 modules: .*mnli bottleneck seed 1"
    ) as caught:
        xadapt.load("mnli", store.root)
    assert "mnli lora seed 1" in caught.value.message


def _link(digest: str, found: Store, to: Store) -> None:
    to.folder(digest).parent.mkdir(exist_ok=True)
    to.folder(digest).symlink_to(found.folder(digest))


def test_a_module_of_another_version_of_its_stage_still_answers(world: World, monkeypatch) -> None:
    stage = world.predicted("xnli", "qaa", "bn", STACKED)
    monkeypatch.setattr(Train, "version", Train.version + 1)
    module = xadapt.load(stage.module.digest, world.store.root)
    found = module.predict(world.rows(stage))
    assert [answer["label"] for answer in found] == world.answers(stage)


def test_a_record_of_something_unknown_is_not_guessed_at(world: World, monkeypatch) -> None:
    stage = world.predicted("xnli", "qaa")
    monkeypatch.delitem(recorded.VALUES, "Bottleneck")
    with pytest.raises(IntegrityError, match="which this one cannot read"):
        xadapt.load(stage.module.digest, world.store.root)


def test_two_modules_on_one_encoder_do_not_disturb_each_other(world: World) -> None:
    stages = [world.predicted("xnli", "qaa", recipe) for recipe in ("bn", "lora")]
    both = [xadapt.load(stage.module.digest, world.store.root) for stage in stages]
    rows = world.rows(stages[0])
    first = [module.predict(rows) for module in both]
    assert [module.predict(rows) for module in both] == first and first[0] != first[1]


@pytest.mark.parametrize("name", [name for name, what in tasks().items() if what.type == "classification"])
def test_every_classification_task_that_ships_is_one_of_pairs(name: str, tmp_path: Path) -> None:
    """A row without its pair is refused on this ground."""
    what = task(name)
    rows = origins(sources(what.train), "toyworld", None, 4)
    Data(task=name, task_version=what.version, rows=rows).run(tmp_path, Context(Store(tmp_path)))
    assert all(each.pair for each in examples.read(tmp_path / "examples.jsonl", "classification"))


def test_a_declared_column_comes_before_the_usual_ones() -> None:
    mood = Declared(name="mood", kind="classification", columns=(("text", "sentence"),))
    asked = ask("classification", mood, ("good", "bad"))
    assert example({"sentence": "a", "text": "b"}, "f:1", asked).text == "a"
    assert example({"text": "b"}, "f:1", asked).pair is None
    options = Declared(name="pick", kind="choice", columns=(("choices", ("first", "second")),))
    row = {"context": "c", "first": "a", "second": "b"}
    assert example(row, "f:1", ask("choice", options, ())).choices == ("a", "b")
    with pytest.raises(DataError, match="f:1: field 'choices': expected a list of two choices or more"):
        example({"context": "c", "choices": ["a"]}, "f:1", ask("choice", options, ()))


def test_the_four_lines_of_the_readme(world: World, tmp_path: Path, monkeypatch, capsys) -> None:
    section = README.read_text(encoding="utf-8").split("## Using a module on your own text")[1]
    code = section.split("```python\n")[1].split("```")[0]
    assert len(code.replace("\n\n", "\n").splitlines()) == 4
    stage = world.predicted("xnli", "qaa")
    (tmp_path / "runs").symlink_to(world.store.root)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("3fa9c1d2", stage.module.digest[:8]), {})
    assert capsys.readouterr().out.split()[0] in ("entailment", "neutral", "contradiction")
