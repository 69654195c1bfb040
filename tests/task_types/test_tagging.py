"""Words -> tokens -> one tag per word, in order, whatever the words are made of."""

from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.task_types.multilingual import ODD, SCRIPTS, TOKENIZERS, TRAINED, names, words
from xadapt.examples import Tagging
from xadapt.recipe import Recipe
from xadapt.task_types import tagging

LABELS = ("O", "X", "Y")
UNK = 3
modest = settings(max_examples=80, deadline=None, derandomize=True)
any_words = st.lists(st.one_of(words, st.just(""), st.sampled_from(ODD)), min_size=1, max_size=40)


def tagged(sentence: list[str], seed: int = 0) -> Tagging:
    drawn = np.random.default_rng(seed).choice(LABELS, len(sentence))
    return Tagging("s", tuple(sentence), tuple(map(str, drawn)))


def decoded(items: list[tagging.Item], example: Tagging) -> list[str]:
    """What is predicted when each word's best tag is its target."""
    return tagging.decode([np.asarray(item.target) for item in items], items, [example], LABELS)[0]


@modest
@given(names, any_words, st.integers(8, 40), st.integers(0, 99))
@example("like XLM-R", ["", "\u200b", "\ufeff", "\x01"], 8, 0)
def test_every_word_gets_its_own_tag_back(name, sentence, limit, seed):
    example = tagged(sentence, seed)
    items = tagging.encode([example], TOKENIZERS[name], Recipe(max_length=limit), LABELS)
    assert decoded(items, example) == list(example.tags)
    assert all(item.tokens <= limit and len(item.target) == len(item.detail) for item in items)


@modest
@given(names, any_words, st.integers(8, 40))
def test_every_word_is_read_from_its_own_first_token(name, sentence, limit):
    """Its tokens are those of the word alone, cut only when they fill a sequence; never none."""
    tokenizer = TOKENIZERS[name]
    items = tagging.encode([tagged(sentence)], tokenizer, Recipe(max_length=limit), LABELS)
    tokenizer.no_truncation()
    pieces = [tokenizer.encode(word, add_special_tokens=False).ids or [UNK] for word in sentence]
    kept = [word[: limit - 2] for word in pieces]
    inner = [list(item.sequences[0].ids[1:-1]) for item in items]
    assert list(chain(*inner)) == list(chain(*kept))
    first = [int(item.sequences[0].ids[at]) for item in items for at in item.detail]
    assert first == [word[0] for word in pieces]
    assert all((item.sequences[0].ids[0], item.sequences[0].ids[-1]) == (0, 2) for item in items)


@modest
@given(names, any_words, st.integers(8, 40))
def test_a_sentence_is_split_only_where_the_next_word_does_not_fit(name, sentence, limit):
    items = tagging.encode([tagged(sentence)], TOKENIZERS[name], Recipe(max_length=limit), LABELS)
    for item, after in pairwise(items):
        following = int(after.detail[1]) if len(after.detail) > 1 else after.tokens - 1
        assert item.tokens + following - 1 > limit


@modest
@given(st.lists(any_words, min_size=1, max_size=4), st.integers(8, 20))
def test_a_batch_reads_each_word_once_in_order(found, limit):
    examples = [tagged(sentence, seed) for seed, sentence in enumerate(found)]
    items = tagging.encode(examples, TRAINED, Recipe(max_length=limit), LABELS)
    batch = tagging.batch(items, np.random.default_rng(0), Recipe())
    at = batch.targets["at"].numpy()
    expected = [int(item.sequences[0].ids[place]) for item in items for place in item.detail]
    assert batch.ids.numpy()[at].tolist() == expected
    tags = [LABELS[number] for number in batch.targets["tag"].tolist()]
    assert tags == list(chain(*(example.tags for example in examples)))


@pytest.mark.parametrize("text", SCRIPTS)
@pytest.mark.parametrize("name", ["trained", "like XLM-R"])
def test_one_word_longer_than_a_sequence_is_cut_and_its_neighbours_are_not(name, text):
    long = text.replace(" ", "") * 20
    example = tagged(["Köln", long, "Rhein"], 5)
    items = tagging.encode([example], TOKENIZERS[name], Recipe(max_length=16), LABELS)
    assert decoded(items, example) == list(example.tags)
    (cut,) = [item for item in items if item.tokens == 16 and len(item.detail) == 1]
    assert list(cut.detail) == [1]


def test_a_sentence_without_words_has_no_tags():
    examples = [tagged(["Köln"]), Tagging("empty", (), ()), tagged(["Rhein"])]
    items = tagging.encode(examples, TRAINED, Recipe(), LABELS)
    assert [item.example for item in items] == [0, 2]
    found = tagging.decode([np.asarray(item.target) for item in items], items, examples, LABELS)
    assert found == [list(example.tags) for example in examples]


def test_a_tag_that_the_labels_lack_has_no_target():
    (item,) = tagging.encode([Tagging("s", ("a", "b"), ("X", "new"))], TRAINED, Recipe(), ("O", "X"))
    assert item.target == [1, tagging.IGNORE]


def test_the_best_tag_of_each_word_is_split_by_sentence():
    examples = [tagged(["a", "Köln", "b"]), tagged(["Rhein"])]
    items = tagging.encode(examples, TRAINED, Recipe(), LABELS)
    batch = tagging.batch(items, np.random.default_rng(0), Recipe())
    hidden = torch.zeros(len(batch.ids), 3)
    hidden[batch.targets["at"], torch.tensor([2, 0, 1, 2])] = 1.0
    rows = tagging.outputs(lambda x, dropout: x, hidden, batch, Recipe())
    assert tagging.decode(rows, items, examples, LABELS) == [["Y", "O", "X"], ["Y"]]
