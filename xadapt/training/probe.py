"""A few sequences with what a finished module made of them, computed again when it is loaded.

`probe.safetensors` holds `ids`, `lengths` and `types` of at most 4 sequences of the training data, cut to 32
tokens; `hidden`, the mean of the last hidden states of each [sequences, width]; and for each head what it
gives for these means, `head.TASK` [sequences, outputs], the first 64 outputs. A module that is loaded on
another encoder, with parts or labels in another order, or computed otherwise gives something else. It is
computed where the module runs, in its precision: that path is what answers.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from xadapt.errors import IntegrityError
from xadapt.modeling.assemble import Assembled
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.heads import CosineHead, pool
from xadapt.modeling.packed import Packed
from xadapt.modeling.sites import no_dropout
from xadapt.task_types.flat import sizes
from xadapt.task_types.items import Item, Tokens, lay_out, pack

NAME = "probe.safetensors"
SEQUENCES, TOKENS, OUTPUTS = 4, 32, 64
TOLERANCE = {"no": 1e-3, "bf16": 0.2}
"""Of the root mean square difference, in units of that of the expected values where this is above 1."""
_checked: set[tuple[str, ...]] = set()

Heads = Mapping[str, torch.nn.Module]


def sequences(items: Sequence[Item]) -> Packed:
    """The probe of these training items: of the shortest, of equals the first."""
    tokens = sizes(items)
    shortest = sorted(range(len(items)), key=lambda index: (tokens[index], index))[:SEQUENCES]
    found = [one for index in shortest for one in items[index].sequences][:SEQUENCES]
    cut = [Tokens(one.ids[:TOKENS], None if one.types is None else one.types[:TOKENS]) for one in found]
    return pack([lay_out([Item(0, tuple(cut))])])


@torch.inference_mode()
def outcome(
    packed: Packed, encoder: Encoder, assembled: Assembled, job: int, heads: Heads, placed: Accelerator
) -> dict[str, torch.Tensor]:
    """What a job makes of the probe: `hidden` and `head.TASK`, as fp32 on the CPU."""
    types = None if packed.types is None else packed.types.to(placed.device)
    there = Packed(packed.ids.to(placed.device), packed.lengths, (len(packed.lengths),), types)
    with placed.autocast():
        hidden = pool(encoder(there, assembled.sites(there, [job])), packed.lengths, "mean")
        found = {f"head.{name}": _given(head, hidden)[:, :OUTPUTS] for name, head in heads.items()}
    found["hidden"] = hidden
    return {name: value.float().cpu().contiguous() for name, value in found.items()}


def _given(head: torch.nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    unit = F.normalize(hidden, dim=-1)
    made: torch.Tensor = head(unit @ unit.T) if isinstance(head, CosineHead) else head(hidden, no_dropout)
    return made


def save(folder: Path, packed: Packed, found: Mapping[str, torch.Tensor], placed: Accelerator) -> None:
    tensors = {"ids": packed.ids, "lengths": torch.tensor(packed.lengths), **found}
    tensors |= {} if packed.types is None else {"types": packed.types}
    save_file(tensors, folder / NAME, metadata={"precision": str(placed.mixed_precision)})


def check(
    folder: Path,
    of: tuple[str, str],
    encoder: Encoder,
    assembled: Callable[[], Assembled],
    placed: Accelerator,
    heads: Heads,
) -> None:
    """Raise IntegrityError when a module, job 0 of `assembled`, makes something else of its probe.

    `of` are title and digest of its stage. Once in a process for one folder, heads and device; folders of
    before have no probe.
    """
    key = (str(folder), *heads, str(placed.device), str(placed.mixed_precision))
    if key in _checked or not (folder / NAME).exists():
        return
    saved, precision = _read(folder / NAME)
    lengths = tuple(saved["lengths"].tolist())
    packed = Packed(saved["ids"], lengths, (len(lengths),), saved.get("types"))
    limit = max(TOLERANCE[precision], TOLERANCE.get(str(placed.mixed_precision), 0.0))
    for name, value in outcome(packed, encoder, assembled(), 0, heads, placed).items():
        # A NaN is no small difference.
        if name not in saved or not (difference := _difference(value, saved[name])) <= limit:
            size = f"differs by {difference:.2g}, more than {limit:g}" if name in saved else "is missing"
            message = f"{of[0]}: its probe, {name}, {size}: loaded it is not the module that was trained"
            raise IntegrityError(f"{message} ({folder / NAME})", digest=of[1])
    _checked.add(key)


def _difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Root mean square, in units of that of what is expected where this is above 1."""
    if found.shape != expected.shape:
        return float("inf")
    scale = expected.square().mean().sqrt().clamp(min=1)
    return float((found - expected).square().mean().sqrt() / scale)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    try:
        with safe_open(path, "pt") as file:
            saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            precision = (file.metadata() or {}).get("precision", "")
    except (SafetensorError, OSError) as error:
        raise IntegrityError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    if precision not in TOLERANCE or not {"ids", "lengths", "hidden"} <= saved.keys():
        raise IntegrityError(f"{path}: is no probe")
    return saved, precision
