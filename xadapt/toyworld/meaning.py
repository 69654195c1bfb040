"""Meanings: what a sentence says, before any language says it. Labels are read off these values alone."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from xadapt.toyworld.concepts import KIND_OF


class Word(NamedTuple):
    """A concept, and which of its two words is used where it has two.

    The choice is part of the meaning: a pair of sentences shares equally many words in every language.
    """

    concept: str
    variant: int = 0


class Name(NamedTuple):
    kind: str
    words: tuple[str, ...]


class Thing(NamedTuple):
    noun: Word
    size: Word | None = None
    colour: str | None = None
    number: int = 1
    definite: bool = False
    counted: bool = False  # "how many": the number is what the question asks for


class Asked(NamedTuple):
    """The gap of a question."""

    word: str


Filler = Name | Thing | Asked


class Clause(NamedTuple):
    verb: Word
    agent: Filler
    patient: Filler | None = None
    recipient: Filler | None = None
    place: Filler | None = None
    day: Word | Asked | None = None
    employer: Name | None = None
    negated: bool = False
    moved: bool = False  # the time or place at the other end of the sentence: same meaning, other order
    link: str | None = None
    question: bool = False


ROLES = ("agent", "patient", "recipient", "place", "day", "employer")
QUESTION_WORD = {"agent": "who", "patient": "what", "recipient": "who", "place": "where", "day": "when"}


def thing_of(clause: Clause) -> Thing:
    """The thing acted upon, of a clause known to have one."""
    if not isinstance(clause.patient, Thing):
        raise TypeError(f"not about a thing: {clause}")
    return clause.patient


def focus(clause: Clause) -> str:
    """What, together with its agent, decides whether a clause is kept for evaluation (`partition`)."""
    patient = clause.patient
    if isinstance(patient, Thing):
        return patient.noun.concept
    if isinstance(patient, Asked):
        return f"what {clause.verb.concept}"
    if clause.employer:
        return clause.employer.words[-1]
    if clause.verb.concept == "live" and isinstance(clause.place, Name):
        return clause.place.words[-1]
    return clause.verb.concept


def is_kind(concept: str) -> bool:
    """Whether a noun names a whole kind (fruit) rather than one of its members (apple)."""
    return KIND_OF.get(concept) == concept


def put(clause: Clause, role: str, filler: Filler | Word | None) -> Clause:
    """The clause with one role filled anew."""
    return clause._replace(**cast(dict[str, Any], {role: filler}))


def ask(clause: Clause, role: str) -> Clause:
    """The question that `clause` answers with its `role`."""
    plain = clause._replace(question=True, moved=False, link=None)
    if role == "number":
        thing = thing_of(clause)._replace(counted=True, definite=False)
        return plain._replace(patient=thing)
    if role != "patient" and isinstance(clause.patient, Thing) and clause.patient.number == 1:
        plain = plain._replace(patient=clause.patient._replace(definite=True))
    return put(plain, role, Asked(QUESTION_WORD[role]))
