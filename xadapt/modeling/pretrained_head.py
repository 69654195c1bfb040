"""The head of masked language modelling that a checkpoint has beside its encoder.

Language adapters are trained from it, as MAD-X does: a new head would first have to learn what it knows.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from xadapt.errors import IntegrityError
from xadapt.modeling.heads import LMHead

NAMES = {
    "lm_head.": {
        "dense.weight": "dense.weight",
        "dense.bias": "dense.bias",
        "norm.weight": "layer_norm.weight",
        "norm.bias": "layer_norm.bias",
        "bias": "bias",
    },
    "cls.predictions.": {
        "dense.weight": "transform.dense.weight",
        "dense.bias": "transform.dense.bias",
        "norm.weight": "transform.LayerNorm.weight",
        "norm.bias": "transform.LayerNorm.bias",
        "bias": "bias",
    },
}
"""Prefix of RoBERTa's and BERT's heads -> our parameter -> theirs; the decoder is tied to the embeddings."""


def start(head: LMHead, folder: Path) -> bool:
    """Copy the head of the checkpoint in `folder` into `head`; whether it has one.

    Raises IntegrityError for a part of a head, and for one of another size.
    """
    for prefix, names in NAMES.items():
        found = _weights(folder, {prefix + theirs for theirs in names.values()})
        if not found:
            continue
        own = head.state_dict()
        for ours, theirs in names.items():
            weight = found.get(prefix + theirs)
            if weight is None or weight.shape != own[ours].shape:
                there = "missing" if weight is None else list(weight.shape)
                raise IntegrityError(
                    f"{folder}: weight {prefix + theirs!r} is {there}; its head is not whole"
                )
            own[ours].copy_(weight)
        return True
    return False


def _weights(folder: Path, names: set[str]) -> dict[str, torch.Tensor]:
    """Those of `names` that are in the checkpoint; its other weights are not read."""
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt") as file:
                found |= {name: file.get_tensor(name) for name in names & set(file.keys())}
        except (OSError, SafetensorError) as error:
            raise IntegrityError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    return found
