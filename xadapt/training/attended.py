"""The attention of a fusion while it predicts: how much of each part a layer takes, as a mean over tokens."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xadapt.modeling.transfer import sent


class Attended:
    """What one forward over sequences of `lengths` attends to; called by the sites of each layer."""

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        self.sizes = sent(torch.tensor(lengths), device)
        self.sums: dict[str, dict[int, torch.Tensor]] = {}
        """Site -> layer -> [sequences, parts], the sum over the tokens of each sequence, on the device."""

    def __call__(self, layer: int, site: str, shares: torch.Tensor) -> None:
        # Neither read nor checked here: a GPU would be waited for in every layer.
        total = torch.segment_reduce(shares.float(), "sum", lengths=self.sizes, axis=0, unsafe=True)
        self.sums.setdefault(site, {})[layer] = total

    def by_item(self, sequences: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Site -> [layers, parts] for each item, of which each has so many sequences; NaN in other layers."""
        first = np.cumsum([0, *sequences[:-1]])
        summed = {
            site: np.add.reduceat(_stacked(layers), first, axis=1) for site, layers in self.sums.items()
        }
        return [{site: each[:, item] for site, each in summed.items()} for item in range(len(sequences))]


def _stacked(layers: dict[int, torch.Tensor]) -> np.ndarray:
    """[layers, sequences, parts] up to the last one that attends."""
    none = torch.full_like(next(iter(layers.values())), torch.nan)
    every = torch.stack([layers.get(layer, none) for layer in range(max(layers) + 1)])
    found: np.ndarray = every.cpu().numpy()
    return found


def write(place: Path, parts: Sequence[str], sums: Sequence[dict[str, np.ndarray]], tokens: int) -> None:
    """`layers` are the weights [layers, parts] as a mean over `tokens` and `sites`; null where left out."""
    means = {site: np.sum([item[site] for item in sums], axis=0, dtype=float) / tokens for site in sums[0]}
    facts = {
        "parts": list(parts),
        "tokens": tokens,
        "layers": _plain(np.mean(list(means.values()), axis=0)),
        "sites": {site: _plain(mean) for site, mean in means.items()},
    }
    place.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _plain(mean: Any) -> list[list[float | None]]:
    # Rounded, so that another grouping of the tokens into batches gives the same file.
    found: list[list[float]] = mean.round(5).tolist()
    return [[None if share != share else share for share in row] for row in found]
