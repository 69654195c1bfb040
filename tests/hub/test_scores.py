"""What a card says of scores is of one test set each, and of the modules that it names."""

import re
from dataclasses import replace

import pytest
import yaml
from huggingface_hub import ModelCard

from tests.hub import sharing
from tests.hub.conftest import EXPERIMENT, filled, finished
from xadapt.hub import bundle, facts
from xadapt.hub.modules import Shelf

STACK = "panx stack(mnli)"
TWICE = EXPERIMENT.replace(
    "[intermediate]",
    '[recipe.big]\nmethod = { name = "bottleneck", reduction_factor = 2 }\nsteps = 2\n[intermediate]',
)
FEWER = EXPERIMENT.replace("[data]\n", "[data]\ntest_rows = 7\n")


def text(made):
    return made.more[bundle.CARD].decode()


def test_two_recipes_of_one_method_keep_their_rows_and_scores(tmp_path):
    place = finished(tmp_path, TWICE)
    made = text(sharing.whole(place))
    shelf = Shelf(place.store)
    modules = [each for each in shelf.records.values() if each.kind == "train" and facts.scores(each, shelf)]
    assert len(modules) == 6
    for each in modules:
        values = " | ".join(f"{one.value:.1f}" for one in facts.scores(each, shelf))
        assert made.count(f"{shelf.described(each)} ({each.digest[:12]}) | {values} |") == 1
    index = yaml.safe_load(made.split("---\n")[1])["model-index"]
    assert len({each["name"] for each in index}) == 6


@pytest.fixture
def both(tmp_path):
    """(a store where a module was scored on two test sets, the experiment of the second)"""
    first = finished(tmp_path)
    (tmp_path / "fewer.toml").write_text(FEWER)
    return first, filled(first, "fewer.toml", 500)


def test_scores_of_different_test_sets_have_no_common_mean(both):
    first, _ = both
    made = text(sharing.made(first, STACK))
    shelf = Shelf(first.store)
    found = facts.scores(shelf.module(STACK), shelf)
    assert len(found) == 4 and len({each.data for each in found}) == 4
    for each in found:
        assert f"`{each.digest[:12]}` | `{each.data[:12]}`" in made
    assert "panx: no mean, since a language has several test data" in made and "zero-shot mean" not in made
    names = [each.dataset_name for each in ModelCard(made, ignore_metadata_errors=False).data.eval_results]
    assert names == [f"panx {each.language}, data {each.data[:12]}" for each in found]


def test_each_test_has_a_mean_of_its_own(both):
    shelf = Shelf(both[0].store)
    module = shelf.module(both[0].named(f"train {STACK}").digest)
    found = [
        replace(each, test="limit 7" if each.value > 500 else "") for each in facts.scores(module, shelf)
    ]
    grouped = facts.tests(found)
    assert grouped.keys() == {"panx", "panx, limit 7"}
    assert {name: facts.mean(own) for name, own in grouped.items()} == {
        ", ".join(filter(None, (each.task, each.test))): (each.value, 1)
        for each in found
        if each.language == "qaa"
    }


def test_several_test_sets_of_one_language_have_no_mean(both):
    shelf = Shelf(both[0].store)
    found = [each for each in facts.scores(shelf.module(STACK), shelf) if each.language == "qaa"]
    assert facts.mean(found) is None and facts.mean(found[:1]) == (found[0].value, 1)


def test_the_card_of_an_experiment_has_no_score_of_another(both):
    for place in both:
        made = text(sharing.whole(place))
        own = {each.digest for each in place.plan.stages if each.kind == "score"}
        shelf = Shelf(place.store)
        shown = {
            f"{one.value:.1f}": one.digest in own
            for each in shelf.records.values()
            if each.kind == "train"
            for one in facts.scores(each, shelf)
        }
        table = re.search(r"### panx[^\n]*\n(.*?)\n## ", made, re.DOTALL)[1]
        assert {value for value in shown if f" {value} " in table} == {v for v, is_ in shown.items() if is_}
        results = re.findall(r"value: ([\d.]+)", made)
        assert results and all(shown[f"{float(each):.1f}"] for each in results)
