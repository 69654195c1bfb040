"""A card is complete, the same for the same records, and valid for the hub; with a gap it is refused."""

import json
import shutil
import tomllib

import pytest
from huggingface_hub import EvalResult, ModelCard

from tests.hub import sharing
from tests.hub.conftest import EXPERIMENT, Place, finished
from xadapt import experiment
from xadapt.errors import ConfigError, IntegrityError
from xadapt.hub import again, bundle, card, facts, licences, metadata
from xadapt.hub.modules import Shelf
from xadapt.workflow.plan import Plan

STACK = "panx stack(mnli)"
OWN = """
[tasks.mood]
type = "classification"
labels = ["good", "bad"]
columns = { text = "sentence" }
train = "data/mood.jsonl"
test = { en = "data/en/mood.jsonl" }
"""


def text(place, name=STACK, **options):
    return sharing.made(place, name, **options).more[bundle.CARD].decode()


def test_the_metadata_are_what_the_hub_wants(place, hub):
    sharing.sent(place, STACK)
    found = ModelCard(hub.head("me/it")[bundle.CARD].decode(), ignore_metadata_errors=False).data
    assert hub.cards == [hub.head("me/it")[bundle.CARD].decode()]
    assert found.base_model == "FacebookAI/xlm-roberta-base" and found.base_model_relation == "adapter"
    assert (found.library_name, found.pipeline_tag) == ("adapter-transformers", "token-classification")
    assert found.license == "apache-2.0" and found.language == ["en"] and found.metrics == ["accuracy"]
    assert found.tags == sorted(found.tags) and "xadapt" in found.tags
    scores = facts.scores(Shelf(place.store).module(STACK), Shelf(place.store))
    assert [(each.dataset_name, each.metric_value) for each in found.eval_results] == [
        (f"panx {each.language}", each.value) for each in scores
    ]
    assert all(isinstance(each, EvalResult) for each in found.eval_results) and len(scores) == 2


def test_the_body_says_what_a_reader_needs(place):
    made = text(place)
    shelf = Shelf(place.store)
    module = shelf.module(STACK)
    for each in facts.scores(module, shelf):
        assert f"| panx | {each.language} | accuracy | {each.value:.1f} | 12 | `{each.digest[:12]}` |" in made
    for said in (
        f"xadapt run experiment.toml --only {module.digest[:12]}",
        "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089",
        "| `.` | 2.5 | 1,000 | 2 |",
        "toy world mnli/en/train",
        'model.active_adapters = Stack("mnli", own)',
        "arxiv.org/abs/2005.13013",
        "xadapt pull me/it",
    ):
        assert said in made
    for heading in ("Use", "Training data", "Scores", "Cost", "Make it again", "Limits", "Citation"):
        assert f"\n## {heading}\n" in made


def test_the_same_records_give_the_same_card(place, tmp_path):
    assert text(place) == text(place)
    other = finished(tmp_path)
    first, second = text(place).splitlines(), text(other).splitlines()
    assert len(first) == len(second)
    assert str(tmp_path) not in text(other)


def test_the_experiment_goes_with_it_and_gives_the_same_digests(place, tmp_path):
    files = sharing.made(place, STACK).more
    path = tmp_path / "again.toml"
    path.write_bytes(files[again.NAME])
    plan = Plan.of(experiment.load(str(path)).goals())
    assert plan.by_digest.keys() == place.plan.by_digest.keys()


def own_data(folder, text=EXPERIMENT):
    """An experiment with a task of the user's own, finished."""
    for name in ("mood", "en/mood"):
        path = folder / "data" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"sentence": name, "label": "good"}) + "\n")
    changed = text.replace('"squad"]', '"squad", "mood"]').replace('["panx"]', '["panx", "mood"]')
    return finished(folder, changed + OWN)


def test_the_users_paths_stay_here(tmp_path):
    place = own_data(tmp_path)
    made = sharing.made(place, "mood stack(mnli)", license="mit")
    everything = b"".join(
        each if isinstance(each, bytes) else each.read_bytes() for each in made.more.values()
    )
    assert str(tmp_path).encode() not in everything
    table = tomllib.loads(made.more[again.NAME].decode())["tasks"]["mood"]
    assert (table["train"], table["test"]["en"]) == ("mood.jsonl", "en/mood.jsonl")


