"""Whether an exported model computes what the module does, on a few sequences of random tokens."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from xadapt.errors import IntegrityError
from xadapt.modeling.heads import pool
from xadapt.modeling.packed import Packed
from xadapt.modeling.sites import no_dropout
from xadapt.serving.stock import SENTENCES
from xadapt.training.answering import Answering

LENGTHS = (23, 7, 40, 12)
LIMIT = 1e-4
"""Of the largest difference, in units of the largest value where this is above 1: fp32 rounding."""
Model = Callable[..., Any]


def sequences(config: Any, room: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(0)
    made = []
    for length in LENGTHS:
        ids = torch.randint(5, config.vocab_size, (min(length, room),), generator=generator)
        ids[ids == config.pad_token_id] = 4
        made.append(ids.tolist())
    return made


def difference(kind: str, answering: Answering, model: Model, layer: int | None = None) -> float:
    """The largest absolute difference. Raises IntegrityError when it is more than rounding.

    `model` is called as those of transformers are; `layer` is the one whose hidden states count there.
    """
    given = sequences(answering.ground.encoder.config, answering.ground.encoder.room)
    expected = ours(kind, answering, given)
    found = theirs(kind, model, given, answering.ground.encoder.config.pad_token_id or 0, layer)
    most = float((found - expected).abs().max())
    if not most <= LIMIT * max(1.0, float(expected.abs().max())):
        raise IntegrityError(f"what was exported answers otherwise than the module: differs by {most:.2g}")
    return most


@torch.inference_mode()
def ours(kind: str, answering: Answering, given: Sequence[Sequence[int]]) -> torch.Tensor:
    """[sequences or tokens, outputs]; of vectors the hidden states [tokens, width]."""
    packed = Packed.of(given, (len(given),))
    sites = answering.assembled.sites(packed, [answering.job])
    hidden = answering.ground.encoder(packed, sites, upto=answering.upto)
    if kind in SENTENCES:
        hidden = pool(hidden, packed.lengths, "first")
    found: torch.Tensor = hidden if answering.head is None else answering.head(hidden, no_dropout)
    return found.float().cpu()


@torch.inference_mode()
def theirs(
    kind: str, model: Model, given: Sequence[Sequence[int]], pad: int, layer: int | None
) -> torch.Tensor:
    """The same of a model that takes padded texts."""
    rows = [torch.tensor(row) for row in given]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    if kind == "choice":
        return _tensor(model(ids[None], attention_mask=mask[None]).logits).view(-1, 1)
    more = {} if layer is None else {"output_hidden_states": True}
    found = model(ids, attention_mask=mask, **more)
    if kind == "classification":
        return _tensor(found.logits)
    if kind == "span":
        both = torch.stack([_tensor(found.start_logits), _tensor(found.end_logits)], -1)
        return both[mask.bool()]
    if kind == "tagging":
        return _tensor(found.logits)[mask.bool()]
    hidden = found.last_hidden_state if layer is None else found.hidden_states[layer]
    return _tensor(hidden)[mask.bool()]


def _tensor(found: Any) -> torch.Tensor:
    return torch.as_tensor(found).float()
