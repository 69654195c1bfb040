"""Labels of sentence pairs follow from the meanings; synonyms are as frequent in every language."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.toyworld.said import meant, rows
from xadapt.toyworld import pairs
from xadapt.toyworld.concepts import KIND_OF, SYNONYMS
from xadapt.toyworld.dialects import LANGUAGES
from xadapt.toyworld.lexicon import lexicon
from xadapt.toyworld.meaning import Asked, Clause, Name, Word, thing_of
from xadapt.toyworld.pairs import CONTRADICTION, ENTAILMENT, NEUTRAL
from xadapt.toyworld.seeds import stream

PAIRS = 4000


def details(clause: Clause) -> dict[str, object]:
    """What a clause adds to who did what with which kind of thing."""
    item, day = thing_of(clause), clause.day
    found = {
        "place": clause.place,
        "day": day.concept if isinstance(day, Word) else day,
        "colour": item.colour,
        "size": item.size and item.size.concept,
        "number": item.number if item.number > 1 else None,
    }
    return {detail: value for detail, value in found.items() if value}


def core(clause: Clause) -> tuple[object, ...]:
    return clause.verb.concept, clause.agent, clause.recipient


def is_a(clause: Clause, other: Clause) -> bool:
    """Whether the thing of a clause is one of what the other tells of."""
    noun, wanted = thing_of(clause).noun.concept, thing_of(other).noun.concept
    return noun == wanted or KIND_OF[noun] == wanted


def implies(first: Clause, second: Clause) -> bool:
    """Whether an event is one of those the second tells of, negation aside."""
    known = details(first).items()
    return core(first) == core(second) and is_a(first, second) and details(second).items() <= known


def relation(first: Clause, second: Clause) -> int:
    """Read off the meanings; two values of one detail exclude each other, as everywhere in the world."""
    if first.negated and second.negated:
        return ENTAILMENT if implies(second, first) else NEUTRAL
    if first.negated or second.negated:
        told, denied = (second, first) if first.negated else (first, second)
        return CONTRADICTION if implies(told, denied) else NEUTRAL
    if implies(first, second):
        return ENTAILMENT
    known, said = details(first), details(second)
    otherwise = any(detail in known and known[detail] != said[detail] for detail in said if detail != "size")
    return CONTRADICTION if core(first) == core(second) and is_a(first, second) and otherwise else NEUTRAL


def made(make: Any, name: str) -> Iterator[pairs.Pair]:
    return (make(stream(name, "test", number), "reserved") for number in range(PAIRS))


def test_another_agent_keeps_the_surname() -> None:
    changed = [
        (first.agent.words, second.agent.words)
        for pair in made(pairs.paraphrase, "paws-x")
        for first, second in [(pair.first[0], pair.second)]
        if isinstance(first.agent, Name) and isinstance(second.agent, Name)
        if first.agent != second.agent and first.recipient == second.recipient
    ]
    assert any(len(first) == 2 for first, _ in changed)
    assert all(first[0] != second[0] and first[1:] == second[1:] for first, second in changed)


def test_inference_labels_follow_from_the_meaning() -> None:
    wrong = [
        pair for pair in made(pairs.inference, "xnli") if relation(pair.first[0], pair.second) != pair.label
    ]
    assert not wrong


def told(clause: Clause) -> tuple[object, ...]:
    asked = [role for role, value in clause._asdict().items() if isinstance(value, Asked)]
    return core(clause), thing_of(clause).noun.concept, details(clause), asked


@pytest.mark.parametrize(("make", "name"), [(pairs.paraphrase, "paws-x"), (pairs.duplicate, "qqp")])
def test_paraphrases_say_the_same_and_others_do_not(make: Any, name: str) -> None:
    for pair in made(make, name):
        assert (told(pair.first[0]) == told(pair.second)) == bool(pair.label)


def substitutions(language: str) -> list[int]:
    """In how many words the first sentence of each pair has the other of two synonyms."""
    return [
        sum(
            (concept, 1 - variant) in second
            for concept, variant in meant(row["sentence1"], language) - second
        )
        for row in rows("paws-x", language, limit=600)
        for second in (meant(row["sentence2"], language),)
    ]


def test_synonyms_are_as_frequent_in_every_language() -> None:
    english = substitutions("en")
    assert 0.15 < sum(map(bool, english)) / len(english) < 0.35, (
        "half of the paraphrases, half of which swap words"
    )
    assert all(substitutions(language) == english for language in LANGUAGES[1:])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_two_words_where_english_has(language: str) -> None:
    two = {concept for concept, forms in lexicon(language).items() if len(set(forms)) == 2}
    assert two == set(SYNONYMS)
