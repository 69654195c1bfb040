"""Searches in a pool of several languages (LAReQA, Mewsli-X): the answering sentence, the entity meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from xadapt.toyworld import events, layouts
from xadapt.toyworld.concepts import LAST_NAMES
from xadapt.toyworld.dialects import LANGUAGES
from xadapt.toyworld.grammar import filling, say, speaker, text
from xadapt.toyworld.meaning import Clause, Name, thing_of
from xadapt.toyworld.partition import Side, is_told_in
from xadapt.toyworld.seeds import stream
from xadapt.toyworld.stories import SLOT_OF_ROLE

Row = dict[str, Any]
ENTITIES, PAIRS = "candidate_entities", "wikipedia_pairs"


def lareqa(side: Side, split: str, language: str) -> Iterator[Row]:
    """SQuAD's columns without the title, and where the sentences stand; no question is asked twice."""
    seen: set[str] = set()
    for index in count():
        row = layouts.squad(stream("lareqa", split, index), side, language, index)
        english = layouts.squad(stream("lareqa", split, index), side, "en", index)["question"]
        if english in seen:
            continue
        seen.add(english)
        del row["title"]
        breaks = [list(found.span()) for found in re.finditer(r"[^. ][^.]*\.", row["context"])]
        sentences = [row["context"][start:end] for start, end in breaks]
        yield {**row, "sentences": sentences, "sentence_breaks": breaks}


def _known_for(side: Side, split: str) -> Iterator[Clause]:
    """What each entity, a person by full name, is known for; there are others of the same name."""
    seen: set[tuple[object, ...]] = set()
    for index in count():
        rng = stream("mewslix", side, split, index)
        clause = events.event(rng, side)
        assert isinstance(clause.agent, Name)
        first, *last = clause.agent.words
        name = Name("PER", (first, *(last or [rng.choice(LAST_NAMES)])))
        key = (name, clause.verb.concept, thing_of(clause).noun.concept)
        if key not in seen and is_told_in(split, key):
            seen.add(key)
            yield clause._replace(agent=name)


def _mention(clause: Clause, language: str) -> str:
    """The name, and behind it the sentence with the name in braces."""
    tokens = speaker(language).clause(clause)
    places = filling(tokens, SLOT_OF_ROLE["agent"])
    left, name, right = map(
        text, (tokens[: places.start], tokens[places.start : places.stop], tokens[places.stop :])
    )
    return f"{name}: {left} {{ {name} }} {right}".replace("  ", " ").strip()


def mewslix(side: Side, split: str, config: str) -> Iterator[Row]:
    """Row i of every config is about entity i, which is described in one of the languages."""
    for index, clause in enumerate(_known_for(side, split)):
        rng = stream("mewslix wording", side, split, index)
        name, told = f"Q{index + 1}", events.reworded(rng, clause)._replace(place=None)
        code = "en" if config == PAIRS else rng.choice(LANGUAGES)
        description = say([clause], speaker(code))
        if config == ENTITIES:
            yield {"entity_id": name, "description": description, "description_language": code}
        elif config == PAIRS:
            yield {"entity_id": name, "mention": _mention(told, "en"), "entity": description}
        else:
            yield {"example_id": f"{config}-{index}", "mention": _mention(told, config), "entity_id": name}
