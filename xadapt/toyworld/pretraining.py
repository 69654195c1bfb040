"""The text an encoder is pretrained on: lines in one language, with declared shares of two-language lines.

Nothing of it comes from the reserved side of the partition: no sentence of a validation or test row is here.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from xadapt.toyworld.dialects import LANGUAGES
from xadapt.toyworld.events import event, reworded, state
from xadapt.toyworld.grammar import Speaker, Switcher, filling, say, speaker, text
from xadapt.toyworld.seeds import stream
from xadapt.toyworld.stories import Story, story

PARALLEL_SHARE: Final = 0.15
"""Share of the lines of "mixed" that say the same in two languages, one of them English."""
SWITCHED_SHARE: Final = 0.15
"""Share of the lines of "mixed" in one language with words of another, one of the two English."""
SWITCHED_WORDS: Final = 0.4
"""Share of the content words of such a line that come from the other language."""
CUT_SHARE: Final = 0.4
"""Share of the other lines that are cut into text and pair, as encoders later read pairs."""


def _answer(story: Story, voice: Speaker) -> str:
    if story.answered_by is None:
        return ""
    tokens = voice.clause(story.answered_by)
    places = filling(tokens, story.slot)
    words = " ".join(tokens[place].text for place in places)
    return words[0].upper() + words[1:] + "." if voice.dialect.script != "georgian" else words + "."


def _sentences(story: Story, voice: Speaker, question_first: bool) -> list[str]:
    told = [text(voice.clause(clause)) for clause in story.clauses]
    if story.question is None or story.answered_by is None:
        return told
    question, answer = text(voice.clause(story.question)), _answer(story, voice)
    return [question, *told, answer] if question_first else [*told, question, answer]


def _line(rng: Random, voice: Speaker) -> dict[str, Any]:
    sentences = _sentences(story(rng, "open"), voice, rng.random() < 0.5)
    cut = rng.randint(1, len(sentences) - 1) if len(sentences) > 1 and rng.random() < CUT_SHARE else None
    if cut is None:
        return {"text": " ".join(sentences), "pair": None}
    return {"text": " ".join(sentences[:cut]), "pair": " ".join(sentences[cut:])}


def _parallel(rng: Random, language: str, other: str) -> dict[str, Any]:
    """Synonyms are chosen on each side apart, as two writers would."""
    clauses = [
        event(rng, "open") if rng.random() < 0.8 else state(rng, "open") for _ in range(rng.choice((1, 1, 2)))
    ]
    again = [reworded(rng, clause) for clause in clauses]
    return {"text": say(clauses, speaker(language)), "pair": say(again, speaker(other))}


def row(config: str, split: str, index: int) -> dict[str, Any]:
    rng = stream("text", config, split, index)
    if config != "mixed":
        return _line(rng, speaker(config))
    language = LANGUAGES[index % len(LANGUAGES)]
    other = rng.choice(LANGUAGES[1:]) if language == "en" else "en"
    chance = rng.random()
    if chance < PARALLEL_SHARE:
        return _parallel(rng, language, other)
    if chance < PARALLEL_SHARE + SWITCHED_SHARE:
        return _line(rng, Switcher(language, other, SWITCHED_WORDS, rng))
    return _line(rng, speaker(language))
