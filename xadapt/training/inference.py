"""The one prediction loop: all languages of one module at a time, in batches of tokens."""

import dataclasses
import json
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from xadapt.composition import Fuse
from xadapt.examples import asked
from xadapt.memory.reached import Peak
from xadapt.modeling import head_format
from xadapt.modeling.invertible import decode_through
from xadapt.recipe import Recipe
from xadapt.stages.data import Data
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.task_types import task_type
from xadapt.task_types.flat import sizes
from xadapt.task_types.items import Item
from xadapt.tasks import task
from xadapt.training import attended, manifest, recurring
from xadapt.training.answering import Answer, Answering
from xadapt.training.restore import (
    Base,
    base,
    check_probe,
    folder_of,
    load_head,
    method_of,
    over,
    read,
    slot_of,
    whole,
)
from xadapt.training.selection import points
from xadapt.training.tokens import encoded
from xadapt.workflow.context import Context

T = TypeVar("T")
AT_ONCE = 2**21
"""Tokens whose answers are held at a time, or those of one stage: logits of 16 MB, or vectors of some 200."""


@dataclass
class _Asked:
    """One stage with its texts as tokens, and what it took."""

    stage: Predict
    out: Path
    items: Sequence[Item]
    scores: list[float]
    """Of the snapshots on development data, where these select."""
    seconds: float
    tokens: int = 0

    @property
    def snapshot(self) -> int | None:
        """Of equals the first."""
        return self.scores.index(max(self.scores)) if self.scores else None

    def notes(self) -> dict[str, Any]:
        found = {"tokens": self.tokens, "predicting_seconds": round(self.seconds, 2)}
        return found | ({"snapshot": self.snapshot, "dev": self.scores} if self.scores else {})


def predict(stages: Sequence[Predict], outs: Sequence[Path], context: Context) -> dict[str, dict[str, Any]]:
    """Write the predictions of `stages`, which share model, task and module; return their notes."""
    first = stages[0]
    given = first.model, context, whole(first.module), method_of(first.module)
    ground = base(*given, modules=[one for stage in stages for one in (stage.module, stage.below)])
    every = [_ask(stage, out, ground, context) for stage, out in zip(stages, outs, strict=True)]
    # From here on the encoder runs: what is expected and what is reached are of all of it.
    peak = Peak(ground.placed.device)
    groups: dict[Hashable, list[_Asked]] = {}
    for one in every:
        _select(one, ground, context)
        below = one.stage.below and one.stage.below.digest
        groups.setdefault((one.stage.task, one.stage.reading, below, one.snapshot), []).append(one)
    expected = [_predict(group, ground, context) for group in groups.values()]
    shared = {"device": ground.placed.device.type, "memory": _most(expected, ground)} | peak.facts()
    return {one.stage.digest: shared | one.notes() for one in every}


def _most(expected: Sequence[dict[str, Any]], ground: Base) -> dict[str, Any]:
    """Of the modules of a call, what was expected of the one that takes most, and what did not fit."""
    found, events = max(expected, key=lambda one: one.get("expected_bytes", 0)), ground.forwards.events
    return found | ({"out_of_memory": events} if events else {})


def _ask(stage: Predict, out: Path, ground: Base, context: Context) -> _Asked:
    started = time.monotonic()
    items = _items(stage, stage.data, ground, context)
    return _Asked(stage, out, items, [], time.monotonic() - started)


def _select(one: _Asked, ground: Base, context: Context) -> None:
    started = time.monotonic()
    one.scores = _scores(one.stage, ground, context)
    one.seconds += time.monotonic() - started


def _items(stage: Predict, data: Data, ground: Base, context: Context) -> Sequence[Item]:
    labels = _labels(stage, folder_of(stage.module, context)) if isinstance(stage.module, Train) else ()
    return encoded(data, stage.task, labels, ground.tokenizer, _recipe(stage, ground), context).items


def _labels(stage: Predict, folder: Path) -> tuple[str, ...]:
    return task(stage.task).labels or tuple(head_format.labels(folder))


def _predict(group: Sequence[_Asked], ground: Base, context: Context) -> dict[str, Any]:
    """Of stages that one and the same module answers, on one language adapter; what it expects of memory."""
    stage = group[0].stage
    answering = _answering(stage, group[0].snapshot, ground, context)
    parts = _fused(stage) if not (stage.reading and stage.reading.layer == 0) else []
    known: dict[bytes, Answer] = {}
    portions = list(_portions(group, lambda one: sum(sizes(one.items))))
    for number, some in enumerate(portions, 1):
        started = time.monotonic()
        found = _answers(answering, some, known)
        if number < len(portions) and hasattr(answering.kind, "recurs"):
            for one, answers in zip(some, found, strict=True):
                recurring.keep(answering, one.items, answers, known)
        spent = time.monotonic() - started
        tokens = max(1, sum(one.tokens for one in some))
        for one, answers in zip(some, found, strict=True):
            started = time.monotonic()
            _finish(one, answers, answering, parts, context)
            one.seconds += spent * one.tokens / tokens + time.monotonic() - started
        context.progress(tokens=sum(one.tokens for one in some))
    return answering.memory()


