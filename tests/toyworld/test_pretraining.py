"""No sentence of a test row is in the text that the shipped encoder was pretrained on."""

from collections.abc import Iterator

import pytest

from tests.toyworld.said import rows, sentences, texts
from xadapt import experiment, toyworld
from xadapt.sources.origin import Toy
from xadapt.stages.encoder import Encoder

TESTED = {"tatoeba": ("validation",), "bucc18": ("validation", "pool_source", "pool_target")}
"""The splits that are evaluated, where it is not the one called test."""


def pretraining() -> list[Toy]:
    encoder = experiment.load("toyworld_encoder").base
    assert isinstance(encoder, Encoder)
    return [origin for data in encoder.texts for origin in data.rows if isinstance(origin, Toy)]


def said_in_rows() -> Iterator[str]:
    """The sentences of the rows that are evaluated; a single word (an answer, a choice) is none."""
    for known in toyworld.DATASETS.values():
        if known.name == "text":
            continue
        # Of MLQA's pairs of languages each language once as context, once as question.
        configs = [f"{code}.{code}" for code in toyworld.LANGUAGES] if known.name == "mlqa" else known.configs
        for config in configs:
            for split in TESTED.get(known.name, ("test",)):
                found = (said for row in rows(known.name, config, split) for said in texts(row))
                yield from (said for text in found for said in sentences(text) if " " in said)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_test_sentence_is_in_the_pretraining_text() -> None:
    """Nor without the connective in front, as endings are told. The whole text: about half a minute."""
    kept, read = set(said_in_rows()), 0
    found: set[str] = set()
    assert len(kept) > 20_000
    for origin in pretraining():
        for row in toyworld.rows(origin.dataset, origin.config, origin.split, origin.size):
            read += 1
            for text in filter(None, (row["text"], row["pair"])):
                for said in sentences(text):
                    found.update(each for each in (said, said.partition(" ")[2]) if each in kept)
    assert read == 300_000
    assert not found


def test_a_sentence_that_is_in_both_is_noticed() -> None:
    """The comparison itself: training rows and pretraining share a side, so some sentences recur."""
    trained = {
        said for row in rows("udpos", "en", "train", 6000) for said in sentences(" ".join(row["tokens"]))
    }
    lines = toyworld.rows("text", "en", "train", 6000)
    assert any(said in trained for row in lines for said in sentences(row["text"]))
