"""Accuracy by hand."""

from xadapt.metrics import summary
from xadapt.metrics.accuracy import items


def test_accuracy_by_hand() -> None:
    assert summary("accuracy", items([0, 1, 2, 3], [0, 1, 0, None])) == {"accuracy": 50.0}
    assert items(["1"], [1]) == [(0.0, 1.0)]  # a label is a name, never a number
