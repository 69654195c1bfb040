"""AdapterFusion of nine bottlenecks: training and inference against `adapters`, side by side.

    python benchmarks/fusion.py [--device cuda] [--shape mid] [--parts 9] [--write] [--quick]

`equal` are rows of 32 tokens: nothing is padded, and only the fusion differs. `nli` are lengths of NLI,
padded dynamically there and not at all here. The losses of training and the hidden states of inference must
agree.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from command import asked as asked_for
from command import parser
from contenders import Training, ours, placed_encoder
from libraries import Flags, FusionLibrary, padded
from measuring import in_turn, keep, medians, timed
from train_step import TOLERANCE, disagreement, measured, recipe
from trainers import library
from workload import SHAPES, TASKS, Lengths, Shape, examples

from xadapt.modeling.assemble import Assembled
from xadapt.modeling.combined import Fusion
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck
from xadapt.task_types.items import lay_out, pack
from xadapt.training.precision import accelerator

KINDS = {"equal": Lengths((32,), 32, 8), "nli": TASKS["nli"]}
FAR = {"fp32": 1e-3, "bf16": 0.2}
"""Between hidden states."""


def fused(kind: str, shape: Shape, config: Any, asked: argparse.Namespace) -> Training:
    """A fresh fusion of random parts on classification."""
    lengths = replace(KINDS[kind], rows=asked.rows)
    items = examples(lengths, asked.steps * asked.rows, shape.vocabulary, 1)
    made = Training.of("fused", items, recipe(asked.steps, asked.rows, lengths.longest), config, 1)
    parts = [Module.initial(Bottleneck(), config, 10 + number) for number in range(asked.parts)]
    return replace(made, module=Fusion.initial(parts, config, 1))


def inference(
    encoder: Encoder, training: Training, model: FusionLibrary, device: torch.device, flags: Flags
) -> dict[str, Callable[[], torch.Tensor]]:
    """Hidden states [T, d] of the first batch, as prediction makes them."""
    items = training.batch(0)
    assembled = Assembled([training.slot], encoder.config).to(device)
    packed = pack([lay_out(items).to(device)])
    ids, mask = padded([each.sequences[0].ids for each in items], None, device)
    placed = accelerator(device.type, "bf16" if flags.bf16 else "fp32")

    def mine() -> torch.Tensor:
        with torch.inference_mode(), placed.autocast():
            return encoder(packed, assembled.sites(packed, [0]))

    def theirs() -> torch.Tensor:
        with torch.inference_mode(), flags.autocast(device):
            hidden: torch.Tensor = model.bare.roberta(ids, attention_mask=mask)[0]
        return hidden[mask.bool()]

    return {"xadapt": mine, "adapters": theirs}


def measure(kind: str, asked: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    shape = SHAPES[asked.shape]
    encoder = shape.encoder()
    training = fused(kind, shape, encoder.config, asked)
    flags = Flags("dynamic", bf16=device.type == "cuda")
    precision = "bf16" if flags.bf16 else "fp32"
    placed = placed_encoder(encoder, device, precision)
    model = FusionLibrary(encoder, training, device)
    forwards = inference(placed, training, model, device, flags)
    far = float((forwards["xadapt"]().float() - forwards["adapters"]().float()).abs().max())
    if far > FAR[precision]:
        raise SystemExit(f"{kind}: hidden states differ by {far:.2g}, more than {FAR[precision]}")
    runs = {
        "fusion: xadapt": ours(placed, [training], device, precision),
        "fusion: adapters": library(model, [training], flags),
    }
    trained, last = measured(runs, asked.rounds)
    if wrong := disagreement({name: run.losses[-1] for name, run in last.items()}, precision):
        raise SystemExit(wrong)
    predicted = medians(in_turn({n: timed(f, device) for n, f in forwards.items()}, asked.rounds))
    return {
        "training_seconds": {name: round(time, 4) for name, time in trained.items()},
        "training_is_faster_by": round(trained["fusion: adapters"] / trained["fusion: xadapt"], 2),
        "inference_seconds": {name: round(time, 4) for name, time in predicted.items()},
        "inference_is_faster_by": round(predicted["adapters"] / predicted["xadapt"], 2),
        "hidden_states_differ_by": far,
        "loss_may_differ_by": TOLERANCE[precision],
        "last_loss": {name: round(run.losses[-1], 5) for name, run in last.items()},
        "rows": asked.rows,
        "parts": asked.parts,
        "rounds": asked.rounds,
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--kind", choices=list(KINDS), action="append")
    made.add_argument("--parts", type=int, default=9)
    made.add_argument("--rows", type=int, default=8)
    made.add_argument("--steps", type=int, help="of a run, the first is not timed")
    asked, device = asked_for(made, cpu="mid")
    asked.steps = 3 if asked.quick else asked.steps or (20 if device.type == "cuda" else 2)
    for kind in asked.kind or KINDS:
        found = measure(kind, asked, device)
        print(json.dumps({kind: found}, indent=2), flush=True)
        if asked.write:
            keep("fusion", f"{kind}, {asked.shape}", found, device)


if __name__ == "__main__":
    main()
