"""Texts and pairs for a sentence head: layout and length, as XLM-R's own tokenizer makes them."""

from functools import cache

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.task_types.multilingual import SCRIPTS, TOKENIZERS, TRAINED, names, sentences
from xadapt.errors import DataError
from xadapt.examples import Choice, Classification
from xadapt.recipe import Recipe
from xadapt.task_types import choice, classification

texts = st.one_of(st.sampled_from(["", " ", "\u200b"]), sentences.map(" ".join))
modest = settings(max_examples=80, deadline=None, derandomize=True)


@cache
def wrapped(name: str, side: str) -> transformers.PreTrainedTokenizerFast:
    return transformers.PreTrainedTokenizerFast(tokenizer_object=TOKENIZERS[name], truncation_side=side)


def reference(name: str, side: str, text: str, pair: str | None, limit: int) -> list[int]:
    """The ids of a batch of one: given no batch, transformers takes an empty second text for none."""
    pairs = None if pair is None else [pair]
    return wrapped(name, side)([text], pairs, truncation="longest_first", max_length=limit)["input_ids"][0]


def shortened(first: int, second: int, room: int) -> tuple[int, int]:
    """Tokens that stay: one after another goes from the longer text."""
    while first + second > room:
        first, second = (first - 1, second) if first > second else (first, second - 1)
    return first, second


@modest
@given(names, texts, st.one_of(st.none(), texts), st.integers(8, 40))
def test_a_text_or_pair_is_what_transformers_makes_of_it(name, text, pair, limit):
    example = Classification("1", text, pair, "a")
    (item,) = classification.encode([example], TOKENIZERS[name], Recipe(max_length=limit), ("a",))
    assert list(item.sequences[0].ids) == reference(name, "right", text, pair, limit)


@modest
@given(names, texts, st.lists(texts, min_size=1, max_size=4), st.integers(8, 40))
def test_choices_are_what_transformers_makes_of_them_cut_at_the_start(name, context, choices, limit):
    example = Choice("1", context, tuple(choices), 0)
    (item,) = choice.encode([example], TOKENIZERS[name], Recipe(max_length=limit), ())
    for sequence, each in zip(item.sequences, choices, strict=True):
        assert list(sequence.ids) == reference(name, "left", context, each, limit)


@modest
@given(names, texts, texts, st.integers(8, 40), st.booleans())
def test_tokens_go_from_the_longer_text_between_special_tokens(name, text, pair, limit, at_start):
    """`<s> a </s></s> b </s>`; of two texts that are cut alike either may keep the odd token."""
    tokenizer = TOKENIZERS[name]
    tokenizer.no_truncation()
    first, second = (tokenizer.encode(each, add_special_tokens=False).ids for each in (text, pair))
    if at_start:
        (item,) = choice.encode([Choice("1", text, (pair,), 0)], tokenizer, Recipe(max_length=limit), ())
    else:
        example = Classification("1", text, pair, "a")
        (item,) = classification.encode([example], tokenizer, Recipe(max_length=limit), ("a",))
    kept = [shortened(len(first), len(second), limit - 4)]
    if sum(kept[0]) == limit - 4 and abs(kept[0][0] - kept[0][1]) == 1:
        kept.append(kept[0][::-1])

    def part(ids: list[int], count: int) -> list[int]:
        return ids[len(ids) - count :] if at_start else ids[:count]

    layouts = [[0, *part(first, a), 2, 2, *part(second, b), 2] for a, b in kept]
    assert list(item.sequences[0].ids) in layouts


def test_many_texts_keep_their_order_and_labels():
    """More than are encoded at a time."""
    examples = [Classification(str(n), f"{n}", None, "ab"[n % 2]) for n in range(2500)]
    items = classification.encode(examples, TRAINED, Recipe(), ("a", "b"))
    assert [item.example for item in items] == list(range(2500))
    assert [item.target for item in items] == [n % 2 for n in range(2500)]
    for n in (0, 1023, 1024, 2499):
        assert list(items[n].sequences[0].ids[1:-1]) == TRAINED.encode(str(n), add_special_tokens=False).ids


def test_one_text_that_fills_everything_leaves_half_to_a_long_other_and_all_of_a_short_one():
    long, short = " ".join(SCRIPTS * 9), "Rhein"
    tokens = len(TRAINED.encode(short, add_special_tokens=False).ids)
    for pair in ((long, short), (short, long)):
        (item,) = classification.encode(
            [Classification("1", *pair, "a")], TRAINED, Recipe(max_length=32), ("a",)
        )
        ids = list(item.sequences[0].ids)
        middle = ids.index(2)
        assert len(ids) == 32 and sorted([middle - 1, 32 - middle - 3]) == [tokens, 28 - tokens]


def test_choices_must_agree_in_number():
    examples = [Choice("1", "a", ("b", "c"), 0), Choice("2", "a", ("b", "c", "d"), 0)]
    with pytest.raises(DataError, match="2 and 3 choices"):
        choice.encode(examples, TRAINED, Recipe(), ())
