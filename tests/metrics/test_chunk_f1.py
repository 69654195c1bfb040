"""Chunks and their F1, against values that seqeval 0.0.12 itself gave and against counts by hand."""

import pytest

from xadapt.metrics import summary
from xadapt.metrics.chunk_f1 import chunks, items

SEQEVAL_0_0_12 = {
    "": [],
    "NOUN NOUN VERB": [("NOUN", 0, 1), ("VERB", 2, 2)],
    "O O": [],
    "X X": [("X", 0, 1)],
    "X X PUNCT": [("X", 0, 1), ("PUNCT", 2, 2)],
    "INTJ INTJ NOUN": [("INTJ", 0, 1), ("NOUN", 2, 2)],
    "SCONJ SCONJ": [("SCONJ", 0, 0), ("SCONJ", 1, 1)],
    "SYM SYM NOUN": [("SYM", 0, 0), ("SYM", 1, 1), ("NOUN", 2, 2)],
    "CCONJ SCONJ": [("CCONJ", 0, 0), ("SCONJ", 1, 1)],
    "ADV NOUN SCONJ NOUN NOUN": [("ADV", 0, 0), ("NOUN", 1, 1), ("SCONJ", 2, 2), ("NOUN", 3, 4)],
    "B-PER I-PER O B-LOC": [("PER", 0, 1), ("LOC", 3, 3)],
    "B-PER B-PER": [("PER", 0, 0), ("PER", 1, 1)],
    "I-PER I-PER": [("PER", 0, 1)],
    "I-PER I-PER O": [("PER", 0, 1)],
    "O I-ORG I-ORG": [("ORG", 1, 2)],
    "B-PER I-LOC": [("PER", 0, 0), ("LOC", 1, 1)],
    "B-X-PER I-PER": [("PER", 0, 1)],
    ". NOUN": [("NOUN", 1, 1)],
}


@pytest.mark.parametrize("tags", SEQEVAL_0_0_12)
def test_chunks_equal_seqeval(tags: str) -> None:
    assert list(chunks(tags.split())) == SEQEVAL_0_0_12[tags]


def test_counts_and_scores_by_hand() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG"]]
    mine = [["B-PER", "I-PER", "O", "B-ORG"], ["B-ORG", "B-ORG"]]
    assert items(gold, mine) == [(1, 2, 2, 3, 4), (1, 2, 1, 1, 2)]
    found = summary("chunk_f1", items(gold, mine))
    assert next(iter(found)) == "f1"
    assert found == pytest.approx(
        {"f1": 400 / 7, "precision": 50.0, "recall": 200 / 3, "word_accuracy": 400 / 6}
    )


def test_a_right_tag_in_a_wrong_chunk_counts_as_a_word_only() -> None:
    """Merging makes the POS score stricter than accuracy: one wrong word spoils its whole run."""
    found = summary("chunk_f1", items([["NOUN"] * 4], [["NOUN", "NOUN", "NOUN", "VERB"]]))
    assert found["f1"] == 0
    assert found["word_accuracy"] == 75


def test_two_classes_that_later_versions_of_seqeval_take_for_one() -> None:
    assert summary("chunk_f1", items([["CCONJ"]], [["SCONJ"]]))["f1"] == 0


def test_nothing_predicted_and_nothing_to_find() -> None:
    assert items([["B-PER", "O"]], [None]) == [(0, 0, 1, 1, 2)]
    assert summary("chunk_f1", items([["O", "O"]], [["O", "O"]]))["f1"] == 0


def test_a_sentence_with_other_numbers_of_tags_is_an_error() -> None:
    with pytest.raises(ValueError):
        items([["O", "O"]], [["O"]])
    with pytest.raises(ValueError):
        items([["O"], ["O"]], [["O"]])
