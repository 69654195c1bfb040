"""Token accuracy counts words, not sentences."""

import pytest

from xadapt.metrics import summary
from xadapt.metrics.token_accuracy import items


def test_long_sentences_weigh_more() -> None:
    gold = [["N"], ["NP/N", "N", "S\\NP"]]
    assert summary("token_accuracy", items(gold, [["X"], gold[1]])) == {"token_accuracy": 75.0}
    assert summary("token_accuracy", items(gold, [["N"], None])) == {"token_accuracy": 25.0}


def test_a_prediction_has_one_tag_per_word() -> None:
    with pytest.raises(ValueError, match="argument"):
        items([["N", "N"]], [["N"]])
