"""LAReQA's pool by hand and on real rows, its English sentences, and languages that share one pool."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.test_whole import REAL, SMALL
from xadapt import experiment
from xadapt.examples import Passage
from xadapt.sources import origins, rows
from xadapt.stages.data import Counts
from xadapt.stages.predict import Predict
from xadapt.stages.score import Score
from xadapt.task import Placed, sources
from xadapt.tasks import task
from xadapt.tasks.lareqa import LANGUAGES, english_sentences, gather
from xadapt.workflow import execute
from xadapt.workflow.context import Context
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store


def row(name: str, context: str, start: int, breaks: list[tuple[int, int]] | None = None) -> dict[str, Any]:
    answers = {"text": [context[start : start + 1]], "answer_start": [start]}
    made: dict[str, Any] = {"id": name, "question": f"{name}?", "context": context, "answers": answers}
    return made if breaks is None else made | {"sentence_breaks": breaks}


def read(*found: list[dict[str, Any]]) -> tuple[list[Passage], Counter[str]]:
    """What is made of the rows of several sources, and what was dropped."""
    counts = Counts()
    placed = (Placed(number, "at", each) for number, every in enumerate(found) for each in every)
    return list(gather(placed, counts.drop)), counts.dropped


def test_a_question_is_answered_in_every_language_and_asked_in_its_own() -> None:
    own = [row("q1", "Ab. Cd.", 4, [(0, 3), (4, 7)]), row("q2", "Ab. Cd.", 0, [(0, 3), (4, 7)])]
    other = [row("q1", "xy", 1, [(0, 2)]), row("q3", "zz", 0, [(0, 2)])]
    found, dropped = read(own, other)
    assert found == [
        Passage("0.0", "Ab.", "candidate", pair="Ab. Cd."),
        Passage("0.1", "Cd.", "candidate", pair="Ab. Cd."),
        Passage("1.0", "xy", "candidate", pair="xy"),
        Passage("2.0", "zz", "candidate", pair="zz"),
        Passage("q1", "q1?", "query", ("0.1", "1.0")),
        Passage("q2", "q2?", "query", ("0.0",)),
    ]
    assert not dropped


def test_a_sentence_that_says_the_same_answers_too() -> None:
    found, _ = read([row("q", "A. B. A.", 6, [(0, 2), (3, 5), (6, 8)])])
    assert found[-1].relevant == ("0.0", "0.2"), "as in LAReQA's own reader, by text"


def test_a_question_whose_answer_is_in_no_sentence_is_dropped_but_its_paragraph_stays() -> None:
    found, dropped = read([row("q", "ab cd", 2, [(0, 2), (3, 5)])])
    assert [each.side for each in found] == ["candidate", "candidate"]
    assert dropped == {"answer in no sentence": 1}
    blind = row("q", "ab", 0, [(0, 2)]) | {"answers": {"text": [], "answer_start": []}}
    assert read([blind]) == ([], {"no label": 1})
    elsewhere = row("q", "ab", 0, [(0, 2)]) | {"answers": {"text": ["z"], "answer_start": [0]}}
    assert read([elsewhere]) == ([], {"answer not in the context": 1})


def test_other_languages_must_say_where_their_sentences_are() -> None:
    found, _ = read([row("q", "He came. She left.", 9)])
    assert [each.text for each in found] == ["He came.", "She left.", "q?"]
    with pytest.raises(KeyError, match="sentence_breaks"):
        read([row("q", "a", 0, [(0, 1)])], [row("q", "b", 0)])


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ("Mr. Smith met J. R. Ewing. He left at 5 p.m. on Monday.", None),
        ('He said "Never." She left.', ['He said "Never."', "She left."]),
        ("In the U.S. Army, e.g. Bob.", None),
        ("It grew by 3.5 percent. 20 others did not.", ["It grew by 3.5 percent.", "20 others did not."]),
        ("no end", ["no end"]),
        ("Ends in space.  ", None),
    ],
)
def test_english_sentences(text: str, sentences: list[str] | None) -> None:
    found = [text[start:end] for start, end in english_sentences(text)]
    if sentences is not None:
        assert found == sentences
    assert " ".join(found).split() == text.split(), "nothing is lost"


def test_abbreviations_end_no_sentence() -> None:
    assert len(english_sentences("Mr. Smith met J. R. Ewing. He left at 5 p.m. on Monday.")) == 2
    assert len(english_sentences("Dr. No came on Jan. 5 to St. Louis vs. Ohio.")) == 1


@pytest.mark.skipif(not REAL.is_dir(), reason="no real rows beside the repository")
def test_english_sentences_are_those_of_the_benchmark() -> None:
    lines = (REAL / "lareqa" / "en" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    every = {each["context"]: each["sentence_breaks"] for each in map(json.loads, lines)}
    same = [set(english_sentences(text)) & set(map(tuple, breaks)) for text, breaks in every.items()]
    assert sum(map(len, same)) >= 0.98 * sum(map(len, every.values()))


@pytest.mark.skipif(not REAL.is_dir(), reason="no real rows beside the repository")
def test_real_rows_have_an_answer_in_every_language_of_the_folder() -> None:
    what = task("lareqa")
    assert what.test and what.train
    there = [code for code in LANGUAGES if (REAL / "lareqa" / code / "test.jsonl").is_file()]
    found = origins(sources(what.test("zh")), "folder", REAL, None)
    assert [each.name.split("/")[1] for each in found] == ["zh", *(c for c in there if c != "zh")]
    counts = Counts()
    passages = list(gather(rows(found, REAL, Counter()), counts.drop))
    queries = [each for each in passages if each.side == "query"]
    candidates = {each.id: each for each in passages if each.side == "candidate"}
    assert len(queries) == 155 and not counts.dropped and len(there) > 1
    assert all(len(each.relevant) == len(there) for each in queries)
    assert all(name in candidates for each in queries for name in each.relevant)
    train = origins(sources(what.train), "folder", REAL, None)
    pairs = [each for each in gather(rows(train, REAL, Counter()), counts.drop) if each.side == "query"]
    assert len(pairs) > 3000 and all(len(each.relevant) >= 1 for each in pairs)


def test_the_pool_is_of_every_language_of_the_toy_world() -> None:
    from xadapt import toyworld

    what = task("lareqa")
    assert what.test
    found = origins(sources(what.test("qab")), "toyworld", None, 5)
    assert len(found) == len(toyworld.LANGUAGES)
    queries = [each for each in gather(rows(found, None, Counter()), Counts().drop) if each.side == "query"]
    assert [len(each.relevant) for each in queries] == [len(found)] * 5


def predicted(folder: Path, apart: bool) -> tuple[list[int], list[float]]:
    """Tokens that the prediction of each language read, and its score; `apart` in a call for each."""
    folder.mkdir()
    path, store = folder / "search.toml", Store(folder / "store")
    path.write_text(SMALL.format(name="lareqa", world="toyworld", languages='["en", "qaa"]'))
    plan = Plan.of(experiment.load(str(path)).goals())
    fits = (lambda stages: len(stages) == 1) if apart else None
    outcomes = execute.run(plan, Context(store, device="cpu"), fits=fits)
    assert all(outcome.error is None for outcome in outcomes)
    made = [s for s in plan.stages if isinstance(s, Score) and isinstance(s.predictions, Predict)]
    read = [store.record(score.predictions.digest).notes["tokens"] for score in made]
    return read, [json.loads((store.path(score) / "score.json").read_text())["value"] for score in made]


@pytest.mark.slow
def test_a_pool_is_encoded_once_for_languages_that_run_together(tmp_path: Path) -> None:
    apart, expected = predicted(tmp_path / "apart", apart=True)
    together, found = predicted(tmp_path / "together", apart=False)
    assert together[0] == apart[0] and together[1] < 0.2 * apart[1]
    assert found == pytest.approx(expected, abs=0.1)
