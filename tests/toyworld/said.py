"""What rows of the toy world say: their texts, their sentences, and the meanings of their words."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from xadapt import toyworld
from xadapt.toyworld.concepts import CONTENT
from xadapt.toyworld.dialects import DIALECTS
from xadapt.toyworld.lexicon import PROPER, lexicon, past_of

Row = dict[str, Any]
ROWS = 150
"""Test rows of each language."""
NOT_SAID = {"id", "uid", "pairID", "source_id", "target_id", "title", "split", "split_type", "round", "genre"}
NOT_SAID |= {"source_lang", "target_lang", "lang", "langs", "pos_tags", "ner_tags", "tags", "activity_label"}
NOT_SAID |= {"label", "answerKey", "reason", "ctx_b", "question_concept"}
NOT_SAID |= {"entity_id", "example_id", "description_language"}


@cache
def rows(dataset: str, config: str, split: str = "test", limit: int = ROWS) -> list[Row]:
    return list(toyworld.rows(dataset, config, split, limit))


def config_of(dataset: str, language: str) -> str:
    """MLQA names the languages of context and question."""
    return f"{language}.{language}" if dataset == "mlqa" else language


def texts(row: Row) -> Iterator[str]:
    """What a row says, apart from identifiers, labels and the answer (which is part of a text)."""
    for column, value in row.items():
        if column in NOT_SAID:
            continue
        if column == "tokens":
            yield " ".join(value)
        elif column == "choices":
            yield from value["text"]
        elif column == "question" and value in ("cause", "effect"):
            continue
        elif isinstance(value, str):
            yield value
        elif column == "endings":
            yield from value


def words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.lower()))


def sentences(text: str) -> list[str]:
    """In small letters, without what ends them; the world writes no other punctuation."""
    return [said for part in re.split(r"[.?]", text.lower()) if (said := part.strip())]


def _inflected(form: str, concept: str, code: str) -> set[str]:
    dialect = DIALECTS[code]
    if code == "en":
        return {form, form + "s", past_of(form)}
    numbers = (form, form + dialect.plural)
    return {form + dialect.past, *(n + case for n in numbers for case in ("", *dialect.case.values()))}


@cache
def meanings(code: str) -> dict[str, tuple[str, int]]:
    """Every form of a content word, a name or "never" -> its concept and which of its two words it is."""
    found: dict[str, tuple[str, int]] = {}
    for concept in (*CONTENT, *PROPER, "never"):
        for variant, form in enumerate(lexicon(code)[concept]):
            for each in _inflected(form, concept, code):
                meaning = found.setdefault(each.lower(), (concept, variant))
                assert meaning == (concept, variant), f"{code}: {each!r} means {meaning} and {concept!r}"
    return found


def meant(text: str, code: str) -> Counter[tuple[str, int]]:
    """The content words of a text by meaning, with its numbers; small words and order left out."""
    known = meanings(code)
    said = (((word, 0) if word.isdigit() else known.get(word)) for word in words(text))
    return Counter(filter(None, said))