def test_a_licence_that_no_record_says_must_be_said(tmp_path, hub):
    place = own_data(tmp_path)
    with pytest.raises(
        ConfigError, match=r"card, line \d+: .*that of the data of mood.* still holds"
    ) as failed:
        sharing.sent(place, "mood")
    assert "--license" in failed.value.hint and hub.asked == []
    said = ModelCard(text(place, "mood", license="cc-by-4.0"))
    assert said.data.license == "cc-by-4.0" and "[More Information" not in str(said)


@pytest.mark.parametrize(
    "left", ["[More Information Needed]", "<!-- Add some description here -->", "TODO", "{{ x }}"]
)
def test_no_placeholder_is_left(left):
    with pytest.raises(ConfigError, match=r"card, line 2: .*nothing was pushed"):
        card.checked(f"# x\nabout: {left}\n")


def test_the_card_of_an_experiment_has_every_module_and_language(place, hub):
    sharing.sent_all(place)
    made = hub.head("me/all")[bundle.CARD].decode()
    found = ModelCard(made, ignore_metadata_errors=False).data
    assert found.base_model == "FacebookAI/xlm-roberta-base" and found.library_name == "adapter-transformers"
    shelf = Shelf(place.store)
    modules = [each for each in shelf.records.values() if each.kind == "train"]
    assert len(modules) == 5
    for each in modules:
        assert f"`modules/{shelf.place(each)}`" in made
        for score in facts.scores(each, shelf):
            assert f"{score.value:.1f}" in made
    assert "| module | en | qaa |" in made


@pytest.mark.parametrize("name", [STACK, "panx fuse(mnli, squad)"])
def test_what_was_pulled_is_pushed_on_with_the_same_card(place, hub, tmp_path, name):
    sharing.sent(place, name)
    first, second = hub.head("me/it"), {}
    for count, (there, here) in enumerate((("me/it", "they/it"), ("they/it", "we/it"))):
        store, _ = sharing.taken(tmp_path / str(count), there)
        sharing.sent(Place(tmp_path, store, place.plan), name, here)
        second = hub.head(here)
        assert second[bundle.CARD].decode().replace(here, "me/it") == first[bundle.CARD].decode()
    assert second.keys() == first.keys()
    assert {name for name in second if second[name] != first[name]} == {bundle.CARD}


def test_an_experiment_that_was_pulled_is_pushed_on_with_the_same_card(place, hub, tmp_path):
    sharing.sent_all(place, "me/all")
    store, _ = sharing.taken(tmp_path, "me/all")
    sharing.sent_all(Place(tmp_path, store, place.plan), "they/all")
    first, second = (hub.head(name)[bundle.CARD].decode() for name in ("me/all", "they/all"))
    assert second.replace("they/all", "me/all") == first


def test_data_of_a_part_that_was_pulled_are_known_above_it(place, hub, tmp_path):
    sharing.sent(place, "mnli")
    store, _ = sharing.taken(tmp_path)
    top = place.named(f"train {STACK}").digest
    shutil.copytree(place.store.folder(top), store.folder(top))
    made = text(Place(tmp_path, store, place.plan), top)
    assert "| mnli | toy world mnli/en/train" in made and "| panx | data `" in made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw[:-3], "not readable facts"),
        (lambda raw: raw.replace(b"panx", b"pany"), "changed since it was written"),
        (lambda raw: b"[]", "not readable facts"),
        (lambda raw: b"\xff", "not readable facts"),
    ],
)
def test_facts_that_were_changed_are_refused(place, hub, tmp_path, change, said):
    sharing.sent(place, STACK)
    files = dict(hub.head("me/it"))
    hub.publish("models/me/it", files | {"facts.json": change(files["facts.json"])})
    with pytest.raises(IntegrityError, match=rf"me/it@\w+/facts\.json: {said}"):
        sharing.taken(tmp_path)
    assert not list((tmp_path / "pulled").glob("[0-9a-f][0-9a-f]"))


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("not a licence", "known are|did you mean"), ("Apache 2.0", "'apache-2.0'"), ("MIT", "'mit'")],
)
def test_a_licence_is_one_that_the_hub_knows(place, tmp_path, given, nearest):
    where = f"file://{tmp_path}/lab"
    with pytest.raises(ConfigError, match=rf"--license {given!r}: no licence of the hub; .*{nearest}"):
        sharing.made(place, STACK, where, license=given)
    with pytest.raises(ConfigError, match=rf"--license {given!r}: no licence of the hub"):
        sharing.whole(place, where, license=given)
    assert set(metadata.LICENSES.values()) <= licences.KNOWN
