"""Questions about a text: the answer stands where the row says, once, and its kind alone does not tell it."""

import re
from collections import Counter
from functools import cache
from math import sqrt

import pytest

from tests.toyworld.said import config_of, rows, words
from xadapt.toyworld import reading
from xadapt.toyworld.dialects import LANGUAGES
from xadapt.toyworld.meaning import Clause, Name, Thing
from xadapt.toyworld.seeds import stream
from xadapt.toyworld.stories import SLOT_OF_ROLE

ROLES = {slot: role for role, slot in SLOT_OF_ROLE.items()}
PASSAGES = 3000


@cache
def passages() -> tuple[reading.Passage, ...]:
    return tuple(reading.passage(stream("xquad", "test", number), "reserved") for number in range(PASSAGES))


def times(words: str, text: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["squad", "squad_v2", "xquad", "mlqa", "tydiqa"])
def test_the_answer_stands_at_its_place_and_nowhere_else(name: str, language: str) -> None:
    found = rows(name, config_of(name, language))
    unanswered = 0
    for row in found:
        assert row["answers"].keys() == {"text", "answer_start"}
        if not row["answers"]["text"]:
            unanswered += 1
            continue
        (answer,), (start,) = row["answers"]["text"], row["answers"]["answer_start"]
        assert row["context"][start : start + len(answer)] == answer
        assert times(answer, row["context"]) == 1 and times(answer, row["question"]) == 0
    share = 1 / 3 if name == "squad_v2" else 0
    assert abs(unanswered / len(found) - share) <= 4 * sqrt(share * (1 - share) / len(found))


def fits(clause: Clause, question: Clause) -> bool:
    """Whether all that a question says is so in a clause; compared here apart from `reading`."""
    same = clause.verb.concept == question.verb.concept
    for role in ("agent", "recipient", "place", "employer"):
        asked = getattr(question, role)
        same &= not isinstance(asked, Name) or asked == getattr(clause, role)
    if question.day is not None and hasattr(question.day, "concept"):
        same &= clause.day == question.day
    asked = question.patient
    if isinstance(asked, Thing) and isinstance(clause.patient, Thing):
        same &= asked.noun.concept == clause.patient.noun.concept
        same &= asked.colour in (None, clause.patient.colour)
        same &= asked.counted or asked.number == clause.patient.number
    return bool(same)


def test_one_sentence_answers_and_tells_of_the_question() -> None:
    for passage in passages():
        assert [at for at, clause in enumerate(passage.clauses) if fits(clause, passage.question)] == [
            passage.answered_by
        ]


def test_where_no_sentence_answers_none_fits() -> None:
    for number in range(300):
        passage = reading.passage(stream("unsaid", number), "reserved", answerable=False)
        assert passage.answered_by is None
        assert not any(fits(clause, passage.question) for clause in passage.clauses)


def test_several_people_act() -> None:
    agents = Counter(len({clause.agent for clause in passage.clauses}) for passage in passages())
    assert agents[1] < 0.01 * PASSAGES and agents[3] > 0.85 * PASSAGES


def of_the_kind(passage: reading.Passage) -> set[object]:
    """What of the text is of the kind asked for and not named in the question."""
    role = ROLES[passage.slot]
    if role == "number":
        return {
            c.patient.number for c in passage.clauses if isinstance(c.patient, Thing) and c.patient.number > 1
        }
    if role == "patient":
        return {c.patient.noun.concept for c in passage.clauses if isinstance(c.patient, Thing)}
    roles = ("agent", "recipient") if role in ("agent", "recipient") else (role,)
    named = {getattr(passage.question, each) for each in roles}
    return {filler for c in passage.clauses for each in roles if (filler := getattr(c, each))} - named


def test_the_kind_of_answer_does_not_give_it_away() -> None:
    """A random span of the right kind, other than those the question names, is right in 37 of 100 cases."""
    chances = [1 / len(of_the_kind(passage)) for passage in passages()]
    share = sum(chances) / PASSAGES
    half_width = 1.96 * sqrt(share * (1 - share) / PASSAGES)
    assert share + half_width < 0.40
    assert max(chances) <= 0.5, "at least two are of the kind"


def test_the_first_sentence_answers_no_more_than_the_others() -> None:
    places = Counter(passage.answered_by for passage in passages())
    third, width = PASSAGES / 3, 4 * sqrt(PASSAGES * 2 / 9)
    assert all(abs(places[place] - third) < width for place in range(reading.EVENTS))


def test_questions_of_every_kind_are_asked() -> None:
    asked = Counter(words(row["question"])[0] for row in rows("xquad", "en"))
    assert {"who", "what", "where", "when", "how"} <= set(asked)
