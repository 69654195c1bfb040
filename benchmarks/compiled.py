"""What `torch.compile` brings to the parts of a training step that are no matrix products.

    python benchmarks/compiled.py [--shape mid] [--rows 8] [--rounds 5] [--write] [--quick]

Compiled are residual and LayerNorm in one, three times a layer, and GELU, each once for all batches: the
number of tokens is marked as dynamic. A step as it is and one with these parts compiled run in turn on one
encoder and end at the same loss. `share` says how much of the time of a step goes into anything but matrix
products and attention, of which no compiler can take away more than all.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from command import asked as asked_for
from command import parser
from contenders import Run, Training, ours, placed_encoder
from measuring import in_turn, keep, medians
from torch._dynamo.utils import counters
from torch.nn import functional as F
from workload import SHAPES, TASKS, examples

from xadapt.modeling import banks, layer
from xadapt.recipe import Bottleneck, Recipe

PRODUCTS = ("mm", "linear", "attention")
"""In the names of what multiplies matrices."""


def compiled(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Once for any number of rows."""
    made = torch.compile(function, fullgraph=True)

    def run(*given: Any) -> torch.Tensor:
        for one in given:
            if torch.is_tensor(one) and one.dim() == 2:
                torch._dynamo.mark_dynamic(one, 0)
        found: torch.Tensor = made(*given)
        return found

    return run


def _normed(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, b: torch.Tensor, eps: float) -> torch.Tensor:
    return F.layer_norm((x + y).float(), x.shape[-1:], w, b, eps)


NORMED, GELU = compiled(_normed), compiled(F.gelu)


def normed(x: torch.Tensor, y: torch.Tensor, norm: Any) -> torch.Tensor:
    return NORMED(x, y, norm.weight, norm.bias, norm.eps)


def forward(
    self: Any, x: torch.Tensor, number: int, attention: Any, sites: Any, dropout: Any
) -> torch.Tensor:
    """As of `Layer`, for bottlenecks after the feed-forward."""
    made = dropout(self.attention_output(attention(self.qkv(x))))
    x = normed(made, x, self.attention_norm)
    made = dropout(self.output(GELU(self.intermediate(x))))
    made = sites.after(number, "output", made, x, self.output_norm)
    return normed(made, x, self.output_norm)


def given_to(method: Any, hidden: torch.Tensor, residual: torch.Tensor, norm: Any) -> torch.Tensor:
    return normed(hidden, residual, norm)


@contextmanager
def with_compiled_parts() -> Iterator[None]:
    with patch.object(layer.Layer, "forward", forward), patch.object(banks, "given_to", given_to):
        yield


def share(run: Callable[[], Run]) -> float:
    """Of the time of a run, what is spent in no matrix product."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        run()
    times = {each.key: each.self_cpu_time_total for each in found.key_averages()}
    products = sum(time for name, time in times.items() if any(part in name for part in PRODUCTS))
    return 1 - float(products) / float(sum(times.values()))


def measure(asked: Any, device: torch.device) -> dict[str, Any]:
    encoder = SHAPES[asked.shape].encoder()
    recipe = Recipe(method=Bottleneck(), batch=asked.rows, steps=asked.steps, lr=1e-3, warmup=0.0)
    items = examples(TASKS["nli"], asked.rows * asked.steps, SHAPES[asked.shape].vocabulary, 0)
    training = Training.of("nli", items, recipe, encoder.config, 1)
    run = ours(placed_encoder(encoder, device, asked.precision), [training], device, asked.precision)
    last: dict[str, Run] = {}

    def plain() -> float:
        last["eager"] = run()
        return last["eager"].seconds

    def changed() -> float:
        with with_compiled_parts():
            last["compiled"] = run()
        return last["compiled"].seconds

    changed()
    before = counters["stats"]["unique_graphs"]
    times = medians(in_turn({"eager": plain, "compiled": changed}, asked.rounds))
    far = abs(last["eager"].losses[-1] - last["compiled"].losses[-1])
    if not far <= 1e-3:
        raise SystemExit(f"the last losses differ by {far:.2g}")
    return {
        "seconds": {name: round(time, 4) for name, time in times.items()},
        "compiled_is_faster_by": round(times["eager"] / times["compiled"], 3),
        "share": round(share(run), 3),
        "compilations": before,
        "compilations_for_further_lengths": counters["stats"]["unique_graphs"] - before,
        "rows": asked.rows,
        "rounds": asked.rounds,
    }


def main() -> None:
    made = parser(__doc__, rounds=5)
    made.add_argument("--rows", type=int, default=8)
    made.add_argument("--steps", type=int, default=3, help="of a run, the first is not timed")
    asked, device = asked_for(made, cpu="mid")
    found = measure(asked, device)
    print(json.dumps(found, indent=2))
    if asked.write:
        keep("compiled", asked.shape, found, device)


if __name__ == "__main__":
    main()
