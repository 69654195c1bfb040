"""Characters of an answer -> tokens of its windows -> characters, in any script and with odd characters."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.task_types.multilingual import ODD, SCRIPTS, TOKENIZERS, TRAINED, bare, names, sentences, words
from xadapt.examples import Question
from xadapt.recipe import Recipe
from xadapt.task_types import loss as loss_of
from xadapt.task_types import span

WHOLE = Recipe(max_length=5000)
"""One window."""
modest = settings(max_examples=60, deadline=None, derandomize=True)


def asked(context: str, start: int = 0, end: int = 0, question: str = "where?") -> Question:
    """A question with the answer `context[start:end]`, without one when that is empty."""
    answers = ((context[start:end],), (start,)) if end > start else ((), ())
    return Question("q", question, context, *answers)


def found(item: span.Item, example: Question) -> str:
    """The text of the target tokens of one window; what is decoded when they have the highest scores."""
    first, last = item.target
    text = example.context[item.detail[first, 0] : item.detail[last, 1]]
    if last - first < span.MAX_ANSWER:
        logits = np.full((item.tokens, 2), -9.0)
        logits[first, 0] = logits[last, 1] = 9.0
        assert span.decode([logits], [item], [example], ()) == [text]
    return text


@modest
@given(names, sentences, st.data())
@example("like XLM-R", ["cafe\u0301", "is"], None)
@example("trained", ["\u1112\u1161\u11ab", "국"], None)
@example("trained", ["a", "ﬁ", "b"], None)
def test_an_answer_of_whole_words_comes_back_character_for_character(name, chosen, data):
    """Up to characters at its ends that the normaliser drops, as a zero-width space."""
    first = data.draw(st.integers(0, len(chosen) - 1)) if data else 0
    last = data.draw(st.integers(first, len(chosen) - 1)) if data else 0
    context = " ".join(chosen)
    start = sum(len(word) + 1 for word in chosen[:first])
    answer = " ".join(chosen[first : last + 1])
    example = asked(context, start, start + len(answer))
    (item,) = span.encode([example], TOKENIZERS[name], WHOLE, ())
    if not bare(answer):
        return
    text = found(item, example)
    assert text == answer or bare(text) == bare(answer)
    assert text in answer


@modest
@given(names, sentences, st.data())
def test_any_answer_lies_in_the_smallest_span_of_tokens_that_holds_it(name, chosen, data):
    context = " ".join(chosen)
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    example = asked(context, start, end)
    (item,) = span.encode([example], TOKENIZERS[name], WHOLE, ())
    if not bare(example.answers[0]):
        return
    first, last = item.target
    assert bare(example.answers[0]) in found(item, example)
    for token in (first, last):
        assert item.detail[token, 0] < end and item.detail[token, 1] > start, "a token less would do"
        assert TOKENIZERS[name].id_to_token(item.sequences[0].ids[token]) != "▁", (
            "a space holds no part of it"
        )


@modest
@given(names, sentences, st.integers(16, 60), st.integers(0, 59), st.data())
def test_an_answer_that_fits_is_whole_in_a_window_and_reads_the_same_in_each(
    name, chosen, limit, stride, data
):
    context = " ".join(chosen)
    start = data.draw(st.integers(0, len(context) - 1))
    example = asked(context, start, data.draw(st.integers(start + 1, len(context))))
    (whole,) = span.encode([example], TOKENIZERS[name], WHOLE, ())
    items = span.encode([example], TOKENIZERS[name], Recipe(max_length=limit, stride=stride), ())
    assert all(item.tokens <= limit for item in items)
    inside = [item for item in items if item.target != (0, 0)]
    if whole.target == (0, 0):
        assert not inside, "nothing but space"
        return
    assert {found(item, example) for item in inside} <= {found(whole, example)}
    room = limit - (whole.tokens - len(TOKENIZERS[name].encode(context, add_special_tokens=False).ids))
    fits = whole.target[1] - whole.target[0] <= min(stride, 3 * room // 4)
    assert inside or not fits


@modest
@given(names, sentences, st.integers(24, 60), st.integers(0, 12))
def test_windows_are_those_of_the_tokenizer_itself(name, chosen, limit, stride):
    tokenizer, context = TOKENIZERS[name], " ".join(chosen)
    items = span.encode(
        [asked(context, question="wo?")], tokenizer, Recipe(max_length=limit, stride=stride), ()
    )
    tokenizer.enable_truncation(limit, stride=stride, strategy="only_second")
    first = tokenizer.encode("wo?", context)
    expected = [encoding.ids for encoding in [first, *first.overflowing]]
    assert [list(item.sequences[0].ids) for item in items] == expected


@modest
@given(names, sentences)
def test_each_visible_character_of_the_context_has_a_token(name, chosen):
    context = " ".join(chosen)
    (item,) = span.encode([asked(context)], TOKENIZERS[name], WHOLE, ())
    covered = np.zeros(len(context), dtype=bool)
    for start, end in item.detail[item.detail[:, 0] >= 0]:
        assert context[start:end] == context[start:end].strip() != ""
        covered[start:end] = True
    shown = range(len(context))[context.find(bare(context)) :][: len(bare(context))]
    lost = {context[place] for place in shown if not covered[place]}
    assert all(not bare(character) for character in lost), lost


@modest
@given(names, words, sentences, st.integers(8, 60), st.integers(0, 2**32 - 1))
def test_no_prediction_reads_outside_the_context(name, question, chosen, limit, seed):
    """Scores highest at the question and the special tokens, which stand for no characters."""
    example = asked(" ".join(chosen), question=question)
    items = span.encode([example], TOKENIZERS[name], Recipe(max_length=limit, stride=8), ())
    random = np.random.default_rng(seed)
    outputs = [random.normal(size=(item.tokens, 2)) + 99.0 * (item.detail < 0) for item in items]
    (text,) = span.decode(outputs, items, [example], ())
    assert text in example.context and text == text.strip()
    assert bool(text) == any((item.detail >= 0).any() for item in items)


BLANK = [(name, text) for name in TOKENIZERS for text in ("", "   ", "\n\t\u3000")]


@pytest.mark.parametrize(("name", "context"), [*BLANK, ("like XLM-R", "\x01\u200b\ufeff")])
def test_a_context_without_text_has_one_window_and_no_answer(name, context):
    items = span.encode([asked(context)], TOKENIZERS[name], Recipe(), ())
    assert len(items) == 1 and items[0].target == (0, 0)
    assert span.decode([np.zeros((items[0].tokens, 2))], items, [asked(context)], ()) == [""]


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("limit", [8, 24, 128])
def test_one_word_longer_than_a_window_slides_like_any_text(name, limit):
    context = "Rhein" * 60
    example = asked(context, 150, 155)
    items = span.encode([example], TOKENIZERS[name], Recipe(max_length=limit, stride=limit // 4), ())
    assert len(items) > 1 and all(item.tokens <= limit for item in items)
    (whole,) = span.encode([example], TOKENIZERS[name], WHOLE, ())
    texts = {found(item, example) for item in items if item.target != (0, 0)}
    assert texts <= {found(whole, example)}
    assert texts or limit == 8


@pytest.mark.parametrize("limit", [8, 16, 128, 384])
def test_a_long_question_keeps_its_first_tokens_and_leaves_room_for_the_context(limit):
    example = asked("so it is", 3, 5, question="why " * 200)
    items = span.encode([example], TRAINED, Recipe(max_length=limit), ())
    kept = min(64, limit // 2 - 2)
    question = TRAINED.encode(example.question, add_special_tokens=False).ids[:kept]
    for item in items:
        assert item.tokens <= limit
        assert list(item.sequences[0].ids)[: kept + 3] == [0, *question, 2, 2]
    assert any(item.target != (0, 0) for item in items) or limit == 8


def test_a_long_question_does_not_multiply_the_windows():
    context = " ".join(SCRIPTS * 4)
    tokens = len(TRAINED.encode(context, add_special_tokens=False).ids)
    items = span.encode(
        [asked(context, question="why " * 99)], TRAINED, Recipe(max_length=128, stride=64), ()
    )
    assert len(items) < tokens / 10


def test_an_empty_question_is_a_question():
    (item,) = span.encode([asked("so it is", 3, 5, question="")], TRAINED, Recipe(), ())
    assert list(item.sequences[0].ids[:3]) == [0, 2, 2] and found(item, asked("so it is")) == "it"


@pytest.mark.parametrize("odd", [odd for odd in ODD if bare(odd)])
@pytest.mark.parametrize("name", TOKENIZERS)
def test_an_odd_sequence_between_words_comes_back_whole(name, odd):
    context = f"Köln {odd} Rhein"
    example = asked(context, 5, 5 + len(odd))
    (item,) = span.encode([example], TOKENIZERS[name], WHOLE, ())
    assert found(item, example) == odd


def test_span_loss_does_not_depend_on_what_it_is_batched_with():
    recipe = Recipe()
    examples = [Question(str(i), "wo?", text, (text[:4],), (0,)) for i, text in enumerate(SCRIPTS[:4])]
    items = span.encode(examples, TRAINED, recipe, ())

    def head(hidden, dropout):
        return hidden[:, :2]

    def loss(chosen):
        batch = span.batch(chosen, np.random.default_rng(0), recipe)
        hidden = torch.sin(batch.ids.float()[:, None] * torch.arange(1, 4))
        return loss_of(span, head, hidden, batch, recipe, lambda x: x)

    apart = torch.stack([loss([item]) for item in items]).mean()
    assert torch.allclose(loss(items), apart, atol=1e-6)
