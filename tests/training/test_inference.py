"""Prediction: languages share batches, a text of one pool is encoded once, answers are those of one alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from xadapt.examples import Passage
from xadapt.modeling.assemble import Assembled
from xadapt.recipe import Recipe
from xadapt.task_types import task_type
from xadapt.task_types.items import Item, Tokens
from xadapt.training import answering, inference, recurring
from xadapt.training.answering import Answer, Answering
from xadapt.training.inference import _answers, _Asked, _portions
from xadapt.training.precision import accelerator
from xadapt.training.restore import Base
from xadapt.workflow.context import Context

from .small import EXAMPLES, PLANS, sentence, slots


def asked(items: Sequence[Item]) -> _Asked:
    return _Asked(None, Path(), items, [], 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_stages_that_share_batches_are_answered_as_alone(kind, encoder, tokenizer, monkeypatch):
    ground = Base(encoder, tokenizer, accelerator("cpu", "fp32"), "small")
    assembled = Assembled([slots()[kind]], encoder.config)
    head = task_type(kind).head(encoder, ("a", "b"), 5)
    one = Answering(task_type(kind), head, ("a", "b"), PLANS[kind], assembled, ground)
    monkeypatch.setitem(answering.TOKENS, "cpu", 60)
    half = len(EXAMPLES[kind]) // 2
    rows = EXAMPLES[kind][:half], EXAMPLES[kind][half:]
    items = [one.encode(each) for each in rows]
    together = _answers(one, [asked(each) for each in items], {})
    for own, shared, examples in zip(items, together, rows, strict=True):
        alone = one.forward(own)
        for a, b in zip(alone, shared, strict=True):
            assert np.allclose(a.output, b.output, atol=1e-5)
            assert a.attention.keys() == b.attention.keys()
            assert all(np.allclose(a.attention[site], b.attention[site], atol=1e-5) for site in a.attention)
        assert one.predictions(alone, own, examples) == one.predictions(shared, own, examples)


class Fake:
    """Answers each item with its first token, and remembers what it was asked for."""

    def __init__(self, pool: bool) -> None:
        self.kind: Any = SimpleNamespace(ONE_POOL=pool)
        self.asked: list[list[int]] = []

    def forward(self, items: Sequence[Item]) -> list[Answer]:
        firsts = [int(item.sequences[0].ids[0]) for item in items]
        self.asked.append(firsts)
        return [Answer(np.array([first]), {}) for first in firsts]


def item(first: int, size: int = 3) -> Item:
    return Item(0, (Tokens(np.full(size, first, dtype=np.int32)),))


def firsts(found: Sequence[Sequence[Answer]]) -> list[list[int]]:
    return [[int(answer.output[0]) for answer in answers] for answers in found]


def test_texts_of_all_stages_are_forwarded_at_once():
    fake, stages = Fake(False), [asked([item(1), item(2)]), asked([item(2)])]
    assert firsts(_answers(fake, stages, {})) == [[1, 2], [2]]
    assert fake.asked == [[1, 2, 2]] and [stage.tokens for stage in stages] == [6, 3]


def test_a_text_of_one_pool_is_encoded_once_and_no_more_than_a_portion_at_a_time(monkeypatch):
    monkeypatch.setattr(inference, "AT_ONCE", 7)
    fake, known = Fake(True), {}
    stages = [asked([item(1), item(2), item(1), item(3)]), asked([item(3), item(4), item(1, 4)])]
    assert firsts(_answers(fake, stages, known)) == [[1, 2, 1, 3], [3, 4, 1]]
    assert fake.asked == [[1, 2], [3], [4, 1]] and [stage.tokens for stage in stages] == [9, 7]
    assert firsts(_answers(fake, [asked([item(2)])], known)) == [[2]] and len(fake.asked) == 3


class Sharing(Fake):
    """Items whose detail is 1 recur."""

    def __init__(self) -> None:
        super().__init__(False)
        self.kind = SimpleNamespace(recurs=lambda item: item.detail == 1)


@pytest.mark.parametrize("kept", [2**31, 16, 0])
def test_what_recurs_is_answered_once_while_there_is_room(monkeypatch, kept):
    monkeypatch.setattr(recurring, "KEPT", kept)
    monkeypatch.setattr(inference, "AT_ONCE", 12)
    fake, written = Sharing(), []
    monkeypatch.setattr(inference, "_answering", lambda *_: fake)
    monkeypatch.setattr(inference, "_finish", lambda one, answers, *_: written.append(firsts([answers])[0]))
    fake.memory = lambda *_: {}
    texts = ([1, 2], [7, 8, 9]), ([3], [8, 9, 7]), ([7, 4], [9])
    stages = [
        asked([*(item(n) for n in own), *(replace(item(n), detail=1) for n in english)])
        for own, english in texts
    ]
    for one in stages:
        one.stage = SimpleNamespace(reading=SimpleNamespace(layer=0), module=None)
    inference._predict(stages, None, Context(store=None))
    assert written == [own + english for own, english in texts]
    # Each answer has 8 bytes.
    again = {2**31: ([3], [7, 4]), 16: ([3, 9], [7, 4, 9]), 0: ([3, 8, 9, 7], [7, 4, 9])}[kept]
    assert fake.asked == [[1, 2, 7, 8, 9], *again], "an own text that reads as an English one is its own"
    assert [one.tokens for one in stages] == [15, *(3 * len(each) for each in again)]


def test_what_recurs_within_one_portion_is_answered_once():
    fake = Sharing()
    texts = ([1, 2], [7, 8]), ([7], [8, 9, 7, 9]), ([3, 3], [5])
    stages = [
        asked([*(item(n) for n in own), *(replace(item(n), detail=1) for n in english)])
        for own, english in texts
    ]
    known = {recurring.key(item(5)): Answer(np.array([5]), {})}
    assert firsts(_answers(fake, stages, known)) == [own + english for own, english in texts]
    assert fake.asked == [[1, 2, 7, 8, 7, 9, 3, 3]], "an own text that reads as an English one is its own"
    assert [one.tokens for one in stages] == [12, 6, 6]


def test_bitext_of_several_calls_is_mined_as_of_one(encoder, tokenizer, monkeypatch):
    """Two languages with English sentences in common, in one portion and in two."""
    kind = task_type("mining")
    ground = Base(encoder, tokenizer, accelerator("cpu", "fp32"), "small")
    assembled = Assembled([slots()["classification"]], encoder.config)
    one = Answering(kind, None, (), Recipe(max_length=32), assembled, ground)
    english = [Passage(f"en-{n}", sentence(n, 5), "candidate") for n in range(6)]
    pairs = [
        [*(Passage(f"{at}-{n}", sentence(n + at, 6), "query") for n in range(4)), *english[at : at + 4]]
        for at in (0, 2)
    ]
    items = [one.encode(examples) for examples in pairs]
    known: dict[bytes, Answer] = {}
    stages = [asked(each) for each in items]
    for stage, own, examples in zip(stages, items, pairs, strict=True):
        (found,) = _answers(one, [stage], known)
        recurring.keep(one, own, found, known)
        alone = one.forward(own)
        for a, b in zip(alone, found, strict=True):
            assert np.allclose(a.output, b.output, atol=2e-3) and a.output.dtype == b.output.dtype
        mined, expected = one.predictions(found, own, examples), one.predictions(alone, own, examples)
        assert [each and each["targets"] for each in mined] == [each and each["targets"] for each in expected]
    assert len(known) == 6 and all(answer.output.base is None for answer in known.values())
    common = sum(item.tokens for item in items[1][4:6])
    assert stages[1].tokens == sum(item.tokens for item in items[1]) - common


def test_portions_are_consecutive_and_bounded(monkeypatch):
    monkeypatch.setattr(inference, "AT_ONCE", 10)
    found = list(_portions([4, 6, 1, 12, 3, 7, 1], lambda size: size))
    assert found == [[4, 6], [1], [12], [3, 7], [1]] and list(_portions([], len)) == []
