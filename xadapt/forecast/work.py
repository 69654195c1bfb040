"""The work of a stage before it runs: tokens, optimizer steps, floating-point operations, bytes on disk."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from xadapt.composition import Composition, Fuse, Gate, Merge, Stack
from xadapt.forecast.reading import Reading, items
from xadapt.forecast.shape import Shape, shape
from xadapt.recipe import Full, Method, ModelSpec, Recipe
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

FORWARD_BACKWARD = 2.0
"""Of a frozen encoder, in forward passes: gradients of activations cost as much as a forward."""
FULL = 3.0
"""With gradients of all weights."""
FORMED = {"stack": 1, "gate": 1, "fuse": 2}
"""How often a composition computes a module that it runs: fusion forms its scores in the bottleneck too."""
RECORD = 2800
"""Bytes of a record, and of the small files beside weights."""
SMALL_FILES = 4500
PREDICTION = {"classification": 38, "choice": 30, "tagging": 150, "span": 60, "retrieval": 32}
ITEM = 14
"""Bytes of one prediction by task type, and of what one item contributes to a score."""


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
    parts: int = 1
    """Modules that are mixed."""
    flops: float = 0.0
    disk: float = 0.0
    shape: Shape | None = None
    exact: bool = True
    """Its rows were counted; lengths may still be those of the table."""

    @property
    def tokens(self) -> float:
        return self.read + self.trained


@dataclass
class Forecaster:
    """The work of stages; `reading` says what is known of their data."""

    reading: Reading
    _shapes: dict[Any, Shape | None] = field(default_factory=dict)

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
        size = self._shape(stage.model) if isinstance(stage, Merged) else None
        method = _method(stage)
        return Work("merged", disk=RECORD + 4.0 * (size.module(method) if size else 0), shape=size)

    def _shape(self, model: ModelSpec | Encoder) -> Shape | None:
        key = model.digest if isinstance(model, Encoder) else (model.name, model.revision, model.folder)
        if key not in self._shapes:
            self._shapes[key] = shape(model)
        return self._shapes[key]

    def _data(self, stage: Data) -> Work:
        found = self.reading.of(stage)
        world = "toyworld" if stage.rows and type(stage.rows[0]).__name__ == "Toy" else "read"
        size = found.rows * found.length.bytes
        return Work(f"data {world}", rows=found.rows, disk=RECORD + size, exact=found.exact)

    def _counted(self, stage: Baseline | Score) -> Work:
        kind, made = task(stage.task).type, stage if isinstance(stage, Baseline) else stage.predictions
        rows, bytes_of_one = float(self.reading.of(made.data).rows), float(ITEM)
        if isinstance(stage, Baseline):
            rows += self.reading.of(stage.train).rows if stage.train else 0
            bytes_of_one = PREDICTION.get(kind, 60)
        method = stage.method if isinstance(stage, Baseline) else ""
        name = f"{stage.kind} {kind} {method}".rstrip()
        tested = self.reading.of(made.data).rows
        return Work(name, rows=rows, disk=RECORD + tested * bytes_of_one)

    def _training(self, stage: Train | Mixture, parts: Sequence[Ingredient], text: Ingredient | None) -> Work:
        every = [self._items(one) for one in (*parts, *([text] if text else []))]
        steps, tokens = self._steps(stage, parts, text, every)
        dev = sum(self._dev(one.dev, one.recipe) for one in parts if one.dev) * stage.recipe.snapshots
        size, form = self._shape(stage.model), _form(stage.base, stage.below is not None)
        method = stage.recipe.method
        length = tokens / max(1, steps * stage.recipe.batch)
        flops = _flops(size, method, stage.base, length, tokens, trains=True)
        kept = (stage.recipe.snapshots if stage.recipe.select == "oracle" else 0) + 1
        return Work(
            f"train {method.name} {form}",
            rows=sum(many for many, _ in every),
            read=dev,
            trained=tokens,
            steps=steps,
            parts=len(stage.base.parts) if isinstance(stage.base, Fuse | Gate) else 1,
            flops=flops + _flops(size, method, stage.base, length, dev, trains=False),
            disk=RECORD + SMALL_FILES + kept * 4.0 * self._weights(size, stage, parts),
            shape=size,
            exact=all(self.reading.of(one.data).exact for one in parts),
        )

    def _steps(
        self,
        stage: Train | Mixture,
        parts: Sequence[Ingredient],
        text: Ingredient | None,
        every: Sequence[tuple[float, float]],
    ) -> tuple[int, float]:
        """(steps, trained tokens); those of a mixture are shared as its sampling shares them."""
        if isinstance(stage, Train):
            (many, tokens), recipe = every[0], stage.recipe
            if recipe.steps is not None:
                return recipe.steps, recipe.steps * recipe.batch * tokens
            return max(1, math.ceil(many * recipe.epochs / recipe.batch)), many * recipe.epochs * tokens
        shares, cap = _shares(stage, [many for many, _ in every[: len(parts)]])
        own = sum(
            one.recipe.steps or math.ceil(min(many, cap) * one.recipe.epochs / one.recipe.batch)
            for one, (many, _) in zip(parts, every, strict=False)
        )
        steps = stage.recipe.steps or math.ceil(own / (1 - stage.text_share))
        shared = [*(share * (1 - stage.text_share) for share in shares), stage.text_share]
        each = zip((*parts, *([text] if text else [])), every, shared, strict=False)
        return steps, sum(steps * share * one.recipe.batch * tokens for one, (_, tokens), share in each)

    def _items(self, one: Ingredient) -> tuple[float, float]:
        return items(self.reading.of(one.data), task(one.task).type, one.recipe)

    def _dev(self, dev: Dev, recipe: Recipe) -> float:
        many, tokens = items(self.reading.of(dev.data), task(dev.data.task).type, recipe)
        return many * tokens

    def _weights(self, size: Shape | None, stage: Train | Mixture, parts: Sequence[Ingredient]) -> float:
        if size is None:
            return 0.0
        mixed = isinstance(stage.base, Fuse | Gate)
        own = (size.fusion if isinstance(stage.base, Fuse) else 0) if mixed else 0
        if not mixed or isinstance(stage, Train):
            own += size.module(stage.recipe.method)
        dense = sum(task(one.task).type in ("classification", "choice") for one in parts)
        return own + dense * size.hidden**2

    def _predict(self, stage: Predict) -> Work:
        what, recipe = task(stage.task), _recipe(stage.module)
        amount = self.reading.of(stage.data)
        many, each = items(amount, what.type, recipe)
        tokens = many * each
        if stage.dev is not None:
            tokens += recipe.snapshots * self._dev(stage.dev, recipe)
        size, base = self._shape(stage.model), _base(stage.module)
        method = _method(stage.module)
        form = _form(base, stage.below is not None) if method else "encoder"
        flops = _flops(size, method, base, each / amount.length.sequences, tokens, trains=False)
        if size and stage.reading:
            flops *= min(1.0, stage.reading.layer / size.layers)
        return Work(
            f"predict {method.name if method else 'none'} {form}",
            rows=many,
            read=tokens,
            parts=len(base.parts) if isinstance(base, Fuse | Gate) else 1,
            flops=flops,
            disk=RECORD + amount.rows * PREDICTION.get(what.type, 60),
            shape=size,
            exact=amount.exact,
        )

    def _encoder(self, stage: Encoder) -> Work:
        found = [items(self.reading.of(data), "mlm", stage.recipe) for data in stage.texts]
        many = sum(count for count, _ in found)
        each = sum(count * tokens for count, tokens in found) / max(1.0, many)
        recipe, size = stage.recipe, self._shape(stage)
        steps = recipe.steps or math.ceil(many * recipe.epochs / recipe.batch)
        tokens = steps * recipe.batch * each
        assert size is not None, "an architecture says it"
        # Of the tokens that are hidden the whole vocabulary is scored.
        flops = FULL * tokens * (size.forward(each) + recipe.mask * 2 * size.hidden * size.vocabulary)
        disk = RECORD + 2.0 * size.parameters + 60.0 * size.vocabulary
        return Work("encoder", rows=many, trained=tokens, steps=steps, flops=flops, disk=disk, shape=size)


def _flops(
    size: Shape | None,
    method: Method | None,
    base: Composition,
    length: float,
    tokens: float,
    *,
    trains: bool,
) -> float:
    """Of so many tokens in sequences of `length`."""
    if size is None:
        return 0.0
    passes = (FULL if isinstance(method, Full) else FORWARD_BACKWARD) if trains else 1.0
    own = 0 if isinstance(method, Full) else size.module(method)
    below = len(base.parts) * own * FORMED.get(base.form, 0)
    return tokens * (passes * size.forward(length) + (3.0 if trains else 1.0) * 2 * (own + below))


def _shares(stage: Mixture, sizes: Sequence[float]) -> tuple[list[float], float]:
    """(share of each part in the steps, largest size that a part counts with)."""
    from xadapt.training import sampler

    how = stage.sampling
    counts = [round(size) for size in sizes]
    found = sampler.probabilities(counts, how.how, cap=how.cap, temperature=how.temperature)
    return found.tolist(), how.cap if how.how in ("capped", "temperature") else math.inf


def _form(base: Composition, below: bool) -> str:
    """What runs beside a module: a merge or a chain is one module when it is trained on."""
    if isinstance(base, Fuse | Gate):
        return base.form
    return "stack" if isinstance(base, Stack) or below else "alone"


def _base(module: Any) -> Composition:
    """Of what predicts; one frozen module that is read as it is runs like one that was trained alone."""
    if isinstance(module, Train | Mixture):
        return module.base
    if isinstance(module, Stack | Merge):
        return Composition()
    assert isinstance(module, Composition)
    return module


def _modules(found: Any) -> Iterator[Any]:
    if isinstance(found, Merged):
        yield from found.merge.parts
    elif isinstance(found, Composition):
        yield from found.parts


def _method(module: Any) -> Method | None:
    """Of what predicts or is merged; None for the bare encoder."""
    while not isinstance(module, Train | Mixture):
        module = next(_modules(module), None)
        if module is None:
            return None
    return module.recipe.method


def _recipe(module: Any) -> Recipe:
    return module.recipe if isinstance(module, Train) else Recipe(max_length=512)
