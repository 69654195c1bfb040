"""A finished module that answers: `load` finds it, `Loaded.predict` takes rows and gives answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xadapt.errors import ConfigError, DataError
from xadapt.languages import language as named_language
from xadapt.modeling import head_format
from xadapt.recipe import Recipe
from xadapt.serving.answers import answers
from xadapt.serving.asked import Asked, Vectors, asked
from xadapt.serving.below import Below, given
from xadapt.serving.find import find
from xadapt.serving.recorded import Places
from xadapt.serving.rows import Ask, Row, ask, example, listed, placed
from xadapt.sources.published import Published
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.task_types import task_type
from xadapt.tasks import task as task_of
from xadapt.training import manifest
from xadapt.training.answering import Answering
from xadapt.training.restore import (
    Base,
    check_probe,
    folder_of,
    method_of,
    over,
    slot_of,
    whole,
)
from xadapt.training.restore import base as start
from xadapt.workflow.context import Context

ROWS = 1024
"""Rows that are read and answered at a time: memory does not grow with a file."""


@dataclass
class Loaded:
    """A module on its encoder, ready for rows of any language.

    Where it stands on language adapters (MAD-X), that of each row's language is put below it.
    """

    asked: Asked
    ground: Base
    context: Context
    below: Below
    labels: Sequence[str] = ()
    head: torch.nn.Module | None = None
    _answering: dict[str, Answering] = field(default_factory=dict)

    @property
    def ask(self) -> Ask:
        """What it asks of a row."""
        return ask(self.asked.kind, self.asked.task, self.labels)

    def predict(self, rows: Iterable[Row], language: str | None = None) -> list[Any]:
        """One answer per row (answers.py), in their order; a row may say its own `language`.

        Raises DataError naming row and field, UnknownName for a language that is unknown or has no adapter.
        """
        return list(self.stream(placed(rows), language))

    def vectors(self, texts: Iterable[str], language: str | None = None) -> np.ndarray:
        """[texts, width], float32: pooled hidden states, of a module that is read for retrieval.

        Raises DataError like `predict`, ConfigError for a module that answers with something else.
        """
        if self.ask.kind != "vector":
            raise ConfigError(
                f"{self.asked.title} answers with a {self.asked.kind}; load it with vectors=True"
            )
        return np.stack(self.predict([{"text": text} for text in listed(texts, "texts")], language))

    def stream(self, placed: Iterable[tuple[str, Row]], language: str | None = None) -> Iterator[Any]:
        """The same for rows with their place, `file:line`; holds no more than some of them."""
        source = iter(placed)
        while rows := list(islice(source, ROWS)):
            yield from self._block(rows, language)

    def _block(self, rows: Sequence[tuple[str, Row]], language: str | None) -> list[Any]:
        asked = self.ask
        groups: dict[tuple[str, int], list[tuple[int, Any]]] = {}
        for number, (place, row) in enumerate(rows):
            found = example(row, place, asked)
            code = self._language(row, place, language)
            # Questions of one number of choices are a batch of their own.
            groups.setdefault((code, len(getattr(found, "choices", ()))), []).append((number, found))
        results: dict[int, Any] = {}
        for (code, _), members in groups.items():
            examples = [each for _, each in members]
            given = answers(asked.kind, self.answering(code), examples)
            results.update(zip((number for number, _ in members), given, strict=True))
        return [results[number] for number in range(len(rows))]

    def _language(self, row: Row, place: str, language: str | None) -> str:
        said = row.get("language") or language
        if said is not None and not isinstance(said, str):
            raise DataError(f"{place}: field 'language': {said!r} is not text")
        return self.code(said, place)

    def code(self, language: str | None, place: str = "--language") -> str:
        """The code of a language that has an adapter; empty where it makes no difference.

        Raises UnknownName for a language that is unknown or has no adapter, ConfigError where one is needed.
        """
        code = named_language(language, place).code if language else ""
        return self.below.checked(code, place) if self.below else ""

    def answering(self, language: str) -> Answering:
        """The module on the adapter of a language, with its head."""
        kept = self._answering.get(language)
        # A library carries one module at a time: another one may have been put on since.
        if kept is None or self.ground.engine == "library":
            kept = self._answering[language] = self._made(language)
        return kept

    def _made(self, language: str) -> Answering:
        asked, ground = self.asked, self.ground
        below = self.below.of(language) if self.below else None
        slot = slot_of(asked.module, ground, self.context, asked.snapshot)
        assembled = ground.assembled([over(below, slot, ground, self.context)])
        if isinstance(asked.module, Train) and self.head is not None and below == asked.module.below:
            # On the adapter of another language it makes something else of its probe.
            folder = folder_of(asked.module, self.context, asked.snapshot)
            check_probe(folder, asked.module, ground, lambda: assembled, {str(asked.module.task): self.head})
        kind = task_type("retrieval" if asked.vectors else asked.kind)
        return Answering(kind, self.head, self.labels, self.recipe, assembled, ground, upto=asked.layer)

    @property
    def recipe(self) -> Recipe:
        """A trained module says how its texts are cut; what is read untrained is read at full length."""
        found = self.asked.recipe or Recipe(max_length=min(512, self.ground.encoder.room))
        return found if self.asked.pooling is None else replace(found, pooling=self.asked.pooling)


def load(
    module: str | Path,
    store: str | Path | None = None,
    *,
    task: str | None = None,
    vectors: Vectors | bool = False,
    base: str | Path | None = None,
    adapters: Mapping[str, str | Path] | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Loaded:
    """The module of a folder in a store, or of a digest or name in `store` (`runs` when not given).

    `task` chooses the head of a mixture, `vectors` reads sentence vectors in place of answers, `base` is the
    folder of an encoder of one's own, `adapters` names language adapters: language -> folder or digest.
    Raises UnknownName, ConfigError, DataError and IntegrityError, each with one line that says what to do.
    """
    record, kept = find(module, None if store is None else Path(store))
    own = None if base is None else Path(base)
    given_adapters = given(adapters or {}, kept, own)
    places = Places(own, {a.digest: a for a in given_adapters.values() if isinstance(a, Published)})
    how = Vectors() if vectors is True else vectors or None
    found = asked(record, kept, places, task, how)
    context = Context(kept, device=device, precision=precision)
    below = Below(found, kept, places, given_adapters)
    ground = start(
        found.model, context, whole(found.module), method_of(found.module), modules=(found.module,)
    )
    head, labels = _head(found, ground, context)
    return Loaded(found, ground, context, below, labels, head)


def _head(found: Asked, ground: Base, context: Context) -> tuple[torch.nn.Module | None, Sequence[str]]:
    """The head that answers, with its labels in order; none for vectors."""
    module = found.module
    if found.vectors or not isinstance(module, Train | Mixture):
        return None, ()
    folder = folder_of(module, context, found.snapshot)
    place = folder / found.heads
    labels = task_of(found.task).labels or head_format.labels(place)
    if isinstance(module, Train):
        manifest.check_head(folder, module, labels)
    head = task_type(found.kind).head(ground.encoder, labels, 0)
    head_format.load_head(place, head, found.kind, labels)
    return head.to(ground.placed.device).eval(), labels
