"""The encoded items of a data stage, tokenised once per tokenizer and kept in the store.

What decides the items is the key: the data, the tokenizer with the package that runs it, the task type,
how texts are cut, the labels, and the code that encodes. That code is hashed here, and only here: this is
no result, and items of older code would be taken for those of the new.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast

import tokenizers

from xadapt import examples
from xadapt.declared import Declared
from xadapt.errors import DataError
from xadapt.recipe import Recipe
from xadapt.stages.data import Data
from xadapt.task_types import TaskType, items, task_type
from xadapt.task_types.flat import FORMAT, Flat, Writer
from xadapt.task_types.items import Item
from xadapt.tasks import task
from xadapt.training.restore import read
from xadapt.workflow import derived
from xadapt.workflow.context import Context
from xadapt.workflow.digest import digest_of
from xadapt.workflow.record import package_versions

BLOCK = 4096
"""Examples that are read, encoded and written at a time, where each is encoded by itself."""


class Encoded(NamedTuple):
    labels: tuple[str, ...]
    items: Sequence[Item]


def encoded(
    data: Data,
    what: str | Declared,
    labels: Sequence[str],
    tokenizer: tokenizers.Tokenizer,
    recipe: Recipe,
    context: Context,
) -> Encoded:
    """The items of a finished stage as task `what` reads them; without `labels` those that the data have.

    Raises DataError when there are no examples, IntegrityError when the data were changed.
    """
    # What is kept must not hide that the data were changed.
    context.store.path(data)
    kind = task_type(task(what).type)
    # Encoding sees no more of a recipe than the key says of it.
    cut = Recipe(max_length=recipe.max_length, stride=recipe.stride)
    work = _Work(data, kind, tuple(labels), tokenizer, cut, context)
    shared = kind.shared(tokenizer) if hasattr(kind, "shared") else None

    def opening(found: derived.Kept) -> Encoded:
        return Encoded(tuple(found.facts["labels"]), Flat(found.folder, found.facts, shared))

    return derived.read(context.store, work.key, work.write, opening)


def encoded_training(
    data: Data,
    what: str | Declared,
    labels: Sequence[str],
    tokenizer: tokenizers.Tokenizer,
    recipe: Recipe,
    context: Context,
) -> Encoded:
    """What a training draws from: pairs where the type trains on them."""
    kind = task_type(task(what).type)
    found = encoded(data, what, labels, tokenizer, recipe, context)
    if not hasattr(kind, "training"):
        return found
    return found._replace(items=kind.training(read(data, context), found.items))


class _Work(NamedTuple):
    """What decides the items of a data stage."""

    data: Data
    kind: TaskType
    labels: tuple[str, ...]
    tokenizer: tokenizers.Tokenizer
    recipe: Recipe
    context: Context

    @property
    def key(self) -> str:
        return digest_of(
            {
                "format": FORMAT,
                "data": self.data.digest,
                "tokenizer": fingerprint(self.tokenizer),
                "tokenizers": package_versions().get("tokenizers"),
                "encoding": _code(cast(ModuleType, self.kind)),
                "max_length": self.recipe.max_length,
                "stride": self.recipe.stride,
                "labels": list(self.labels),
            }
        )

    def read(self) -> Iterator[Any]:
        name = cast(ModuleType, self.kind).__name__.rsplit(".", 1)[-1]
        return examples.read(self.context.store.path(self.data) / "examples.jsonl", name)

    def write(self, folder: Path) -> dict[str, Any]:
        """Encode into the files of a folder."""
        labels = self.labels or examples.labels(self.read())
        writer = Writer(folder, hasattr(self.kind, "shared"))
        source, first = self.read(), 0
        size = BLOCK if getattr(self.kind, "BY_EXAMPLE", False) else None
        try:
            while block := list(islice(source, size)):
                writer.add(self.kind.encode(block, self.tokenizer, self.recipe, labels), first)
                first += len(block)
        finally:
            facts = writer.close()
        if not first:
            raise DataError(f"{self.data.title()}: no examples")
        return facts | {"labels": labels}


@lru_cache(maxsize=4)
def fingerprint(tokenizer: tokenizers.Tokenizer) -> str:
    """SHA-256 of all that a tokenizer is, however its files are laid out."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return hashlib.sha256(tokenizer.to_str().encode()).hexdigest()


@lru_cache
def _code(kind: ModuleType) -> str:
    """Of the sources from which examples are read and encoded; names the task type too."""
    sources = [Path(str(module.__file__)) for module in (kind, items, examples)]
    return digest_of([[path.name, path.read_text(encoding="utf-8")] for path in sources])
