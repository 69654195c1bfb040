"""Sentence pairs: inference (MNLI, SNLI, ANLI, XNLI) and paraphrase (QQP, PAWS-X).

The second sentence is drawn from one distribution for all labels and the first made to fit the label, by
words drawn as they are everywhere, so that one of the two alone tells next to nothing. Whether the second has
a word that the first lacks is drawn apart from the label as well.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from xadapt.toyworld import edits, events
from xadapt.toyworld.concepts import KIND_OF
from xadapt.toyworld.meaning import Clause, Word, ask, thing_of
from xadapt.toyworld.partition import Side, side_of

ENTAILMENT, NEUTRAL, CONTRADICTION = range(3)
SAME_WORDS = 0.3  # share of the pairs whose second sentence has no word that the first lacks
NEGATED = 0.08
NEGATED_SAME = 0.4  # of those: then as many premises are negated under each label
OF_A_KIND = 0.12


class Pair(NamedTuple):
    first: tuple[Clause, ...]
    second: Clause
    label: int


def _pliable(rng: Random, side: Side, giving: bool) -> Clause:
    """A clause to which every edit applies."""
    while True:
        clause = events.event(rng, side, giving=1.0 if giving else 0.15)._replace(moved=False)
        if rng.random() < OF_A_KIND:
            clause = _about_kind(rng, clause, side)
        if edits.is_pliable(clause):
            return clause


def _about_kind(rng: Random, clause: Clause, side: Side) -> Clause:
    """The clause told of a whole kind, and so of somebody who may be told of with it."""
    item = thing_of(clause)
    kind = KIND_OF[item.noun.concept]
    taken = (clause.recipient,) if clause.recipient else ()
    agent = events.other_person(rng, kind, side, taken)
    return clause._replace(agent=agent, patient=item._replace(noun=Word(kind)))


def _kept(rng: Random, clause: Clause, side: Side) -> Clause:
    """What the clause follows from, in one other word: a synonym or, if it happened, a thing of the kind."""
    fits = not clause.negated and rng.random() < 0.7
    return (edits.specific(rng, clause, side) if fits else None) or edits.with_synonym(rng, clause)


def _enriched(rng: Random, clause: Clause, hypothesis: Clause, count: int) -> Clause:
    """The clause with up to `count` details more that the hypothesis has not got either."""
    item = thing_of(clause)
    about = item.noun.concept
    details = ("place", "day", "colour", "size")
    missing = [detail for detail in details if not _has(clause, detail) and not _has(hypothesis, detail)]
    for detail in rng.sample(missing, min(count, len(missing))):
        if detail == "place":
            clause = clause._replace(place=events.city(rng, about))
        elif detail == "day":
            clause = clause._replace(day=events.day(rng))
        elif detail == "colour":
            item = item._replace(colour=events.colour(rng, about))
        else:
            item = item._replace(size=events.word(rng, rng.choice(("big", "small", "old", "new"))))
    return clause._replace(patient=item)


def _has(clause: Clause, detail: str) -> bool:
    item = thing_of(clause)
    return bool({"place": clause.place, "day": clause.day, "colour": item.colour, "size": item.size}[detail])


def _premise(rng: Random, hypothesis: Clause, label: int, side: Side) -> Clause:
    """What the hypothesis follows from, or contradicts, or neither - with one other word in each case."""
    if label == ENTAILMENT:
        return _kept(rng, hypothesis, side)
    if label == CONTRADICTION and not hypothesis.negated:
        return edits.with_other_detail(rng, hypothesis, rng.choice(edits.details(hypothesis)))
    if label == CONTRADICTION:
        return _denied(hypothesis)
    if rng.random() < 0.3 and not hypothesis.negated:
        return edits.without_detail(hypothesis, rng.choice(edits.details(hypothesis)))
    return edits.unrelated(rng, hypothesis, side)


def _premise_of_same_words(hypothesis: Clause, label: int) -> Clause:
    if label == ENTAILMENT:
        return hypothesis
    return edits.swapped(hypothesis) if label == NEUTRAL else _denied(hypothesis)


def _denied(clause: Clause) -> Clause:
    return clause._replace(negated=not clause.negated)


def inference(rng: Random, side: Side, distractor: bool = False) -> Pair:
    """A premise, perhaps among other news, and a hypothesis; labels in the order of MNLI."""
    label, extras, same = rng.randrange(3), rng.choice((0, 1, 1)), rng.random() < SAME_WORDS
    hypothesis = _pliable(rng, side, giving=same)
    hypothesis = hypothesis._replace(negated=rng.random() < (NEGATED_SAME if same else NEGATED))
    premise = _premise_of_same_words(hypothesis, label) if same else _premise(rng, hypothesis, label, side)
    if not premise.negated:
        lost = len(edits.details(premise)) < len(edits.details(hypothesis))
        premise = _enriched(rng, premise, hypothesis, extras + lost)
    premise = premise._replace(moved=rng.random() < 0.3)
    told = [premise]
    if distractor:
        told.insert(rng.randrange(2), events.event(rng, side))
    return Pair(tuple(told), hypothesis, label)


def _other_meaning(rng: Random, clause: Clause, side: Side) -> Clause:
    if rng.random() < 0.5:
        return edits.with_other_detail(rng, clause, rng.choice(edits.details(clause)))
    return edits.unrelated(rng, clause, side)


def paraphrase(rng: Random, side: Side) -> Pair:
    """Two statements with the same words in another order, or all but one; label 1 if they say the same."""
    label, same = rng.randrange(2), rng.random() < 0.5
    second = _pliable(rng, side, giving=same)
    if same:
        first = second if label else edits.swapped(second)
    else:
        first = edits.with_synonym(rng, second) if label else _other_meaning(rng, second, side)
    return Pair((first._replace(moved=edits.can_move(first)),), second, label)


def duplicate(rng: Random, side: Side) -> Pair:
    """Two questions that differ in one word of those with a synonym; label 1 if they ask the same."""
    label = rng.randrange(2)
    while True:
        second = _pliable(rng, side, giving=False)
        role = rng.choice([role for role in ("agent", "place", "day") if getattr(second, role)])
        firsts = edits.with_other_word(rng, second, side), edits.with_synonym(rng, second)
        # Both are asked for, whichever is taken, so that the second question is of the same kind.
        if all(side_of(ask(clause, role)) == side for clause in (second, *firsts)):
            return Pair((ask(firsts[label], role),), ask(second, role), label)
