"""The words of each language: English as it is, the others coined once from a seed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from random import Random

from xadapt.toyworld.concepts import CITIES, CONTENT, FIRMS, FIRST_NAMES, LAST_NAMES, SMALL_WORDS, SYNONYMS
from xadapt.toyworld.dialects import ALPHABETS, DIALECTS, Dialect
from xadapt.toyworld.seeds import stream

PROPER = (*FIRST_NAMES, *LAST_NAMES, *CITIES, *FIRMS)

_IRREGULAR = """
    feed:fed sew:sewed wear:wore drive:drove write:wrote read:read eat:ate buy:bought see:saw find:found
    lose:lost sell:sold give:gave send:sent lend:lent sleep:slept sing:sang
"""
_PAST: dict[str, str] = dict(re.findall(r"(\w+):(\w+)", _IRREGULAR))


def past_of(verb: str) -> str:
    """The English past tense."""
    if verb in _PAST:
        return _PAST[verb]
    if verb.endswith("y"):
        return verb[:-1] + "ied"
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def transliterate(text: str, script: str) -> str:
    letters = ALPHABETS[script]
    written = "".join(letters.get(letter.lower(), letter) for letter in text)
    # Georgian has no capitals in running text.
    return written[:1].upper() + written[1:] if text[:1].isupper() and script != "georgian" else written


def _adapted(name: str, dialect: Dialect) -> str:
    """How a foreign name is written in a Latin-script language that changes it."""
    ending = "ü" if dialect.code == "qab" else "é"
    return (name[:-1] if name[-1] in "aeio" else name) + ending


def _cognate(word: str, ending: str) -> str:
    for english, local in (("ck", "c"), ("sh", "x"), ("ee", "i"), ("oo", "u"), ("k", "c"), ("w", "v")):
        word = word.replace(english, local)
    return word.rstrip("e") + ending


def _syllables(rng: Random, dialect: Dialect, count: int) -> str:
    onsets, vowels, codas, endings = (part.split(" ") for part in dialect.syllables)
    parts = [rng.choice(onsets) + rng.choice(vowels) for _ in range(count)]
    parts[-1] += rng.choice(codas)
    return "".join(parts) + (rng.choice(endings) if count > 1 else "")


def _coined(rng: Random, dialect: Dialect, small: bool) -> Iterator[str]:
    while True:
        yield transliterate(_syllables(rng, dialect, 1 if small else rng.choice((2, 2, 3))), dialect.script)


def _forms(rng: Random, dialect: Dialect, concept: str, taken: set[str]) -> tuple[str, ...]:
    """One word for a concept, or two where English has two; no word stands for two concepts."""
    forms: list[str] = []
    for _ in range(2 if concept in SYNONYMS else 1):
        related = concept in CONTENT and not forms and rng.random() < dialect.cognates
        words = _coined(rng, dialect, concept in SMALL_WORDS)
        if related:
            ending = rng.choice(dialect.syllables[3].split(" "))
            alike = _cognate(concept.lower(), ending) if dialect.script == "latin" else concept.lower()
            words = iter((alike, *(next(words) for _ in range(20))))
        form = next(word for word in words if word not in taken and len(word) > 1)
        taken.add(form)
        forms.append(form)
    return tuple(forms)


def _english() -> dict[str, tuple[str, ...]]:
    words = {concept: (concept,) for concept in (*SMALL_WORDS, *CONTENT, *PROPER)}
    words["be"] = ("is",)
    return words | {concept: (concept, synonym) for concept, synonym in SYNONYMS.items()}


@cache
def lexicon(code: str) -> dict[str, tuple[str, ...]]:
    """concept or name -> its words."""
    dialect = DIALECTS[code]
    if code == "en":
        return _english()
    rng, taken = stream("lexicon", code), {word for forms in _english().values() for word in forms}
    words = {concept: _forms(rng, dialect, concept, taken) for concept in (*SMALL_WORDS, *CONTENT)}
    for name in PROPER:
        if rng.random() < dialect.same_names:
            words[name] = (name,)
        elif dialect.script == "latin":
            words[name] = (_adapted(name, dialect),)
        else:
            words[name] = (transliterate(name, dialect.script),)
    return words
