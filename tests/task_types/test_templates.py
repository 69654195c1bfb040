"""Texts and pairs in the templates of BERT and RoBERTa: special tokens, token types, spans, words, masks."""

import numpy as np
import pytest
import tokenizers
import transformers

from tests.modeling.local_models import byte_pairs, save, word_piece
from tests.task_types.multilingual import SCRIPTS
from xadapt.examples import Choice, Classification, Question, Tagging, Text
from xadapt.modeling import pretrained
from xadapt.recipe import Recipe
from xadapt.task_types import choice, classification, mlm, span, tagging
from xadapt.task_types.items import lay_out, pack, special

LINES = [*SCRIPTS, "the big cat saw a dog in Lima and then it sang to the cat"] * 5
KINDS = ("bert", "roberta")
PAIRS = [("the cat", "a dog sang"), ("a dog " * 30, "in Lima " * 40), ("the", None)]


@pytest.fixture(scope="module", params=KINDS)
def both(request, tmp_path_factory):
    """A tokenizer as xadapt loads it, and as transformers does."""
    folder = str(save(request.param, LINES, tmp_path_factory.mktemp(request.param)))
    return pretrained.tokenizer(folder, None), transformers.AutoTokenizer.from_pretrained(folder)


def types(sequence):
    return [0] * len(sequence) if sequence.types is None else sequence.types.tolist()


@pytest.mark.parametrize("limit", [12, 128])
def test_ids_and_types_of_texts_and_pairs_are_those_of_transformers(both, limit):
    ours, theirs = both
    examples = [Classification(str(n), text, pair, "a") for n, (text, pair) in enumerate(PAIRS)]
    items = classification.encode(examples, ours, Recipe(max_length=limit), ("a",))
    for item, (text, pair) in zip(items, PAIRS, strict=True):
        made = theirs(text, pair, truncation=True, max_length=limit, return_token_type_ids=True)
        assert item.sequences[0].ids.tolist() == made["input_ids"]
        assert types(item.sequences[0]) == made["token_type_ids"]
    typed = "BertTokenizer" in type(theirs).__name__
    assert [item.sequences[0].types is not None for item in items] == [typed, typed, False]
    batch = lay_out(items)
    expected = [kind for item in items for kind in types(item.sequences[0])]
    assert (batch.types.tolist() == expected) if typed else batch.types is None


def test_batches_with_and_without_types_are_packed_in_order(both):
    ours, _ = both
    examples = [Classification(str(n), text, pair, "a") for n, (text, pair) in enumerate(PAIRS)]
    items = classification.encode(examples, ours, Recipe(), ("a",))
    packed = pack([lay_out([items[2]]), lay_out(items[:2])])
    assert packed.groups == (1, 2)
    assert packed.ids.tolist() == [int(i) for n in (2, 0, 1) for i in items[n].sequences[0].ids]
    expected = [kind for n in (2, 0, 1) for kind in types(items[n].sequences[0])]
    assert (packed.types is None and not any(expected)) or packed.types.tolist() == expected


def test_choices_are_pairs_with_the_context_first(both):
    ours, theirs = both
    (item,) = choice.encode([Choice("1", "the cat sang", ("in Lima", "a dog"), 0)], ours, Recipe(), ())
    for sequence, text in zip(item.sequences, ("in Lima", "a dog"), strict=True):
        made = theirs("the cat sang", text, return_token_type_ids=True)
        assert (sequence.ids.tolist(), types(sequence)) == (made["input_ids"], made["token_type_ids"])


@pytest.mark.parametrize("limit", [20, 128])
def test_every_window_is_a_whole_pair_and_the_answer_is_read_back(both, limit):
    ours, theirs = both
    for text in LINES[:10]:
        start = len(text) // 3
        start += len(text[start:]) - len(text[start:].lstrip())
        answer = text[start : start + 12].strip()
        question = Question("1", "the cat?", text, (answer,), (start,))
        items = span.encode([question], ours, Recipe(max_length=limit, stride=6), ())
        kept = set()
        for item in items:
            (sequence,) = item.sequences
            assert len(sequence) <= limit
            assert types(sequence) == sorted(types(sequence)), "the question stands first"
            inside = item.detail[item.detail[:, 0] >= 0]
            kept |= {place for begin, end in inside for place in range(begin, end)}
            if item.target != (0, 0):
                begin, end = item.detail[item.target[0], 0], item.detail[item.target[1], 1]
                assert answer in text[begin:end]
        assert kept >= {place for place, letter in enumerate(text) if letter.isascii() and letter.isalpha()}
        whole = theirs("the cat?", text, return_token_type_ids=True)
        if len(items) == 1:
            assert items[0].sequences[0].ids.tolist() == whole["input_ids"]
            assert types(items[0].sequences[0]) == whole["token_type_ids"]


def test_words_are_tokens_as_in_running_text_and_lie_between_the_special_ones(both):
    ours, theirs = both
    words = ("the", "big", "cat", "saw", "Köln", "", "北京是", "dog")
    (item,) = tagging.encode([Tagging("1", words, ("O",) * len(words))], ours, Recipe(), ("O",))
    ids = item.sequences[0].ids.tolist()
    assert (ids[0], ids[-1]) == (theirs.cls_token_id, theirs.sep_token_id)
    space = "" if "Bert" in type(theirs).__name__ else " "
    pieces = [theirs.encode(space + word, add_special_tokens=False) for word in words]
    expected = [piece if word else [theirs.unk_token_id] for piece, word in zip(pieces, words, strict=True)]
    if space:
        expected[words.index("")] = pieces[words.index("")]
    assert ids[1:-1] == [number for piece in expected for number in piece]
    assert [ids[at] for at in item.detail] == [piece[0] for piece in expected]


def test_masking_leaves_the_special_tokens_and_draws_none(both):
    ours, theirs = both
    items = mlm.encode([Text(str(n), line, None) for n, line in enumerate(LINES)], ours, Recipe(), ())
    batch = mlm.batch(items, np.random.default_rng(1), Recipe(mask=0.3))
    original = np.concatenate([item.sequences[0].ids for item in items])
    at, shown = batch.targets["at"].numpy(), batch.ids.numpy()
    ordinary = ~np.isin(original, theirs.all_special_ids)
    assert ordinary[at].all() and (batch.targets["token"].numpy() == original[at]).all()
    assert abs(len(at) / ordinary.sum() - 0.3) < 0.03
    assert abs((shown[at] == theirs.mask_token_id).mean() - 0.8) < 0.05
    drawn = shown[at][(shown[at] != theirs.mask_token_id) & (shown[at] != original[at])]
    assert len(drawn) and not np.isin(drawn, theirs.all_special_ids).any()


@pytest.mark.parametrize("make", [word_piece, byte_pairs])
def test_special_tokens_are_found_by_either_spelling(make):
    made: tokenizers.Tokenizer = make(LINES)
    assert made.id_to_token(special(made, "mask")) in ("[MASK]", "<mask>")
    assert made.id_to_token(special(made, "unk")) in ("[UNK]", "<unk>")
