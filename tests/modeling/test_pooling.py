"""What a sentence vector is made of."""

import pytest
import torch

from xadapt.modeling.heads import pool
from xadapt.recipe import Pooling

HIDDEN = torch.tensor([[9.0, 0], [1, 2], [3, 6], [5, 0], [7, 7], [8, 8]])
"""`<s> a b </s>` and `<s> </s>`."""


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("first", [[9.0, 0], [7, 7]]),
        ("mean", [[4.5, 2], [7.5, 7.5]]),
        ("mean_without_special", [[2.0, 4], [0, 0]]),
        ("max", [[9.0, 6], [8, 8]]),
    ],
)
def test_pooling(how: Pooling, expected: list[list[float]]) -> None:
    assert pool(HIDDEN, (4, 2), how).tolist() == expected
    assert pool(HIDDEN[:4], (4,), how).tolist() == expected[:1]


def test_where_all_texts_are_empty_their_means_without_special_tokens_are_zero() -> None:
    hidden = torch.ones(5, 2, requires_grad=True)
    pooled = pool(hidden, (2, 2, 1), "mean_without_special")
    assert pooled.tolist() == [[0, 0]] * 3
    pooled.sum().backward()
    assert hidden.grad is not None and not hidden.grad.any()
