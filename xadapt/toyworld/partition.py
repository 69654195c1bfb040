"""Which clauses belong to evaluation: validation and test rows say only these, everything else never does.

The share is cut by agent and focus (Anna and the apple), not by whole sentence, so that a restatement, an
answer or a contradiction falls on the same side as the sentence it was made from.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from xadapt.toyworld.concepts import FIRST_NAMES
from xadapt.toyworld.meaning import Asked, Clause, Name, focus
from xadapt.toyworld.seeds import number, stream

Side = Literal["open", "reserved"]
RESERVED_NAMES = 6  # of the 24, for each focus


def side_of_split(split: str) -> Side:
    return "open" if split == "train" else "reserved"


def is_told_in(split: str, said: object) -> bool:
    """Validation and test share the reserved side; what is short enough to come up twice is told in one."""
    return split == "train" or (number("evaluation", said) % 2 == 0) == (split == "test")


@cache
def agents(about: str, side: Side) -> tuple[str, ...]:
    """The first names that clauses about `about` may have as agent on one side; always several on each."""
    kept = set(stream("partition", about).sample(FIRST_NAMES, RESERVED_NAMES))
    return tuple(name for name in FIRST_NAMES if (name in kept) == (side == "reserved"))


@cache
def asked_side(verb: str, about: str) -> Side:
    return "reserved" if number("asked", verb, about) % 4 == 0 else "open"


def side_of(clause: Clause) -> Side | None:
    """The side of a clause; None for general facts ("An apple is a fruit."), which belong to both."""
    agent = clause.agent
    if isinstance(agent, Asked):
        return asked_side(clause.verb.concept, focus(clause))
    if isinstance(agent, Name):
        return "reserved" if agent.words[0] in agents(focus(clause), "reserved") else "open"
    return None
