"""Choices (HellaSwag, COPA, CosmosQA, CommonsenseQA, SocialIQA): what does one do with a thing, what next?

The choices differ in one word, and the context has none of these, so shared words favour no choice. What
decides is knowledge of the world (`concepts.SCRIPTS`), which every language's text shows.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from xadapt.toyworld import events
from xadapt.toyworld.concepts import KIND_OF, KINDS, NOUNS, SCRIPTS
from xadapt.toyworld.meaning import Asked, Clause, Thing, Word, thing_of
from xadapt.toyworld.partition import Side, asked_side


class Choice(NamedTuple):
    context: tuple[Clause, ...]
    endings: tuple[Clause, ...]
    label: int
    question: Clause
    cause: bool = False


class WordChoice(NamedTuple):
    question: Clause
    about: Word
    words: tuple[Word, ...]
    label: int


def _placed(rng: Random, right: Clause, wrong: list[Clause]) -> tuple[tuple[Clause, ...], int]:
    label = rng.randrange(len(wrong) + 1)
    return (*wrong[:label], right, *wrong[label:]), label


def _verbs_of_other_kinds(rng: Random, kind: str, count: int) -> list[Word]:
    kinds = rng.sample([other for other in KINDS if other != kind], count)
    return [events.word(rng, rng.choice(SCRIPTS[other])) for other in kinds]


def _steps(rng: Random, side: Side) -> list[Clause]:
    """All that one person does with one thing, first mentioned with its details."""
    item = events.thing(rng)
    about = item.noun.concept
    agent = events.person(rng, about, side)
    place = events.city(rng, about) if rng.random() < 0.4 else None
    verbs = [events.word(rng, verb) for verb in SCRIPTS[KIND_OF[about]]]
    later = [Clause(verb, agent, events.known(item)) for verb in verbs[1:]]
    return [Clause(verbs[0], agent, item, place=place), *later]


def _what_then(step: Clause) -> Clause:
    return Clause(Word("do"), step.agent, Asked("what"), question=True, link="then")


def continuation(rng: Random, side: Side, choices: int, told: int | None = None) -> Choice:
    """The first steps of a script; which sentence goes on?"""
    steps = _steps(rng, side)
    told = told or rng.choice((1, 2))
    context = [steps[0], *(step._replace(link="then") for step in steps[1:told])]
    right = steps[told]
    kind = KIND_OF[thing_of(right).noun.concept]
    wrong = [right._replace(verb=verb) for verb in _verbs_of_other_kinds(rng, kind, choices - 1)]
    endings, label = _placed(rng, right, wrong)
    return Choice(tuple(context), endings, label, _what_then(right))


def plausible(rng: Random, side: Side) -> Choice:
    """One step of a script; which sentence could come before it (cause) or after it (effect)?"""
    steps = _steps(rng, side)
    cause, at = rng.random() < 0.5, rng.randrange(2)
    premise, right = (steps[at + 1], steps[at]) if cause else (steps[at], steps[at + 1])
    premise = premise._replace(patient=steps[0].patient, place=steps[0].place)
    right = right._replace(patient=steps[1].patient, place=None)
    verb = _verbs_of_other_kinds(rng, KIND_OF[thing_of(right).noun.concept], 1)[0]
    endings, label = _placed(rng, right, [right._replace(verb=verb)])
    return Choice((premise,), endings, label, _what_then(right), cause)


def common_knowledge(rng: Random, side: Side, choices: int) -> WordChoice:
    """What does one do this with, or what is this?"""
    general = rng.random() < 0.3
    noun = rng.choice([noun for noun in NOUNS if not general or asked_side("be", noun) == side])
    kinds = rng.sample([kind for kind in KINDS if kind != KIND_OF[noun]], choices - 1)
    label = rng.randrange(choices)
    if general:
        right, wrong = Word(KIND_OF[noun]), [Word(kind) for kind in kinds]
        question = Clause(Word("be"), Thing(Word(noun)), Asked("what"), question=True)
        about = Word(noun)
    else:
        right = events.word(rng, noun)
        wrong = [events.word(rng, rng.choice(KINDS[kind])) for kind in kinds]
        about = events.word(rng, rng.choice(SCRIPTS[KIND_OF[noun]]))
        agent = events.person(rng, f"what {about.concept}", side)
        question = Clause(about, agent, Asked("what"), place=events.city(rng, noun), question=True)
    return WordChoice(question, about, (*wrong[:label], right, *wrong[label:]), label)
