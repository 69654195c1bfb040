"""The attention of a fusion while it predicts: how much of each part a layer takes, as a mean over tokens."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Attended:
    """What one forward over sequences of `lengths` attends to; called by the sites of each layer."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = lengths
        self.sums: dict[str, list[np.ndarray]] = {}
        """Site -> for each layer [sequences, parts], the sum over the tokens of each sequence."""

    def __call__(self, layer: int, site: str, shares: torch.Tensor) -> None:
        sizes = torch.tensor(self.lengths, device=shares.device)
        total = torch.segment_reduce(shares.float(), "sum", lengths=sizes, axis=0)
        self.sums.setdefault(site, []).append(total.cpu().numpy())

    def by_item(self, sequences: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Site -> [layers, parts] for each item, of which each has so many sequences."""
        first = np.cumsum([0, *sequences[:-1]])
        summed = {
            site: np.add.reduceat(np.stack(layers), first, axis=1) for site, layers in self.sums.items()
        }
        return [{site: each[:, item] for site, each in summed.items()} for item in range(len(sequences))]


def write(place: Path, parts: Sequence[str], sums: Sequence[dict[str, np.ndarray]], tokens: int) -> None:
    """`layers` are the weights [layers, parts] as a mean over `tokens`; those of LoRA also over `sites`."""
    means = {site: np.sum([item[site] for item in sums], axis=0, dtype=float) / tokens for site in sums[0]}
    facts = {
        "parts": list(parts),
        "tokens": tokens,
        "layers": _plain(np.mean(list(means.values()), axis=0)),
        "sites": {site: _plain(mean) for site, mean in means.items()},
    }
    place.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _plain(mean: Any) -> list[list[float]]:
    # Rounded, so that another grouping of the tokens into batches gives the same file.
    found: list[list[float]] = mean.round(5).tolist()
    return found
