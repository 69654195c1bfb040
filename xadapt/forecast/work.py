"""The work of a stage before it runs: tokens, optimizer steps, floating-point operations, bytes on disk."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xadapt.forecast.disk import ITEM, PREDICTION, SMALL_FILES, STATE, record
from xadapt.forecast.model import Model, model
from xadapt.forecast.modules import (
    FULL,
    base_of,
    flops_of,
    form_of,
    largest,
    method_of,
    mixed_width,
    most,
    recipe_of,
    scored,
    weights_of,
)
from xadapt.forecast.reading import POOLED, Reading
from xadapt.forecast.shares import shares
from xadapt.forecast.within import Held, Limit
from xadapt.memory.choose import Choice
from xadapt.memory.estimate import How, Load, Precision, estimate
from xadapt.memory.sizes import Shape, trainable
from xadapt.recipe import Full, ModelSpec, Recipe
from xadapt.stages.baseline import Baseline
from xadapt.stages.data import Data, Dev
from xadapt.stages.encoder import Encoder
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Ingredient, Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.score import Score
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.stage import Stage

LEARNED = 3_000
"""Rows that a baseline learns from at most (baselines/learned.py)."""
ENCODING = ("train", "predict", "merged", "encoder")
"""What is done with an encoder, as the first word of a cost."""


@dataclass(frozen=True)
class Work:
    """What one stage has to do; `cost` names what is measured of a device, such as `train lora stack`."""

    cost: str
    rows: float = 0.0
    """Examples that are read or encoded."""
    read: float = 0.0
    """Tokens that only go forward."""
    trained: float = 0.0
    """Tokens that go forward and backward."""
    steps: int = 0
    mixed: float = 0.0
    """Width of all modules that are mixed, in hidden sizes."""
    flops: float = 0.0
    scored: float = 0.0
    """Of these, what scores a vocabulary."""
    depth: float = 1.0
    """Share of the layers that its tokens go through."""
    pairs: float = 0.0
    """Queries times the candidates that each is compared with."""
    disk: float = 0.0
    state: float = 0.0
    """Bytes of a checkpoint, while a training runs."""
    memory: float = 0.0
    """Bytes at the peak of a training step; of other stages not forecast."""
    held: Held | None = None
    """What a training holds in its largest step."""
    model: Model | None = None
    exact: bool = True
    """Its rows were counted; lengths may still be those of the table."""

    @property
    def timed(self) -> bool:
        """Whether its time can be told: an encoder of unknown size takes any."""
        return self.model is not None or self.cost.split()[0] not in ENCODING

    @property
    def tokens(self) -> float:
        return self.read + self.trained

    @property
    def step(self) -> float:
        """Tokens of a mean step of a training."""
        return self.trained / max(1, self.steps)


@dataclass
class Forecaster:
    """The work of stages; `reading` says what is known of their data."""

    reading: Reading
    precision: Precision = "bf16"
    """Of frozen weights, fp32 on a CPU, where attention pads as well."""
    limit: Limit | None = None
    """What --memory allows."""
    _models: dict[Any, Model | None] = field(default_factory=dict)
    _pools: dict[Hashable, str] = field(default_factory=dict)
    """By what searches it, the digest of the stage that encodes what is searched."""

    def work(self, stage: Stage) -> Work:
        if isinstance(stage, Data):
            return self._data(stage)
        if isinstance(stage, Train):
            one = Ingredient(task=stage.task, data=stage.data, recipe=stage.recipe, dev=stage.dev)
            return self._training(stage, [one], None)
        if isinstance(stage, Mixture):
            return self._training(stage, stage.parts, stage.text)
        if isinstance(stage, Predict):
            return self._predict(stage)
        if isinstance(stage, Encoder):
            return self._encoder(stage)
        if isinstance(stage, Baseline | Score):
            return self._counted(stage)
        size = self._model(stage.model) if isinstance(stage, Merged) else None
        method = method_of(stage)
        weights = trainable(size.sizes, Shape(method)) if size and method else 0
        return Work("merged", disk=record("merged") + 4.0 * weights, model=size)

    def _model(self, of: ModelSpec | Encoder) -> Model | None:
        key = of.digest if isinstance(of, Encoder) else (of.name, of.revision, of.folder)
        if key not in self._models:
            self._models[key] = model(of)
        return self._models[key]

    def _data(self, stage: Data) -> Work:
        found = self.reading.of(stage)
        world = "toyworld" if stage.rows and type(stage.rows[0]).__name__ == "Toy" else "read"
        size = found.rows * found.length.bytes
        return Work(f"data {world}", rows=found.rows, disk=record("data") + size, exact=found.exact)

    def _counted(self, stage: Baseline | Score) -> Work:
        kind, made = task(stage.task).type, stage if isinstance(stage, Baseline) else stage.predictions
        rows, bytes_of_one, known = float(self.reading.of(made.data).rows), float(ITEM), 0
        if isinstance(stage, Baseline):
            known = self.reading.of(stage.train).rows if stage.train else 0
            bytes_of_one = PREDICTION.get(kind, 60)
        method = stage.method if isinstance(stage, Baseline) else ""
        name = f"{stage.kind} {kind} {method}".rstrip()
        tested = self.reading.of(made.data).asked
        learned = min(known, LEARNED)
        disk = record(stage.kind) + tested * bytes_of_one
        return Work(name, rows=rows + known, steps=learned, disk=disk)

    def _training(self, stage: Train | Mixture, parts: Sequence[Ingredient], text: Ingredient | None) -> Work:
        ingredients = (*parts, *([text] if text else []))
        every = [self._items(one) for one in ingredients]
        steps, each = self._steps(stage, parts, text, every)
        tokens = sum(each)
        dev = sum(self._dev(one.dev, one.recipe) for one in parts if one.dev) * stage.recipe.snapshots
        size, form = self._model(stage.model), form_of(stage.base, stage.below is not None)
        method = stage.recipe.method
        length = tokens / max(1, steps * stage.recipe.batch)
        flops = flops_of(size, method, stage.base, length, tokens, trains=True)
        words = sum(
            own * scored(size, task(one.task).type, one.recipe, method)
            for one, own in zip(ingredients, each, strict=True)
        )
        kept = (stage.recipe.snapshots if stage.recipe.select == "oracle" else 0) + 1
        weights = weights_of(size, stage, ingredients)
        made = Work(
            f"train {method.name} {form}",
            rows=sum(many for many, _ in every),
            read=dev,
            trained=tokens,
            steps=steps,
            mixed=mixed_width(size, method, stage.base),
            flops=flops + words + flops_of(size, method, stage.base, length, dev, trains=False),
            scored=words,
            disk=record(stage.kind) + SMALL_FILES + kept * 4.0 * weights,
            state=(STATE + 4.0 * (kept - 1)) * weights,
            held=largest(size, stage, [tokens for _, tokens in every], self._how) if size else None,
            model=size,
            exact=all(self.reading.of(one.data).exact for one in ingredients),
        )
        return replace(made, memory=self.peak([made]))

    def _steps(
        self,
        stage: Train | Mixture,
        parts: Sequence[Ingredient],
        text: Ingredient | None,
        every: Sequence[tuple[float, float]],
    ) -> tuple[int, list[float]]:
        """(steps, trained tokens of each task); those of a mixture are shared as its sampling shares them."""
        if isinstance(stage, Train):
            (many, tokens), recipe = every[0], stage.recipe
            if recipe.steps is not None:
                return recipe.steps, [recipe.steps * recipe.batch * tokens]
            return max(1, math.ceil(many * recipe.epochs / recipe.batch)), [many * recipe.epochs * tokens]
        drawn, cap = shares(stage, [many for many, _ in every[: len(parts)]])
        own = sum(
            one.recipe.steps or math.ceil(min(many, cap) * one.recipe.epochs / one.recipe.batch)
            for one, (many, _) in zip(parts, every, strict=False)
        )
        steps = stage.recipe.steps or math.ceil(own / (1 - stage.text_share))
        shared = [*(share * (1 - stage.text_share) for share in drawn), stage.text_share]
        each = zip((*parts, *([text] if text else [])), every, shared, strict=False)
        return steps, [steps * share * one.recipe.batch * tokens for one, (_, tokens), share in each]

    def _items(self, one: Ingredient) -> tuple[float, float]:
        return self.reading.items(one.data, one.recipe, "train")

    def _dev(self, dev: Dev, recipe: Recipe) -> float:
        many, tokens = self.reading.items(dev.data, recipe, "dev")
        return many * tokens

    @property
    def _how(self) -> How:
        if self.limit is not None:
            return self.limit.how
        return How(self.precision, padded=self.precision == "fp32")

    def picks(self, works: Sequence[Work]) -> Choice | None:
        """What a run within the limit does about trainings side by side; None where nothing limits it.

        Raises DoesNotFit for what is too much.
        """
        size, held = works[0].model, [work.held for work in works if work.held is not None]
        if self.limit is None or size is None or len(held) < len(works):
            return None
        return self.limit.choice(size.sizes, held)

    def peak(self, works: Sequence[Work]) -> float:
        """Bytes at the peak of a step of trainings side by side; 0 where the model is not known."""
        if (picked := self.picks(works)) is not None:
            return picked.expected.total
        size, held = works[0].model, [work.held for work in works if work.held is not None]
        if size is None or len(held) < len(works):
            return 0.0
        return estimate(size.sizes, [one.load for one in held], held[0].how).total

    def _predict(self, stage: Predict) -> Work:
        what, recipe = task(stage.task), recipe_of(stage.module)
        amount = self.reading.of(stage.data)
        many, each = self.reading.items(stage.data, recipe, "predict")
        tokens = many * each
        if what.type in POOLED and (pooled := self.reading.pooled(stage.data, recipe)):
            tokens -= 0.0 if self._first(stage) else pooled
        if stage.dev is not None:
            tokens += recipe.snapshots * self._dev(stage.dev, recipe)
        size, base = self._model(stage.model), base_of(stage.module)
        method = method_of(stage.module)
        form = form_of(base, stage.below is not None) if method else "encoder"
        flops = flops_of(size, method, base, each / amount.length.sequences, tokens, trains=False)
        depth = min(1.0, stage.reading.layer / size.sizes.layers) if size and stage.reading else 1.0
        pairs = float(amount.asked * (amount.rows if what.type == "retrieval" else amount.searched))
        return Work(
            f"predict {method.name if method else 'none'} {form}",
            rows=many,
            read=tokens,
            mixed=mixed_width(size, method, base),
            flops=flops * depth + (2 * pairs * size.sizes.hidden if size else 0.0),
            depth=depth,
            pairs=pairs,
            disk=record("predict") + amount.asked * PREDICTION.get(what.type, 60),
            model=size,
            exact=amount.exact,
        )

    def _first(self, stage: Predict) -> bool:
        """Of the languages that one module answers: what they all search is encoded for one of them."""
        key = (stage.companions(), stage.reading, stage.below and stage.below.digest)
        return self._pools.setdefault(key, stage.digest) == stage.digest

    def _encoder(self, stage: Encoder) -> Work:
        found = [self.reading.items(data, stage.recipe, "encoder") for data in stage.texts]
        many = sum(count for count, _ in found)
        each = sum(count * tokens for count, tokens in found) / max(1.0, many)
        recipe, size = stage.recipe, self._model(stage)
        steps = recipe.steps or math.ceil(many * recipe.epochs / recipe.batch)
        tokens = steps * recipe.batch * each
        assert size is not None, "an architecture says it"
        words = tokens * scored(size, "mlm", recipe, Full())
        load = Load(recipe, Shape(Full()), recipe.batch * recipe.max_length, size.sizes.vocabulary, "mlm")
        made = Work(
            "encoder",
            rows=many,
            trained=tokens,
            steps=steps,
            flops=FULL * tokens * size.forward(each) + words,
            scored=words,
            disk=record("encoder") + 2.0 * size.parameters + 60.0 * size.sizes.vocabulary,
            state=STATE * size.parameters,
            # Nothing of it is frozen, so that it trains in fp32 everywhere.
            held=Held(load, min(recipe.max_length, most(each, 1)), How("fp32", padded=True)),
            model=size,
        )
        return replace(made, memory=self.peak([made]))
