"""Texts are tokenised once: what is kept equals what is encoded, and is of nothing else."""

from dataclasses import replace

import pytest
import tokenizers

from xadapt import examples
from xadapt.errors import DataError
from xadapt.recipe import Recipe
from xadapt.stages.data import Data
from xadapt.task_types import encode_training, task_type
from xadapt.task_types.flat import Flat, sizes
from xadapt.training import tokens
from xadapt.training.restore import read
from xadapt.workflow import derived
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

from ..task_types.test_flat import SAID, same

TASKS = {
    "classification": "mnli",
    "choice": "hellaswag",
    "tagging": "panx",
    "span": "squad",
    "ranking": "lareqa",
    "retrieval": "tatoeba",
    "mining": "bucc2018",
    "mlm": "text",
}
RECIPE = Recipe(max_length=20, stride=4)


def data(name: str, limit: int = 30) -> Data:
    return Data(task=name, task_version=1, rows=(), limit=limit)


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    """A store with the data of each task, and again with fewer rows."""
    found = Context(Store(tmp_path_factory.mktemp("tokens") / "runs"), device="cpu")
    for kind, name in TASKS.items():
        for limit in (30, 9):
            with found.store.writing(data(name, limit)) as work:
                examples.write(SAID[kind][:limit], work.out / "examples.jsonl")
    return found


@pytest.mark.parametrize("kind", TASKS)
def test_items_are_those_that_encoding_gives(kind, tokenizer, context, monkeypatch):
    name, block = TASKS[kind], 4
    monkeypatch.setattr(tokens, "BLOCK", block)
    stage = data(name)
    labels = () if kind == "tagging" else ("a", "b")
    found = tokens.encoded(stage, name, labels, tokenizer, RECIPE, context)
    expected = task_type(kind).encode(read(stage, context), tokenizer, RECIPE, found.labels)
    assert isinstance(found.items, Flat) and len(expected) > block
    assert all(same(one, other) for one, other in zip(expected, found.items, strict=True))


def test_a_text_is_encoded_once(tokenizer, context, monkeypatch):
    given = data("mnli", 9), "mnli", ("a", "b"), tokenizer, RECIPE, context
    first = tokens.encoded(*given)
    monkeypatch.setattr(task_type("classification"), "encode", None)
    again = tokens.encoded_training(*given)
    assert again.labels == first.labels
    assert all(same(one, other) for one, other in zip(first.items, again.items, strict=True))
    assert len(again.items) == 9


def test_pairs_that_a_ranking_trains_on_are_encoded_once(tokenizer, context, monkeypatch):
    given = data("lareqa"), "lareqa", (), tokenizer, RECIPE, context
    expected = encode_training(task_type("ranking"), read(given[0], context), tokenizer, RECIPE, ())
    tokens.encoded_training(*given)
    monkeypatch.setattr(task_type("ranking"), "encode", None)
    found = tokens.encoded_training(*given).items
    assert found and all(same(one, other) for one, other in zip(expected, found, strict=True))
    assert sizes(found) == [item.tokens for item in found] == sizes(expected)
    assert same(found[-1], expected[len(expected) - 1]) and same(found[:2][1], expected[1])


def test_labels_of_the_data_are_kept_with_the_items(tokenizer, context):
    found = tokens.encoded(data("panx"), "panx", (), tokenizer, RECIPE, context)
    own = tokens.encoded(data("panx"), "panx", ("b",), tokenizer, RECIPE, context)
    assert len(found.labels) > 1 and own.labels == ("b",)
    assert [item.target for item in found.items] != [item.target for item in own.items]


def test_nothing_that_decides_the_items_is_missed(tokenizer, context, monkeypatch):
    given = tokens._Work(data("squad"), task_type("span"), (), tokenizer, RECIPE, context)
    other = tokenizers.Tokenizer.from_str(tokenizer.to_str())
    other.normalizer = tokenizers.normalizers.Lowercase()
    changes = [
        {"data": data("squad", 9)},
        {"kind": task_type("classification")},
        {"labels": ("none",)},
        {"tokenizer": other},
        {"recipe": replace(RECIPE, max_length=41)},
        {"recipe": replace(RECIPE, stride=5)},
    ]
    keys = {given.key, *(given._replace(**change).key for change in changes)}
    assert len(keys) == 1 + len(changes)
    same_one = tokenizers.Tokenizer.from_str(tokenizer.to_str())
    same_one.enable_truncation(7)
    assert given._replace(tokenizer=same_one).key == given.key, "encoding sets how texts are cut"
    for module, name, value in ((tokens, "FORMAT", 99), (tokens, "_code", lambda kind: "new")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            keys.add(given.key)
    assert len(keys) == 3 + len(changes)


def test_a_broken_file_is_encoded_again(tokenizer, context):
    given = data("squad"), "squad", (), tokenizer, RECIPE, context
    made = tokens.encoded(*given)
    expected = task_type("span").encode(read(given[0], context), tokenizer, RECIPE, made.labels)
    work = tokens._Work(given[0], task_type("span"), *given[2:])
    with (derived.home(context.store) / work.key / "ids").open("r+b") as file:
        file.truncate(100)
    again = tokens.encoded(*given).items
    assert all(same(one, other) for one, other in zip(expected, again, strict=True))


def test_what_clean_removes_before_it_is_mapped_is_encoded_again(tokenizer, context, monkeypatch):
    given, removed = (data("squad"), "squad", (), tokenizer, RECIPE, context), []

    def late(*found):
        if not removed:
            removed.append(derived.remove(context.store).folders)
        return Flat(*found)

    monkeypatch.setattr(tokens, "Flat", late)
    found = tokens.encoded(*given)
    expected = task_type("span").encode(read(given[0], context), tokenizer, RECIPE, found.labels)
    assert removed[0] > 0
    assert all(same(one, other) for one, other in zip(expected, found.items, strict=True))


def test_data_without_examples_are_refused_and_leave_nothing(tokenizer, context):
    stage = data("mnli", 1)
    with context.store.writing(stage) as work:
        (work.out / "examples.jsonl").write_text("")
    there = set(derived.home(context.store).iterdir())
    with pytest.raises(DataError, match="data mnli: no examples"):
        tokens.encoded(stage, "mnli", ("a", "b"), tokenizer, RECIPE, context)
    assert set(derived.home(context.store).iterdir()) == there
