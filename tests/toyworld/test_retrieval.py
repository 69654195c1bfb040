"""Sentences and their translations: none twice in a file, gold pairs in both pools, others besides."""

import pytest

from tests.toyworld.said import Row, meant, rows
from xadapt.sources import Toy, world
from xadapt.toyworld.dialects import LANGUAGES
from xadapt.toyworld.retrieval import BLOCK

FOREIGN = LANGUAGES[1:]
PAIRS = 40


def concepts(text: str, code: str) -> dict[str, int]:
    """What is talked about, whichever of two synonyms is used."""
    return {concept: times for (concept, _), times in meant(text, code).items()}


@pytest.mark.parametrize("language", FOREIGN)
def test_no_sentence_stands_twice_in_tatoeba(language: str) -> None:
    found = rows("tatoeba", language, "test", 1000)
    for side in ("source_sentence", "target_sentence"):
        assert len({row[side] for row in found}) == len(found)


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("name", ["tatoeba", "bucc18"])
def test_pairs_say_the_same(name: str, language: str) -> None:
    for row in rows(name, language):
        said = concepts(row["source_sentence"], language)
        assert said and said == concepts(row["target_sentence"], "en")


@pytest.mark.parametrize("language", FOREIGN)
def test_a_pool_holds_one_translated_sentence_in_ten(language: str) -> None:
    pools = {
        side: {row["id"]: row["sentence"] for row in rows("bucc18", language, f"pool_{side}", PAIRS * BLOCK)}
        for side in ("source", "target")
    }
    gold = rows("bucc18", language, "validation", PAIRS)
    for side, pool in pools.items():
        assert len(pool) == len(set(pool.values())) == PAIRS * BLOCK, "no id and no sentence twice"
        assert [pool[row[f"{side}_id"]] for row in gold] == [row[f"{side}_sentence"] for row in gold]


def test_sentences_without_a_partner_have_none_in_the_other_pool() -> None:
    """Told in English both, one meaning would be in both pools for the gold pairs alone."""
    pools = {
        side: {
            row["id"]: frozenset(concepts(row["sentence"], row["lang"]).items())
            for row in rows("bucc18", "qaa", f"pool_{side}", PAIRS * BLOCK)
        }
        for side in ("source", "target")
    }
    gold = {row["source_id"]: row["target_id"] for row in rows("bucc18", "qaa", "validation", PAIRS)}
    swapped = 0  # who gives and who receives is not in a bag of words
    for name, said in pools["source"].items():
        alike = {other for other, each in pools["target"].items() if each == said}
        swapped += len(alike - {gold.get(name)})
    assert swapped <= 2


def test_the_places_of_partners_differ() -> None:
    """Else the number of a line would tell its translation."""
    gold = rows("bucc18", "qaa", "validation", PAIRS)
    offsets = {int(row["source_id"][-9:]) - int(row["target_id"][-9:]) for row in gold}
    assert len(offsets) > BLOCK / 2


def test_all_pairs_of_a_size_are_hidden_in_the_pools_of_that_size() -> None:
    def read(split: str) -> list[Row]:
        found = Toy(dataset="bucc18", config="qac", split=split, size=PAIRS, version=1)
        return [row for _, row in world.rows(found)]

    gold, pools = read("validation"), {side: read(f"pool_{side}") for side in ("source", "target")}
    assert len(gold) == PAIRS
    for side, pool in pools.items():
        assert {row[f"{side}_id"] for row in gold} <= {row["id"] for row in pool}
