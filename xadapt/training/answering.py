"""Examples -> predictions of one job: encoded, run through the model in batches of tokens, decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from xadapt import metrics
from xadapt.errors import is_out_of_memory
from xadapt.examples import asked, gold
from xadapt.memory.choose import usable
from xadapt.memory.estimate import How, answering
from xadapt.memory.sizes import Sizes
from xadapt.modeling.assemble import Assembled
from xadapt.modeling.combined import Fusion
from xadapt.recipe import Recipe
from xadapt.task_types import TaskType
from xadapt.task_types.items import Item, pack
from xadapt.training import attended
from xadapt.training.forwards import free
from xadapt.training.restore import Base

TOKENS = {"cpu": 4096, "cuda": 65536}
"""Tokens per forward, by device type; it changes speed, and results only by rounding."""


@dataclass(frozen=True)
class Answer:
    """What a forward gives for one item."""

    output: np.ndarray
    attention: dict[str, np.ndarray]
    """Of a fusion: site -> [layers, parts], summed over the tokens of the item; else empty."""


@dataclass(frozen=True)
class Answering:
    """One job of `assembled` with the head that answers."""

    kind: TaskType
    head: torch.nn.Module | None
    labels: Sequence[str]
    recipe: Recipe
    assembled: Assembled
    ground: Base
    job: int = 0
    upto: int | None = None
    """The layer after which hidden states are read; None for the last."""

    def encode(self, examples: Sequence[Any]) -> list[Item]:
        return self.kind.encode(examples, self.ground.tokenizer, self.recipe, self.labels)

    @torch.inference_mode()
    def forward(self, items: Sequence[Item]) -> list[Answer]:
        """One answer per item. Raises DoesNotFit where memory is out for one item alone."""
        device, sizes = self.ground.placed.device, [item.tokens for item in items]
        fused = isinstance(self.assembled.slots[self.job].combined, Fusion)
        # A fixed seed: only masked language modelling draws, and predictions must not change from run to run.
        random = np.random.default_rng(0)
        results = [Answer(np.empty(0), {})] * len(items)

        def answer(indices: list[int]) -> None:
            batch = self.kind.batch([items[index] for index in indices], random, self.recipe).to(device)
            packed = pack([batch])
            watched = attended.Attended(batch.lengths, device) if fused else None
            with self.ground.placed.autocast():
                sites = self.assembled.sites(packed, [self.job], None, watched)
                hidden = self.ground.encoder(packed, sites, upto=self.upto)
                found = self.kind.outputs(self.head, hidden, batch, self.recipe)  # type: ignore[arg-type]
            seen = watched.by_item([len(items[index].sequences) for index in indices]) if watched else None
            for place, (index, output) in enumerate(zip(indices, found, strict=True)):
                results[index] = Answer(output, seen[place] if seen else {})

        self.ground.forwards.run(sizes, tokens_of(self.ground, self._beside()), answer)
        return results

    def memory(self) -> dict[str, Any]:
        """What is expected at the peak with this module, in the largest forward on the encoder so far."""
        model = Sizes.of(self.ground.encoder.config.to_dict())
        tokens = self.ground.forwards.largest
        found: dict[str, Any] = {"pass_tokens": tokens, "bits": self.ground.bits}
        if model is None:
            return found
        activations = round(tokens * answering(model, how(self.ground)))
        expected = {"weights": held(self.ground), "modules": self._beside(), "activations": activations}
        return found | {"expected_bytes": sum(expected.values()), "expected": expected}

    def _beside(self) -> int:
        """Bytes of the modules and the head; that of a library is on the encoder, and counted there."""
        counted = {id(weight) for weight in self.ground.encoder.parameters()}
        own = [*self.assembled.parameters(), *self.assembled.buffers()]
        own += self.head.parameters() if self.head else ()
        return sum(each.nbytes for each in own if id(each) not in counted)

    def predictions(
        self, answers: Sequence[Answer], items: Sequence[Item], examples: Sequence[Any]
    ) -> list[Any]:
        """One per example that is asked for one; what decoding computes runs where the model does.

        Out of memory there, as of all vectors of a large search, it is computed on the CPU.
        """
        given = [answer.output for answer in answers], items, examples, self.labels
        device = self.ground.placed.device
        try:
            with device:
                return self.kind.decode(*given)
        except Exception as error:
            if device.type == "cpu" or not is_out_of_memory(error):
                raise
        free()
        self.ground.forwards.events.append(f"decoding did not fit on {device.type}, on the CPU instead")
        with torch.device("cpu"):
            return self.kind.decode(*given)

    def score(self, examples: Sequence[Any], items: Sequence[Item], metric: str, language: str) -> float:
        """The main value of a metric, in percent; `items` are those of the examples."""
        found = self.predictions(self.forward(items), items, examples)
        rows = metrics.metric(metric).items(gold(asked(examples)), found, language)
        return next(iter(metrics.summary(metric, rows).values()))


def tokens_of(ground: Base, beside: int = 0) -> int:
    """Tokens per forward where `ground` runs: those of its device, fewer where memory is given for fewer.

    `beside` are the bytes of modules and heads.
    """
    device = ground.placed.device.type
    usual, model = TOKENS.get(device, TOKENS["cpu"]), Sizes.of(ground.encoder.config.to_dict())
    if ground.memory is None or model is None:
        return usual
    room = usable(ground.memory, device) - held(ground) - beside
    return min(usual, max(1, int(room / answering(model, how(ground)))))


def held(ground: Base) -> int:
    """Bytes of the encoder."""
    return sum(weight.nbytes for weight in ground.encoder.parameters())


def how(ground: Base) -> How:
    return How("bf16" if ground.placed.mixed_precision == "bf16" else "fp32")
