"""Short texts: a few clauses that hang together, as pretraining reads them."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from xadapt.toyworld import events
from xadapt.toyworld.concepts import KIND_OF, KINDS, SCRIPTS
from xadapt.toyworld.meaning import ROLES, Asked, Clause, Name, Thing, Word, ask, is_kind, put, thing_of
from xadapt.toyworld.partition import Side, agents, side_of

SLOT_OF_ROLE = {"agent": "S", "patient": "O", "recipient": "R", "place": "P", "day": "T", "number": "N"}


class Story(NamedTuple):
    clauses: list[Clause]
    question: Clause | None = None
    answered_by: Clause | None = None
    slot: str = ""  # of `answered_by`, where the answer stands


def script_steps(rng: Random, side: Side, count: int) -> list[Clause]:
    """One person takes a thing through `count` steps of what is done with things of its kind."""
    item = events.thing(rng)
    about = item.noun.concept
    agent = events.person(rng, about, side)
    verbs = SCRIPTS[KIND_OF[about]]
    first = rng.randint(0, len(verbs) - count)
    steps = [
        Clause(events.word(rng, verb), agent, events.known(item)) for verb in verbs[first : first + count]
    ]
    steps[0] = steps[0]._replace(
        patient=item,
        place=events.city(rng, about) if rng.random() < 0.4 else None,
        day=events.day(rng) if rng.random() < 0.3 else None,
    )
    return [steps[0], *(step._replace(link="then") for step in steps[1:])]


def several_events(rng: Random, side: Side, count: int) -> list[Clause]:
    """Different people, often doing alike things, so that only the details tell who did what."""
    clauses = [events.event(rng, side)]
    while len(clauses) < count:
        alike = rng.random() < 0.5
        clauses.append(_alike(rng, side, clauses[-1]) if alike else events.event(rng, side))
    return clauses


def _alike(rng: Random, side: Side, earlier: Clause) -> Clause:
    """Somebody does the same with a thing of the same kind, so that the verb still suits the thing."""
    noun = rng.choice(KINDS[KIND_OF[thing_of(earlier).noun.concept]])
    clause = events.event(rng, side, giving=1.0 if earlier.recipient else 0.0, noun=noun)
    return clause._replace(verb=events.word(rng, earlier.verb.concept))


def generalised(rng: Random, clause: Clause, side: Side) -> Clause:
    """The kind in place of the thing, where that stays on the same side of the partition."""
    item, agent = clause.patient, clause.agent
    if not isinstance(item, Thing) or not isinstance(agent, Name) or is_kind(item.noun.concept):
        return clause
    kind = KIND_OF.get(item.noun.concept)
    if kind is None or agent.words[0] not in agents(kind, side):
        return clause
    return clause._replace(patient=item._replace(noun=Word(kind)))


def restated(rng: Random, clause: Clause, side: Side) -> Clause:
    """Something that follows from a clause: other words, fewer details."""
    said = events.reworded(rng, clause)._replace(link="so", moved=rng.random() < 0.3)
    for role in ("place", "day"):
        if rng.random() < 0.4:
            said = put(said, role, None)
    if isinstance(said.patient, Thing) and said.verb.concept != "be":
        item = said.patient
        keep_colour, keep_size = rng.random() < 0.6, rng.random() < 0.6
        item = item._replace(
            colour=item.colour if keep_colour else None, size=item.size if keep_size else None
        )
        said = said._replace(patient=item)
        if rng.random() < 0.2:
            said = generalised(rng, said, side)
    return said


def contrasted(rng: Random, clause: Clause, side: Side) -> Clause:
    """The same of somebody else, or not of somebody else."""
    about = thing_of(clause).noun.concept
    agent = events.other_person(rng, about, side, (clause.agent, clause.recipient or clause.agent))
    negated = rng.random() < 0.6
    said = events.reworded(rng, clause)._replace(agent=agent)
    return said._replace(negated=negated, link="but" if negated else "also")


def askable_roles(clause: Clause) -> list[str]:
    roles = [role for role in ROLES[:5] if getattr(clause, role) is not None]
    return [*roles, "number"] if isinstance(clause.patient, Thing) and clause.patient.number > 1 else roles


def question_about(rng: Random, clause: Clause, role: str) -> Clause:
    """A question for `role`, in other words and with some details left out."""
    asked = ask(events.reworded(rng, clause), role)
    for detail in ("place", "day"):
        if not isinstance(getattr(asked, detail), Asked) and rng.random() < 0.5:
            asked = put(asked, detail, None)
    return asked


def _with_question(rng: Random, clauses: list[Clause], side: Side) -> Story:
    answering = rng.choice(clauses)
    role = rng.choice(askable_roles(answering))
    question = question_about(rng, answering, role)
    if side_of(question) != side:
        return Story(clauses)
    return Story(clauses, question, answering, SLOT_OF_ROLE[role])


def story(rng: Random, side: Side) -> Story:
    """Events or a script, then some of them said again, denied of others, or asked about."""
    clauses = (
        script_steps(rng, side, 3) if rng.random() < 0.3 else several_events(rng, side, rng.choice((1, 2, 2)))
    )
    told = [clause for clause in clauses if clause.link is None]
    if rng.random() < 0.35:
        return _with_question(rng, clauses, side)
    if rng.random() < 0.75:
        clauses.append(restated(rng, rng.choice(told), side))
    if rng.random() < 0.25:
        clauses.append(contrasted(rng, rng.choice(told), side))
    if rng.random() < 0.3:
        clauses.insert(0, events.state(rng, side))
    if rng.random() < 0.1:
        clauses.insert(0, events.fact(rng))
    return Story(clauses)
