"""Sentences and their translations among others (Tatoeba, BUCC); no sentence twice in a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from xadapt.toyworld.events import event, reworded, state
from xadapt.toyworld.grammar import say, speaker
from xadapt.toyworld.meaning import Clause
from xadapt.toyworld.partition import Side, is_told_in, side_of_split
from xadapt.toyworld.seeds import number, stream

Row = dict[str, Any]
MINED = "validation"
BLOCK = 10  # sentences of a pool for each one that has a translation in the other pool


def _clause(side: Side, name: str, split: str, index: int) -> Clause:
    rng = stream("retrieval", side, name, split, index)
    return event(rng, side) if rng.random() < 0.8 else state(rng, side)


def _plain(clause: Clause) -> Clause:
    """A clause without the choice of synonyms: two that agree in this could translate each other."""
    return reworded(stream("plain"), clause)._replace(moved=False)


def _distinct(name: str, split: str) -> Iterator[Clause]:
    """None twice, and none that another split tells."""
    seen: set[Clause] = set()
    for index in count():
        clause = _clause(side_of_split(split), name, split, index)
        plain = _plain(clause)
        if plain not in seen and is_told_in(split, plain):
            seen.add(plain)
            yield clause


def tatoeba(split: str, language: str) -> Iterator[Row]:
    """Two wordings of each meaning: translators choose among synonyms as they like."""
    for index, clause in enumerate(_distinct("tatoeba", split)):
        target = reworded(stream("tatoeba", split, index), clause)
        sentences = {
            "source_sentence": say([clause], speaker(language)),
            "target_sentence": say([target], speaker("en")),
        }
        yield {**sentences, "source_lang": language, "target_lang": "eng"}


def _place(side: str, block: int) -> int:
    """Where in its block of a pool the sentence with a translation stands."""
    return block * BLOCK + number("place", side, block) % BLOCK


def _pool(pool: str) -> Iterator[Clause]:
    """Shared clauses at the places `_place` tells, clauses of the one pool elsewhere; all distinct."""
    clauses = _distinct("bucc", MINED)
    for block in count():
        shared, *rest = [next(clauses) for _ in range(2 * BLOCK - 1)]
        own = rest[: BLOCK - 1] if pool == "source" else rest[BLOCK - 1 :]
        own.insert(_place(pool, block) % BLOCK, shared)
        yield from own


def _identified(language: str, place: int) -> str:
    return f"{language}-{place + 1:09d}"


def bucc_pool(pool: str, language: str) -> Iterator[Row]:
    code = language if pool == "source" else "en"
    for place, clause in enumerate(_pool(pool)):
        if pool == "target":
            clause = reworded(stream("bucc", place), clause)
        yield {"id": _identified(code, place), "sentence": say([clause], speaker(code)), "lang": code}


def bucc(split: str, language: str) -> Iterator[Row]:
    """Of `MINED` the pairs hidden in the two pools; those of the other splits have no pools."""
    clauses = _distinct("bucc", split)
    for block in count():
        shared, *_ = [next(clauses) for _ in range(2 * BLOCK - 1)]
        at, other = _place("source", block), _place("target", block)
        target = reworded(stream("bucc", other), shared)
        yield {
            "source_id": _identified(language, at),
            "target_id": _identified("en", other),
            "source_sentence": say([shared], speaker(language)),
            "target_sentence": say([target], speaker("en")),
            "source_lang": language,
            "target_lang": "en",
        }
