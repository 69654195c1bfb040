"""The best span over windows, against plain loops that follow `run_qa` of Hugging Face's examples."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.task_types.multilingual import SCRIPTS, TRAINED, sentences
from xadapt.examples import Question
from xadapt.recipe import Recipe
from xadapt.task_types import span


def answered(
    outputs: list[np.ndarray], items: list[span.Item], context: str, nullable: bool
) -> tuple[str, float]:
    """(answer, score of no answer less score of the best span): plain loops over all pairs."""
    candidates, nulls = [], []
    for logits, item in zip(outputs, items, strict=True):
        nulls.append(logits[0, 0] + logits[0, 1])
        inside = [token for token in range(item.tokens) if item.detail[token, 0] >= 0]
        starts = sorted(inside, key=lambda token: -logits[token, 0])[:20]
        ends = sorted(inside, key=lambda token: -logits[token, 1])[:20]
        for start in starts:
            for end in ends:
                if end < start or end - start + 1 > 30:
                    continue
                text = context[item.detail[start, 0] : item.detail[end, 1]]
                candidates.append((logits[start, 0] + logits[end, 1], text))
    if not candidates:
        return "", 0.0
    score, text = max(candidates)
    difference = min(nulls) - score
    return ("" if nullable and difference > 0 else text), difference


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sentences, st.integers(16, 120), st.integers(0, 2**32 - 1), st.booleans(), st.floats(-6, 8))
def test_decoding_equals_plain_loops(chosen, limit, seed, nullable, shift):
    context = " ".join(chosen)
    example = Question("q", "where?", context, (), ())
    items = span.encode([example], TRAINED, Recipe(max_length=limit, stride=10), ())
    random = np.random.default_rng(seed)
    outputs = [random.normal(size=(item.tokens, 2)).astype(np.float32) * 3 for item in items]
    for logits in outputs:
        logits[0] += shift
    expected, difference = answered(outputs, items, context, nullable)
    if abs(difference) > 1e-5:
        assert span.decode(outputs, items, [example], ("unanswerable",) if nullable else ()) == [expected]


def test_predictions_of_several_questions_do_not_mix():
    """Each gets the best over its own windows, in the order of the questions."""
    random = np.random.default_rng(3)
    examples = [Question(str(n), "x", " ".join(SCRIPTS[n:] * 2), (), ()) for n in range(4)]
    items = span.encode(examples, TRAINED, Recipe(max_length=40, stride=9), ())
    outputs = [random.normal(size=(item.tokens, 2)) for item in items]
    together = span.decode(outputs, items, examples, ())
    for number, example in enumerate(examples):
        own = [place for place, item in enumerate(items) if item.example == number]
        expected, _ = answered([outputs[i] for i in own], [items[i] for i in own], example.context, False)
        assert len(own) > 2 and together[number] == expected


@pytest.mark.parametrize("better", [19, 20])
def test_a_start_is_one_of_the_twenty_best(better):
    """All better starts stand behind every good end, so that only one pair is left."""
    example = Question("q", "x", "Rhein" * 60, (), ())
    (item,) = span.encode([example], TRAINED, Recipe(max_length=500), ())
    place = int(np.flatnonzero(item.detail[:, 0] >= 0)[25])
    logits = np.full((item.tokens, 2), -9.0)
    logits[place - 19 : place, 1] = 4.0
    logits[place, 0] = logits[place + 1, 1] = 5.0
    logits[place + 2 : place + 2 + better, 0] = 10.0
    text = example.context[item.detail[place, 0] : item.detail[place + 1, 1]]
    assert span.decode([logits], [item], [example], ()) == [text if better == 19 else ""]


@pytest.mark.parametrize("length", [30, 31])
def test_an_answer_has_at_most_thirty_tokens(length):
    """One word, so that no token stands for space alone."""
    context = "Rhein" * 60
    (item,) = span.encode([Question("q", "x", context, (), ())], TRAINED, Recipe(max_length=500), ())
    first = int(np.flatnonzero(item.detail[:, 0] >= 0)[0])
    logits = np.zeros((item.tokens, 2))
    logits[first, 0] = logits[first + length - 1, 1] = 9.0
    text = span.decode([logits], [item], [Question("q", "x", context, (), ())], ())[0]
    assert text.startswith(context[item.detail[first, 0] : item.detail[first + 29, 1]]) == (length == 30)


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
    items = span.encode([example], TRAINED, recipe, ())[: len(none)]
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
