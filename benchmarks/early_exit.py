"""Sentence vectors after layer 14 of 24, as retrieval reads them: a forward that stops there, and whole ones.

    python benchmarks/early_exit.py [--device cuda] [--sentences 512] [--write] [--quick]

Lengths are those of XNLI in eight languages. transformers pads each batch of 64 sentences, sorted by length,
and gives all hidden states, of which one is pooled. The vectors must agree.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from command import asked as asked_for
from command import parser
from contenders import placed_encoder
from libraries import padded
from measuring import in_turn, keep, medians, timed
from workload import MEASURED, SHAPES, Lengths, examples

from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.heads import pool
from xadapt.task_types.items import Item, lay_out, pack
from xadapt.training.answering import TOKENS
from xadapt.training.batches import by_tokens
from xadapt.training.precision import accelerator

LAYER = 14
"""Of 24; of fewer, in proportion."""


def measure(shape: str, count: int, rounds: int, device: torch.device, precision: str) -> dict[str, Any]:
    """Sentence vectors of XNLI's lengths after a layer, by forwards that stop there or go on."""
    architecture = SHAPES[shape].architecture
    layer = architecture.layers * LAYER // 24
    fresh = SHAPES[shape].encoder()
    whole = fresh.to_hf().to(device).eval()
    placed, encoder = accelerator(device.type, precision), placed_encoder(fresh, device, precision)
    sizes = sum((tuple(each) for each in MEASURED["xnli"].values()), ())
    items = examples(Lengths(tuple(sorted(sizes)), 128, count), count, SHAPES[shape].vocabulary, 1)
    assembled = Assembled([Slot()], encoder.config).to(device)
    found: dict[str, np.ndarray] = {}

    def packed(upto: int | None) -> np.ndarray:
        made: dict[int, np.ndarray] = {}
        for batch in by_tokens([each.tokens for each in items], TOKENS[device.type]):
            one = lay_out([items[at] for at in batch]).to(device)
            each = pack([one])
            with torch.inference_mode(), placed.autocast():
                hidden = encoder(each, assembled.sites(each, [0]), upto=upto)
            made |= zip(batch, pool(hidden, one.lengths, "mean").float().cpu().numpy(), strict=True)
        return np.stack([made[at] for at in range(len(items))])

    def go_on() -> np.ndarray:
        return _hidden_states(whole, items, layer, device, precision)

    runs: dict[str, Callable[[], np.ndarray]] = {
        f"xadapt, stops after {layer}": lambda: packed(layer),
        "xadapt, all layers": lambda: packed(None),
        "transformers, all layers, sorted": go_on,
    }
    for name, run in runs.items():
        found[name] = run()
    far = float(
        np.abs(found[f"xadapt, stops after {layer}"] - found["transformers, all layers, sorted"]).max()
    )
    if far > (1e-3 if precision == "fp32" else 0.2):
        raise SystemExit(f"sentence vectors differ by {far:.2g}")
    middle = medians(in_turn({name: timed(run, device) for name, run in runs.items()}, rounds))
    first = middle[f"xadapt, stops after {layer}"]
    times = {
        name: {"seconds": round(each, 3), "early_exit_is_faster_by": round(each / first, 2)}
        for name, each in middle.items()
    }
    return times | {"sentences": count, "layers": architecture.layers, "vectors_differ_by": far}


def _hidden_states(
    model: Any, items: list[Item], layer: int, device: torch.device, precision: str
) -> np.ndarray:
    """As retrieval on XTREME reads them: all hidden states of a padded batch, one is pooled."""
    order = sorted(range(len(items)), key=lambda at: -items[at].tokens)
    made: dict[int, np.ndarray] = {}
    for at in range(0, len(order), 64):
        batch = order[at : at + 64]
        ids, mask = padded([items[each].sequences[0].ids for each in batch], None, device)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, precision == "bf16"):
            hidden = model(ids, attention_mask=mask, output_hidden_states=True).hidden_states[layer].float()
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        made |= zip(batch, mean.cpu().numpy(), strict=True)
    return np.stack([made[each] for each in range(len(items))])


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--sentences", type=int)
    asked, device = asked_for(made, cpu="deep")
    count = 64 if asked.quick else asked.sentences or (8192 if device.type == "cuda" else 512)
    found = measure(asked.shape, count, asked.rounds, device, asked.precision)
    print(json.dumps({asked.shape: found}, indent=2))
    if asked.write:
        keep("early_exit", asked.shape, found | {"rounds": asked.rounds}, device)


if __name__ == "__main__":
    main()
