"""What happens in the world: single clauses, with the regularities that text shows and tasks ask about."""

from __future__ import annotations

from functools import cache
from random import Random

from xadapt.toyworld.concepts import (
    CITIES,
    COLOURS,
    DAYS,
    FIRMS,
    GENERAL_VERBS,
    GIVING_VERBS,
    JOBS,
    KIND_OF,
    LARGEST_NUMBER,
    LAST_NAMES,
    NAMESAKES,
    NOUNS,
    RESTING_VERBS,
    SCRIPTS,
    SIZES,
    SYNONYMS,
)
from xadapt.toyworld.meaning import Asked, Clause, Filler, Name, Thing, Word
from xadapt.toyworld.partition import Side, agents
from xadapt.toyworld.seeds import stream

TYPICAL = 0.8  # how often a thing has a colour, or an event a place, that is usual for it


@cache
def typical_colours(noun: str) -> tuple[str, ...]:
    return tuple(stream("colours", KIND_OF[noun], noun).sample(COLOURS, 2))


@cache
def typical_cities(noun: str) -> tuple[str, ...]:
    return tuple(stream("cities", KIND_OF[noun]).sample(CITIES, 3))


def word(rng: Random, concept: str) -> Word:
    return Word(concept, rng.randrange(2) if concept in SYNONYMS else 0)


def person(rng: Random, about: str, side: Side, full: float = 0.15) -> Name:
    first = rng.choice(agents(about, side))
    return Name("PER", (first, rng.choice(LAST_NAMES)) if rng.random() < full else (first,))


def other_person(rng: Random, about: str, side: Side, than: tuple[Filler, ...]) -> Name:
    """Somebody who shares no name with those in `than`."""
    taken = {part for name in than if isinstance(name, Name) for part in name.words}
    while True:
        name = person(rng, about, side, full=0.0)
        if not taken.intersection(name.words):
            return name


def city(rng: Random, noun: str | None = None) -> Name:
    usual = noun is not None and rng.random() < TYPICAL
    return Name("LOC", (rng.choice(typical_cities(noun) if noun and usual else CITIES),))


def firm(rng: Random) -> Name:
    return Name("ORG", (rng.choice(NAMESAKES if rng.random() < 0.5 else FIRMS),))


def day(rng: Random) -> Word:
    return Word(rng.choice(DAYS))


def colour(rng: Random, noun: str) -> str:
    return rng.choice(typical_colours(noun) if rng.random() < TYPICAL else COLOURS)


def thing(rng: Random, noun: str | None = None) -> Thing:
    noun = noun or rng.choice(NOUNS)
    return Thing(
        word(rng, noun),
        size=word(rng, rng.choice(SIZES)) if rng.random() < 0.2 else None,
        colour=colour(rng, noun) if rng.random() < 0.5 else None,
        number=rng.randint(2, LARGEST_NUMBER) if rng.random() < 0.15 else 1,
    )


def known(item: Thing) -> Thing:
    """The same thing, mentioned again."""
    return Thing(item.noun, number=item.number, definite=True)


def verb_for(rng: Random, noun: str) -> Word:
    return word(rng, rng.choice(SCRIPTS[KIND_OF[noun]] if rng.random() < 0.65 else GENERAL_VERBS))


def event(rng: Random, side: Side, giving: float = 0.25, noun: str | None = None) -> Clause:
    """Somebody does something with a thing, perhaps for somebody, somewhere, some day."""
    item = thing(rng, noun)
    about = item.noun.concept
    agent = person(rng, about, side)
    gives = rng.random() < giving
    return Clause(
        word(rng, rng.choice(GIVING_VERBS)) if gives else verb_for(rng, about),
        agent,
        item,
        recipient=other_person(rng, about, side, (agent,)) if gives else None,
        place=city(rng, about) if rng.random() < 0.45 else None,
        day=day(rng) if rng.random() < 0.35 else None,
        moved=rng.random() < 0.3,
    )


def state(rng: Random, side: Side) -> Clause:
    """What somebody is, or where somebody lives, works or rests."""
    chance = rng.random()
    if chance < 0.3:
        job = rng.choice(JOBS)
        return Clause(Word("be"), person(rng, job, side), Thing(word(rng, job)))
    if chance < 0.55:
        employer = firm(rng)
        return Clause(Word("work"), person(rng, employer.words[-1], side), employer=employer)
    if chance < 0.75:
        home = city(rng)
        return Clause(Word("live"), person(rng, home.words[-1], side), place=home)
    verb = word(rng, rng.choice(RESTING_VERBS))
    return Clause(verb, person(rng, verb.concept, side), place=city(rng) if rng.random() < 0.6 else None)


def fact(rng: Random) -> Clause:
    """What a thing is, in general."""
    noun = rng.choice(NOUNS)
    return Clause(Word("be"), Thing(word(rng, noun)), Thing(Word(KIND_OF[noun])))


def reworded(rng: Random, clause: Clause) -> Clause:
    """The same meaning with every synonym drawn afresh."""
    patient, when = clause.patient, clause.day
    if isinstance(patient, Thing):
        size = word(rng, patient.size.concept) if patient.size else None
        patient = patient._replace(noun=word(rng, patient.noun.concept), size=size)
    if when is not None and not isinstance(when, Asked):
        when = word(rng, when.concept)
    return clause._replace(verb=word(rng, clause.verb.concept), patient=patient, day=when)
