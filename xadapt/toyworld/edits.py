"""Changes of one word that keep the meaning, and changes of one word that do not.

Both put exactly one new word into a sentence, so how many words a pair shares says nothing about its label.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from xadapt.toyworld import events
from xadapt.toyworld.concepts import (
    DAYS,
    GIVING_VERBS,
    KIND_OF,
    KINDS,
    LARGEST_NUMBER,
    SIZES,
    SYNONYMS,
)
from xadapt.toyworld.meaning import Clause, Name, Thing, Word, is_kind, put, thing_of
from xadapt.toyworld.partition import Side, agents

Value = TypeVar("Value")


def other(rng: Random, words: tuple[str, ...], than: str) -> str:
    return rng.choice([word for word in words if word != than])


def _flipped(word: Word) -> Word:
    return word._replace(variant=1 - word.variant)


def synonym_places(clause: Clause) -> list[str]:
    """Which words of a clause have a synonym."""
    item = thing_of(clause)
    places = {"verb": clause.verb, "noun": item.noun, "size": item.size}
    return [place for place, word in places.items() if word and word.concept in SYNONYMS]


def with_synonym(rng: Random, clause: Clause) -> Clause:
    """One word replaced by its synonym: the same meaning."""
    item, place = thing_of(clause), rng.choice(synonym_places(clause))
    if place == "verb":
        return clause._replace(verb=_flipped(clause.verb))
    if place == "noun" or item.size is None:
        return clause._replace(patient=item._replace(noun=_flipped(item.noun)))
    return clause._replace(patient=item._replace(size=_flipped(item.size)))


def specific(rng: Random, clause: Clause, side: Side) -> Clause | None:
    """A thing in place of its kind: what the clause follows from."""
    item, agent = thing_of(clause), clause.agent
    if not is_kind(item.noun.concept) or not isinstance(agent, Name):
        return None
    members = [noun for noun in KINDS[item.noun.concept] if agent.words[0] in agents(noun, side)]
    return (
        clause._replace(patient=item._replace(noun=events.word(rng, rng.choice(members))))
        if members
        else None
    )


def details(clause: Clause) -> list[str]:
    """The details of which an event has only one: another value contradicts it."""
    item = thing_of(clause)
    present = {"place": clause.place, "day": clause.day, "colour": item.colour, "number": item.number > 1}
    return [detail for detail, value in present.items() if value]


def _another(draw: Callable[[], Value], than: Value) -> Value:
    """Drawn as usual: were it rarer than the first, it would tell that something was changed."""
    while (value := draw()) == than:
        pass
    return value


def with_other_detail(rng: Random, clause: Clause, detail: str) -> Clause:
    item = thing_of(clause)
    about = item.noun.concept
    if detail == "place" and isinstance(clause.place, Name):
        return clause._replace(place=_another(lambda: events.city(rng, about), clause.place))
    if detail == "day" and isinstance(clause.day, Word):
        return clause._replace(day=Word(other(rng, DAYS, clause.day.concept)))
    if detail == "colour" and item.colour:
        colour = _another(lambda: events.colour(rng, about), item.colour)
        return clause._replace(patient=item._replace(colour=colour))
    numbers = [number for number in range(2, LARGEST_NUMBER + 1) if number != item.number]
    return clause._replace(patient=item._replace(number=rng.choice(numbers)))


def without_detail(clause: Clause, detail: str) -> Clause:
    if detail in ("place", "day"):
        return put(clause, detail, None)
    item = thing_of(clause)
    bare = item._replace(colour=None) if detail == "colour" else item._replace(number=1)
    return clause._replace(patient=bare)


def with_other_agent(rng: Random, clause: Clause, side: Side) -> Clause:
    """Another first name; a surname stays, so that it is one word that changes."""
    about = thing_of(clause).noun.concept
    taken = tuple(name for name in (clause.agent, clause.recipient) if name)
    surname = clause.agent.words[1:] if isinstance(clause.agent, Name) else ()
    name = events.other_person(rng, about, side, taken)
    return clause._replace(agent=name._replace(words=(*name.words, *surname)))


def with_other_verb(rng: Random, clause: Clause) -> Clause:
    def usual() -> str:
        about = thing_of(clause).noun.concept
        return rng.choice(GIVING_VERBS) if clause.recipient else events.verb_for(rng, about).concept

    return clause._replace(verb=events.word(rng, _another(usual, clause.verb.concept)))


def with_other_noun(rng: Random, clause: Clause, side: Side) -> Clause | None:
    """Another thing of the same kind, where the agent may have to do with it on this side."""
    item, agent = thing_of(clause), clause.agent
    if is_kind(item.noun.concept) or not isinstance(agent, Name):
        return None
    nouns = KINDS[KIND_OF[item.noun.concept]]
    possible = [noun for noun in nouns if noun != item.noun.concept and agent.words[0] in agents(noun, side)]
    return (
        clause._replace(patient=item._replace(noun=events.word(rng, rng.choice(possible))))
        if possible
        else None
    )


def with_other_word(rng: Random, clause: Clause, side: Side) -> Clause:
    """Another meaning, by a word that has a synonym in place of one: nothing else tells it from a synonym."""
    item, place = thing_of(clause), rng.choice(synonym_places(clause))
    if place == "size" and item.size:
        sizes = tuple(size for size in SIZES if size in SYNONYMS)
        size = events.word(rng, other(rng, sizes, item.size.concept))
        return clause._replace(patient=item._replace(size=size))
    changed = with_other_noun(rng, clause, side) if place == "noun" else None
    if changed and "noun" in synonym_places(changed):
        return changed
    while True:
        changed = with_other_verb(rng, clause)
        if "verb" in synonym_places(changed):
            return changed


def unrelated(rng: Random, clause: Clause, side: Side) -> Clause:
    """Another agent, verb or thing: neither follows from the clause nor contradicts it."""
    chance = rng.random()
    if chance < 0.25:
        return with_other_verb(rng, clause)
    changed = with_other_noun(rng, clause, side) if chance < 0.5 else None
    return changed or with_other_agent(rng, clause, side)


def swapped(clause: Clause) -> Clause:
    """Giver and receiver changed places: the same words, another meaning."""
    if clause.recipient is None:
        raise ValueError(f"nobody to swap with: {clause}")
    return clause._replace(agent=clause.recipient, recipient=clause.agent)


def can_move(clause: Clause) -> bool:
    return clause.place is not None or clause.day is not None


def is_pliable(clause: Clause) -> bool:
    """Whether every edit applies, so that choosing a clause says nothing about the label it will serve."""
    return isinstance(clause.patient, Thing) and bool(synonym_places(clause)) and bool(details(clause))
