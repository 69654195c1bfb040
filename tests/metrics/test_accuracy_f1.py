"""Accuracy, F1 and their mean, computed by hand."""

import pytest

from xadapt.metrics import summary
from xadapt.metrics.accuracy_f1 import items

GOLD = ["duplicate", "duplicate", "not_duplicate", "not_duplicate", "not_duplicate"]
MINE = ["duplicate", "not_duplicate", "duplicate", "duplicate", "not_duplicate"]


def test_f1_is_of_the_duplicates() -> None:
    """Of two duplicates one is found, of three called so one is one: F1 = 2 / (2 + 3)."""
    found = summary("accuracy_f1", items(GOLD, MINE))
    assert list(found) == ["accuracy_f1", "accuracy", "f1"]
    assert found == pytest.approx({"accuracy_f1": 40, "accuracy": 40, "f1": 40})
    numbers = {"duplicate": "1", "not_duplicate": "0"}
    assert found == summary("accuracy_f1", items([numbers[x] for x in GOLD], [numbers[x] for x in MINE]))


def test_the_main_value_is_the_mean_of_two_that_differ() -> None:
    found = summary("accuracy_f1", items(["0", "0", "0", "1"], ["0", "0", "0", None]))
    assert found == pytest.approx({"accuracy_f1": 37.5, "accuracy": 75, "f1": 0})