def _portions(group: Iterable[T], tokens: Callable[[T], int]) -> Iterator[list[T]]:
    """Consecutive ones of at most `AT_ONCE` tokens together, or one."""
    portion: list[T] = []
    held = 0
    for one in group:
        size = tokens(one)
        if portion and held + size > AT_ONCE:
            yield portion
            portion, held = [], 0
        portion.append(one)
        held += size
    if portion:
        yield portion


def _answers(
    answering: Answering, some: Sequence[_Asked], known: dict[bytes, Answer]
) -> list[Sequence[Answer]]:
    """Of each stage one per item, from batches over all of them; `known` has those of before by tokens."""
    if getattr(answering.kind, "ONE_POOL", False):
        return [_pooled(answering, one, known) for one in some]
    if hasattr(answering.kind, "recurs"):
        found, new = recurring.answers(answering, [one.items for one in some], known)
        for one, size in zip(some, new, strict=True):
            one.tokens = size
        return [*found]
    every = [item for one in some for item in one.items]
    for one in some:
        one.tokens = sum(sizes(one.items))
    answers = answering.forward(every)
    ends = np.cumsum([len(one.items) for one in some]).tolist()
    return [answers[end - len(one.items) : end] for one, end in zip(some, ends, strict=True)]


def _pooled(answering: Answering, one: _Asked, known: dict[bytes, Answer]) -> list[Answer]:
    """The same text is encoded once; of what is new no more than a portion is held as it comes."""
    new = {key: item for item in one.items if (key := recurring.key(item)) not in known}
    for some in _portions(new.items(), lambda each: each[1].tokens):
        answers = answering.forward([item for _, item in some])
        known.update(zip((key for key, _ in some), answers, strict=True))
    one.tokens = sum(item.tokens for item in new.values())
    return [known[recurring.key(item)] for item in one.items]


def _finish(
    one: _Asked, answers: Sequence[Answer], answering: Answering, parts: Sequence[str], context: Context
) -> None:
    examples = read(one.stage.data, context)
    predictions = answering.predictions(answers, one.items, examples)
    _write(one.out, [example.id for example in asked(examples)], predictions)
    if parts:
        sums = [answer.attention for answer in answers]
        attended.write(one.out / "attention.json", parts, sums, sum(sizes(one.items)))


def _scores(stage: Predict, ground: Base, context: Context) -> list[float]:
    """Of each snapshot of the module on the development data of the language; none where the last answers."""
    if stage.dev is None:
        return []
    assert isinstance(stage.module, Train), "planned for a target that trains"
    examples, scores = read(stage.dev.data, context), []
    items = _items(stage, stage.dev.data, ground, context)
    for snapshot in range(len(points(stage.module.recipe, _steps(stage.module, context)))):
        answering = _answering(stage, snapshot, ground, context)
        scores.append(answering.score(examples, items, stage.dev.metric, stage.language))
    return scores


def _steps(module: Train, context: Context) -> int:
    steps: int = context.store.record(module.digest).notes["steps"]
    return steps


def _answering(stage: Predict, snapshot: int | None, ground: Base, context: Context) -> Answering:
    """The module, or one of its snapshots, with its head on the language adapter of the stage."""
    what = task(stage.task)
    head, labels = None, what.labels
    slot = slot_of(stage.module, ground, context, snapshot)
    if isinstance(stage.module, Train):
        folder = folder_of(stage.module, context, snapshot)
        labels = _labels(stage, folder)
        manifest.check_head(folder, stage.module, labels)
        head = load_head(stage.module, ground.encoder, labels, folder).to(ground.placed.device)
    assembled = ground.assembled([over(stage.below, slot, ground, context)])
    decode_through(head, assembled.inverse(0))
    if isinstance(stage.module, Train) and head is not None and stage.below == stage.module.below:
        # On the adapter of another language it makes something else of its probe.
        heads = {str(stage.module.task): head}
        folder = folder_of(stage.module, context, snapshot)
        check_probe(folder, stage.module, ground, lambda: assembled, heads)
    upto = stage.reading.layer if stage.reading else None
    kind = task_type(what.type)
    return Answering(kind, head, labels, _recipe(stage, ground), assembled, ground, upto=upto)


def _fused(stage: Predict) -> list[str]:
    """The parts of the fusion that predicts; none for other modules."""
    module = stage.module
    if isinstance(module, Train | Mixture) and isinstance(module.base, Fuse):
        return [str(part.expression) for part in module.base.parts]
    return []


def _recipe(stage: Predict, ground: Base) -> Recipe:
    """A trained module says how its texts are cut; what is read untrained is read at full length."""
    if isinstance(stage.module, Train):
        return stage.module.recipe
    recipe = Recipe(max_length=min(512, ground.encoder.room))
    return dataclasses.replace(recipe, pooling=stage.reading.pooling) if stage.reading else recipe


def _write(out: Path, ids: Sequence[str], predictions: Sequence[Any]) -> None:
    with (out / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for name, prediction in zip(ids, predictions, strict=True):
            file.write(json.dumps({"id": name, "prediction": prediction}, ensure_ascii=False) + "\n")
