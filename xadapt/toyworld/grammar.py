"""From a clause to the tokens that say it in one language, each with the tags its place in the clause gives.

A pure function of clause and language: no chance here, so parallel rows say exactly the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from xadapt.toyworld.concepts import CONTENT
from xadapt.toyworld.dialects import DIALECTS, Dialect
from xadapt.toyworld.lexicon import lexicon, past_of
from xadapt.toyworld.meaning import Asked, Clause, Filler, Name, Thing, Word

_CONTENT = frozenset(CONTENT)
_SLOTS = (("recipient", "R", "to"), ("place", "P", "in"), ("employer", "F", "for"))


class Token(NamedTuple):
    text: str
    pos: str
    slot: str = ""  # the slot of the clause it fills; empty for function words around it
    entity: str = "O"
    category: str = ""  # combinatory category; the slashes are those of English order


class Speaker:
    """One language, able to say any clause."""

    def __init__(self, code: str) -> None:
        self.dialect: Dialect = DIALECTS[code]
        self.words = lexicon(code)
        self.english = code == "en"

    def word(self, concept: str, variant: int = 0) -> str:
        forms = self.words[concept]
        return forms[variant % len(forms)]

    def clause(self, clause: Clause) -> list[Token]:
        tokens = self._connective(clause) + self._arranged(clause)
        first = tokens[0]
        if self.dialect.script != "georgian":
            tokens[0] = first._replace(text=first.text[0].upper() + first.text[1:])
        tokens.append(Token("?" if clause.question else ".", "PUNCT", category="."))
        return tokens

    def _connective(self, clause: Clause) -> list[Token]:
        if clause.link is None:
            return []
        conjunction = clause.link == "but"
        text = self.word(clause.link)
        return [Token(text, "CCONJ" if conjunction else "ADV", category="conj" if conjunction else "S/S")]

    def _arranged(self, clause: Clause) -> list[Token]:
        """The parts in the order of the language; a question word, and what is moved, out of it."""
        parts = self._parts(clause)
        order = "".join(slot + "C" if slot == "O" else slot for slot in self.dialect.order)
        order = order.replace("P", "PF")
        if clause.moved:
            slot = "T" if clause.day else "P"
            rest = order.replace(slot, "")
            order = rest + slot if order.startswith(slot) else slot + rest
            if slot in parts:
                parts[slot] = [token._replace(category=_fronted(token.category)) for token in parts[slot]]
        asked = self._asked_slot(clause)
        if asked and not self.dialect.asks_in_place:
            order = asked + order.replace(asked, "")
        inverts = self.english and asked not in ("", "S")
        if inverts and clause.verb.concept == "be":
            order = asked + "V" + order.replace(asked, "").replace("V", "")
        tokens = [token for slot in order for token in parts.get(slot, ())]
        return self._with_do(tokens) if inverts and clause.verb.concept != "be" else tokens

    def _asked_slot(self, clause: Clause) -> str:
        if isinstance(clause.patient, Thing) and clause.patient.counted:
            return "O"
        if isinstance(clause.patient, Asked) and clause.verb.concept == "be":
            return "C"
        slots = zip(("agent", "patient", "recipient", "place", "day"), "SORPT", strict=True)
        return next((slot for role, slot in slots if isinstance(getattr(clause, role), Asked)), "")

    def _with_do(self, tokens: list[Token]) -> list[Token]:
        """English puts "did" after what a question asks for, and leaves the tense to it."""
        size = next(place for place, token in enumerate(tokens) if token.slot == "S")
        return [*tokens[:size], Token("did", "AUX", "V", category="(S[q]/(S[b]\\NP))/NP"), *tokens[size:]]

    def _parts(self, clause: Clause) -> dict[str, list[Token]]:
        parts = {"S": self._phrase(clause.agent, "S"), "V": self._verb(clause)}
        if clause.patient:
            slot = "C" if clause.verb.concept == "be" else "O"
            parts[slot] = self._phrase(clause.patient, slot)
        for role, slot, adposition in _SLOTS:
            filler = getattr(clause, role)
            if filler:
                category = "PP/NP" if slot == "R" else "((S\\NP)\\(S\\NP))/NP"
                parts[slot] = self._marked(self._phrase(filler, slot), slot, adposition, category)
        if clause.day:
            parts["T"] = self._day(clause.day)
        return parts

    def _day(self, day: Word | Asked) -> list[Token]:
        if isinstance(day, Asked):
            return self._question_word(day, "T")
        token = Token(self.word(*day), "PROPN", "T", category="NP")
        return self._marked([token], "T", "on", "((S\\NP)\\(S\\NP))/NP")

    def _marked(self, phrase: list[Token], slot: str, adposition: str, category: str) -> list[Token]:
        """The phrase with what marks its role: an adposition, or a case ending on its last noun."""
        place = self.dialect.adposition
        if place is None or slot in self.dialect.case or phrase[0].pos == "ADV":
            return phrase
        marker = Token(self.word(adposition), "ADP", category=category)
        return [marker, *phrase] if place == "before" else [*phrase, marker]

    def _phrase(self, filler: Filler, slot: str) -> list[Token]:
        if isinstance(filler, Asked):
            return self._question_word(filler, slot)
        tokens = self._name(filler, slot) if isinstance(filler, Name) else self._thing(filler, slot)
        ending = self.dialect.case.get(slot)
        if ending:
            last = max(place for place, token in enumerate(tokens) if token.pos in ("NOUN", "PROPN"))
            tokens[last] = tokens[last]._replace(text=tokens[last].text + ending)
        return tokens

    def _question_word(self, asked: Asked, slot: str) -> list[Token]:
        person = asked.word in ("who", "what")
        category = "S[wq]/(S\\NP)" if slot == "S" else "S[wq]/(S[q]/NP)" if person else "S[wq]/S[q]"
        return [Token(self.word(asked.word), "PRON" if person else "ADV", slot, category=category)]

    def _name(self, name: Name, slot: str) -> list[Token]:
        last = len(name.words) - 1
        return [
            Token(
                self.word(word),
                "PROPN",
                slot,
                f"{'I' if i else 'B'}-{name.kind}",
                "NP" if i == last else "NP/NP",
            )
            for i, word in enumerate(name.words)
        ]

    def _thing(self, thing: Thing, slot: str) -> list[Token]:
        noun = self.word(*thing.noun)
        many = thing.number > 1 or thing.counted
        if many:
            noun += "s" if self.english else self.dialect.plural
        adjectives = [Token(self.word(*size), "ADJ", slot, category="N/N") for size in (thing.size,) if size]
        if thing.colour:
            adjectives.append(Token(self.word(thing.colour), "ADJ", slot, category="N/N"))
        head = [Token(noun, "NOUN", slot, category="N")]
        tokens = adjectives + head if self.dialect.adjective_first else head + adjectives
        return self._determiner(thing, tokens, slot) + tokens

    def _determiner(self, thing: Thing, tokens: list[Token], slot: str) -> list[Token]:
        if thing.counted:
            return [Token(part, "ADV", slot, category="NP/N") for part in self.word("how many").split()]
        if thing.number > 1:
            return [Token(str(thing.number), "NUM", slot, category="NP/N")]
        if not self.dialect.articles:
            return []
        article = self.word("the" if thing.definite else "a")
        if article == "a" and self.english and tokens[0].text[0] in "aeiou":
            article = "an"
        return [Token(article, "DET", category="NP/N")]

    def _verb(self, clause: Clause) -> list[Token]:
        if clause.verb.concept == "be":
            verb = [Token(self.word("be"), "AUX", "V", category="(S\\NP)/NP")] if self.dialect.copula else []
            negation = (
                [Token(self.word("never"), "ADV", "V", category="(S\\NP)\\(S\\NP)")] if clause.negated else []
            )
            return verb + negation
        word = self.word(*clause.verb)
        category = _verb_category(clause)
        bare = self.english and self._asked_slot(clause) not in ("", "S")
        inflected = word if bare else past_of(word) if self.english else word + self.dialect.past
        verb = [Token(inflected, "VERB", "V", category=category)]
        negation = self._negation(clause)
        return verb + negation if self.dialect.negation_after else negation + verb

    def _negation(self, clause: Clause) -> list[Token]:
        category = "(S\\NP)/(S\\NP)"
        return [Token(self.word("never"), "ADV", "V", category=category)] if clause.negated else []


def _verb_category(clause: Clause) -> str:
    if clause.recipient:
        return "((S\\NP)/PP)/NP"
    return "(S\\NP)/NP" if clause.patient else "S\\NP"


def _fronted(category: str) -> str:
    return "(S/S)/NP" if category == "((S\\NP)\\(S\\NP))/NP" else category


@cache
def speaker(code: str) -> Speaker:
    return Speaker(code)


class Switcher(Speaker):
    """A speaker who takes a share of the content words from another language."""

    def __init__(self, code: str, other: str, share: float, rng: Random) -> None:
        super().__init__(code)
        self.other, self.share, self.rng = lexicon(other), share, rng

    def word(self, concept: str, variant: int = 0) -> str:
        if concept in _CONTENT and self.rng.random() < self.share:
            forms = self.other[concept]
            return forms[variant % len(forms)]
        return super().word(concept, variant)


def text(tokens: Sequence[Token]) -> str:
    """The tokens as written: a space between words, none before punctuation."""
    words = (token.text if token.pos == "PUNCT" else " " + token.text for token in tokens)
    return "".join(words).removeprefix(" ")


def filling(tokens: Sequence[Token], slot: str) -> range:
    """Where the tokens that fill a slot stand; "N" is the number in the patient's."""
    wanted, pos = ("O", "NUM") if slot == "N" else (slot, "")
    places = [at for at, token in enumerate(tokens) if token.slot == wanted and token.pos.startswith(pos)]
    return range(places[0], places[-1] + 1)


def say(clauses: Sequence[Clause], speaker: Speaker) -> str:
    return " ".join(text(speaker.clause(clause)) for clause in clauses)
