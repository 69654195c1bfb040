"""What a fusion attends to: means over all tokens, whatever the batches, for items of several sequences."""

import json

import numpy as np
import pytest
import torch

from xadapt.training.attended import Attended, write

ITEMS = ((4, 2), (3,), (1, 5, 2), (6,))
"""The lengths of the sequences of each item."""
LAYERS, PARTS, SITES = 2, 3, ("query", "value")


def shares(item: int, site: str, layer: int) -> torch.Tensor:
    """[tokens, parts] of an item, the same in every batch."""
    generator = torch.Generator().manual_seed(100 * item + 10 * SITES.index(site) + layer)
    return torch.rand(sum(ITEMS[item]), PARTS, generator=generator).softmax(-1)


@pytest.mark.parametrize("batches", [[[0, 1, 2, 3]], [[2, 0], [3, 1]], [[3], [2], [1], [0]]])
def test_the_mean_is_over_all_tokens_whatever_the_batches(tmp_path, batches):
    sums = {}
    for batch in batches:
        watched = Attended([length for item in batch for length in ITEMS[item]], torch.device("cpu"))
        for layer in range(LAYERS):
            for site in SITES:
                watched(layer, site, torch.cat([shares(item, site, layer) for item in batch]))
        sums |= dict(zip(batch, watched.by_item([len(ITEMS[item]) for item in batch]), strict=True))
    write(tmp_path / "attention.json", ["a", "b", "c"], [sums[item] for item in range(4)], 23)
    found = json.loads((tmp_path / "attention.json").read_text())
    assert (found["parts"], found["tokens"]) == (["a", "b", "c"], 23)
    every = {
        site: [
            torch.cat([shares(i, site, layer) for i in range(4)]).mean(0).tolist() for layer in range(LAYERS)
        ]
        for site in SITES
    }
    for site in SITES:
        assert np.allclose(found["sites"][site], every[site], atol=1e-5)
    assert np.allclose(found["layers"], np.mean(list(every.values()), axis=0), atol=1e-5)


def test_a_layer_without_modules_is_said_to_have_none(tmp_path):
    watched = Attended([2, 1], torch.device("cpu"))
    for layer in (0, 2):
        watched(layer, "after", torch.tensor([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]))
    write(tmp_path / "attention.json", ["a", "b"], watched.by_item([1, 1]), 3)
    found = json.loads((tmp_path / "attention.json").read_text())
    mean = pytest.approx([1.75 / 3, 1.25 / 3], abs=1e-5)
    assert found["layers"] == [mean, [None, None], mean]
