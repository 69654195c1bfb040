"""Questions about a text (SQuAD, XQuAD, MLQA, TyDiQA): several people, several events, one answer."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from xadapt.toyworld import edits, events
from xadapt.toyworld.meaning import ROLES, Asked, Clause, Name, Thing, Word
from xadapt.toyworld.partition import Side, side_of
from xadapt.toyworld.stories import SLOT_OF_ROLE, askable_roles, question_about, several_events

EVENTS = 3


class Passage(NamedTuple):
    clauses: tuple[Clause, ...]
    question: Clause
    answered_by: int | None  # the place of the clause; None where the text does not say
    slot: str


def _same(asked: object, told: object) -> bool:
    if isinstance(asked, Thing) and isinstance(told, Thing):
        number = asked.counted or asked.number == told.number
        return asked.noun.concept == told.noun.concept and asked.colour in (None, told.colour) and number
    if isinstance(asked, Word) and isinstance(told, Word):
        return asked.concept == told.concept
    return asked is None or isinstance(asked, Asked) or asked == told


def answers(clause: Clause, question: Clause) -> bool:
    """Whether a clause says what the question supposes."""
    if clause.verb.concept != question.verb.concept:
        return False
    return all(_same(getattr(question, role), getattr(clause, role)) for role in ROLES)


def _mentions(clause: Clause) -> list[object]:
    """The words of a clause an answer could be made of, as concepts and names."""
    said: list[object] = []
    for role in ROLES:
        filler = getattr(clause, role)
        if isinstance(filler, Name):
            said.extend(filler.words)
        elif isinstance(filler, Thing):
            said.extend((filler.noun.concept, filler.number))
        elif isinstance(filler, Word):
            said.append(filler.concept)
    return said


def _answer_words(clause: Clause, role: str) -> tuple[object, ...]:
    filler = clause.patient if role == "number" else getattr(clause, role)
    if isinstance(filler, Thing):
        return (filler.number,) if role == "number" else (filler.noun.concept,)
    return filler.words if isinstance(filler, Name) else (filler.concept,) if isinstance(filler, Word) else ()


def _candidates(clauses: list[Clause], role: str) -> int:
    """How many spans of the text are of the kind asked for."""
    people = ("agent", "recipient")
    if role == "number":
        return sum(isinstance(clause.patient, Thing) and clause.patient.number > 1 for clause in clauses)
    roles = people if role in people else (role,)
    return sum(getattr(clause, each) is not None for clause in clauses for each in roles)


def _is_fair(clauses: list[Clause], at: int, role: str, question: Clause) -> bool:
    """One clause answers, its answer stands nowhere else, and its type alone does not give it away."""
    if sum(answers(clause, question) for clause in clauses) != 1 or _candidates(clauses, role) < 2:
        return False
    mentioned = [word for clause in clauses for word in _mentions(clause)]
    return all(mentioned.count(word) == 1 for word in _answer_words(clauses[at], role))


def passage(rng: Random, side: Side, answerable: bool = True) -> Passage:
    while True:
        clauses = several_events(rng, side, EVENTS)
        at = rng.randrange(EVENTS)
        role = rng.choice(askable_roles(clauses[at]))
        question = question_about(rng, clauses[at], role)
        if side_of(question) != side or not _is_fair(clauses, at, role, question):
            continue
        if answerable:
            return Passage(tuple(clauses), question, at, SLOT_OF_ROLE[role])
        unsaid = _unsaid(rng, question, side)
        if not any(answers(clause, unsaid) for clause in clauses) and side_of(unsaid) == side:
            return Passage(tuple(clauses), unsaid, None, "")


def _unsaid(rng: Random, question: Clause, side: Side) -> Clause:
    """A question like one that has an answer, about something the text does not tell."""
    if isinstance(question.agent, Name) and isinstance(question.patient, Thing) and rng.random() < 0.5:
        return edits.with_other_agent(rng, question, side)
    while True:
        verb = events.event(rng, side, giving=1.0 if question.recipient else 0.0).verb
        if verb.concept != question.verb.concept:
            return question._replace(verb=verb)
