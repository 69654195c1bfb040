"""Text -> tokens -> text: spans and tags survive windows, scripts and odd characters."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xadapt.errors import DataError
from xadapt.examples import Choice, Classification, Pairing, Question, Tagging, Text
from xadapt.modeling.pretrained import train_tokenizer
from xadapt.recipe import Recipe
from xadapt.task_types import choice, classification, mlm, retrieval, span, tagging

SCRIPTS = [
    "Die Stadt Köln liegt am Rhein und hat viele Brücken.",
    "تقع مدينة القاهرة على نهر النيل في مصر.",
    "दिल्ली भारत की राजधानी है और यमुना के किनारे बसी है।",
    "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย",
    "北京是中华人民共和国的首都，位于华北平原。",
    "東京は日本の首都であり、人口が多い。",
    "ရန်ကုန်မြို့သည် မြန်မာနိုင်ငံ၏ အကြီးဆုံးမြို့ဖြစ်သည်။",
    "She wrote 👩‍🔬 and e\u0301tude with a zero\u200bwidth space.",
    "שלום עולם this is mixed עברית text.",
]
TOKENIZER = train_tokenizer(SCRIPTS * 5, 300)


@pytest.mark.parametrize("context", SCRIPTS)
def test_every_answer_comes_back_from_its_gold_tokens(context):
    """An answer is found again up to the tokens it shares: never less than the answer, spaces aside."""
    recipe = Recipe(max_length=24, stride=8)
    for start in range(0, len(context) - 4, 3):
        answer = context[start : start + 4].strip()
        at = context.index(answer, start)
        example = Question("q", "where?", context, (answer,), (at,))
        items = span.encode([example], TOKENIZER, recipe, ())
        assert all(item.tokens <= 24 for item in items)
        inside = [item for item in items if item.target != (0, 0)]
        for item in inside:
            logits = np.full((item.tokens, 2), -9.0)
            logits[item.target[0], 0] = logits[item.target[1], 1] = 9.0
            assert answer in span.decode([logits], [item], [example], ())[0]


def test_windows_cover_the_whole_context_and_share_the_stride():
    context = " ".join(SCRIPTS)
    items = span.encode(
        [Question("q", "x", context, (), ())], TOKENIZER, Recipe(max_length=40, stride=10), ()
    )
    covered = np.zeros(len(context), bool)
    for item in items:
        for start, end in item.detail:
            covered[max(start, 0) : max(end, 0)] = True
    assert len(items) > 3
    lost = [c for c, there in zip(context, covered, strict=True) if not (there or c.isspace())]
    assert set(lost) <= {"\u0301"}, "only an accent that the normaliser joins to its letter"
    assert all(item.target == (0, 0) for item in items)


def test_a_long_question_is_cut_to_its_limit():
    items = span.encode([Question("q", "why " * 200, "so it is", ("it",), (3,))], TOKENIZER, Recipe(), ())
    assert len(items) == 1 and items[0].tokens <= 128 and items[0].target != (0, 0)


def test_best_span_is_in_the_context_ordered_and_short():
    spans = np.array([[-1, -1], [-1, -1], [0, 2], [3, 5], [6, 8]])
    logits = np.array([[99.0, 99.0], [50, 50], [1, 9], [5, 0], [0, 3]])
    assert span._best_span(logits, spans)[1:] == (2, 2)
    logits[2] = [1, 0]
    assert span._best_span(logits, spans)[1:] == (3, 4)


def null_case(best: float, *none: float) -> tuple[list[np.ndarray], list, list[Question]]:
    """A question of as many windows as scores of "no answer"; the best span of the last one has score `best`.

    The best spans of the others have half of it.
    """
    recipe, context = Recipe(max_length=24, stride=0), " ".join(SCRIPTS[:2] * 4)
    example = Question("q", "x", context, (), ())
    items = span.encode([example], TOKENIZER, recipe, ())[: len(none)]
    assert len(items) == len(none)
    outputs = []
    for number, (item, score) in enumerate(zip(items, none, strict=True)):
        logits = np.full((item.tokens, 2), -50.0)
        logits[0] = score / 2
        at = np.flatnonzero(item.detail[:, 0] >= 0)[3]
        logits[at] = (best if number == len(none) - 1 else best / 2) / 2
        outputs.append(logits)
    return outputs, items, [example]


@pytest.mark.parametrize(
    ("best", "none", "answers"),
    [
        (4.0, (3.0,), True),
        (4.0, (4.0,), True),  # only a score above the best span's says that there is no answer
        (4.0, (5.0,), False),
        (4.0, (9.0, 3.0), True),  # the lowest over the windows counts, so one window can answer
        (4.0, (5.0, 9.0), False),
        (-6.0, (-5.0,), False),
    ],
)
def test_no_answer_wins_when_its_lowest_score_exceeds_the_best_span(best, none, answers):
    outputs, items, examples = null_case(best, *none)
    found = span.decode(outputs, items, examples, ("unanswerable",))
    start, end = items[-1].detail[np.flatnonzero(items[-1].detail[:, 0] >= 0)[3]]
    assert found == [examples[0].context[start:end].strip() if answers else ""]
    assert span.decode(outputs, items, examples, ())[0], "a task without such questions always answers"


def test_each_question_has_its_own_score_of_no_answer():
    outputs, items, examples = null_case(4.0, 9.0)
    items = [items[0], dataclasses.replace(items[0], example=1)]
    second = outputs[0].copy()
    second[0] = 0.0
    found = span.decode([outputs[0], second], items, examples * 2, ("unanswerable",))
    assert found[0] == "" and found[1]


words = st.lists(
    st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(words, st.integers(8, 30))
def test_tags_of_any_words_come_back(sentence, limit):
    """Every word that has a token keeps its tag through splitting and joining."""
    labels = ("O", "X", "Y")
    tags = tuple(labels[i % 3] for i in range(len(sentence)))
    example = Tagging("s", tuple(sentence), tags)
    recipe = Recipe(max_length=limit)
    items = tagging.encode([example], TOKENIZER, recipe, labels)
    assert all(item.tokens <= limit for item in items)
    assert sum(len(item.detail[1]) for item in items) == len(sentence)
    found = tagging.decode(
        [np.where(item.detail[1] >= 0, item.target, -1) for item in items], items, [example], labels
    )[0]
    empty = {item.detail[0] + w for item in items for w, at in enumerate(item.detail[1]) if at < 0}
    assert all(found[i] == ("O" if i in empty else tags[i]) for i in range(len(sentence)))


def test_a_tag_that_the_labels_lack_has_no_target():
    item = tagging.encode([Tagging("s", ("a", "b"), ("X", "new"))], TOKENIZER, Recipe(), ("O", "X"))[0]
    assert item.target == [1, tagging.IGNORE]


def test_tagging_reads_the_first_token_of_each_word():
    example = Tagging("s", ("Köln", "Brücken", "Rhein"), ("X", "O", "X"))
    item = tagging.encode([example], TOKENIZER, Recipe(), ("O", "X"))[0]
    ids = item.sequences[0]
    for word, at in zip(example.words, item.detail[1], strict=True):
        assert TOKENIZER.encode(word, add_special_tokens=False).ids[0] == ids[at]
    batch = tagging.batch([item, item], np.random.default_rng(0), Recipe())
    assert batch.targets["at"].tolist() == [*item.detail[1], *(item.detail[1] + item.tokens)]


def test_pairs_are_cut_to_length_and_labelled_by_name():
    examples = [Classification("1", SCRIPTS[0], SCRIPTS[3] * 5, "b"), Classification("2", "x", None, "a")]
    items = classification.encode(examples, TOKENIZER, Recipe(max_length=20), ("a", "b"))
    assert [item.target for item in items] == [1, 0]
    assert items[0].tokens == 20 and list(items[0].sequences[0]).count(2) == 3


def test_choices_are_cut_at_the_start_and_must_agree_in_number():
    long = "alpha " * 40 + "Rhein"
    items = choice.encode([Choice("1", long, ("Köln", "Stadt"), 1)], TOKENIZER, Recipe(max_length=16), ())
    assert items[0].target == 1 and len(items[0].sequences) == 2
    rhein = TOKENIZER.encode("Rhein", add_special_tokens=False).ids
    assert list(items[0].sequences[0])[: items[0].tokens].__contains__(rhein[-1])
    with pytest.raises(DataError, match="2 and 3 choices"):
        choice.encode(
            [Choice("1", "a", ("b", "c"), 0), Choice("2", "a", ("b", "c", "d"), 0)], TOKENIZER, Recipe(), ()
        )


def test_masking_hides_the_declared_share_and_no_special_token():
    lines = [Text(str(i), text, None) for i, text in enumerate(SCRIPTS * 20)]
    items = mlm.encode(lines, TOKENIZER, Recipe(), ())
    batch = mlm.batch(items, np.random.default_rng(1), Recipe(mask=0.2))
    original = np.concatenate([item.sequences[0] for item in items])
    at = batch.targets["at"].numpy()
    share = len(at) / (original >= 4).sum()
    assert abs(share - 0.2) < 0.02
    assert (original[at] >= 4).all() and (original[at] == batch.targets["token"].numpy()).all()
    shown = batch.ids.numpy()
    untouched = np.ones(len(shown), bool)
    untouched[at] = False
    assert (shown[untouched] == original[untouched]).all()
    mask = TOKENIZER.token_to_id("<mask>")
    assert abs((shown[at] == mask).mean() - 0.8) < 0.05


def test_retrieval_finds_the_foreign_line_for_each_english_one():
    examples = [Pairing("1", "a", "x"), Pairing("2", "b", "y"), Pairing("3", "c", "z")]
    foreign, english = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[[2, 0, 1]] * 7
    assert retrieval.decode([*foreign, *english], [], examples, ()) == [2, 0, 1]
    assert [item.example for item in retrieval.encode(examples, TOKENIZER, Recipe(), ())] == [
        0,
        1,
        2,
        0,
        1,
        2,
    ]


def test_span_loss_does_not_depend_on_what_it_is_batched_with():
    recipe = Recipe()
    examples = [Question(str(i), "wo?", text, (text[:4],), (0,)) for i, text in enumerate(SCRIPTS[:4])]
    items = span.encode(examples, TOKENIZER, recipe, ())

    def head(hidden, dropout):
        return hidden[:, :2]

    def loss(chosen):
        batch = span.batch(chosen, np.random.default_rng(0), recipe)
        hidden = torch.sin(batch.ids.float()[:, None] * torch.arange(1, 4))
        return span.loss(head, hidden, batch, recipe, lambda x: x)

    apart = torch.stack([loss([item]) for item in items]).mean()
    assert torch.allclose(loss(items), apart, atol=1e-6)
