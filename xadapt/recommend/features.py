"""Rows of a task -> vectors of the frozen encoder, as they are or with a module: what the methods look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xadapt import examples
from xadapt.errors import DataError
from xadapt.examples import Example
from xadapt.experiment.modules import Maker
from xadapt.recommend.seen import Seen
from xadapt.stages.mixture import Ingredient
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.context import Context

if TYPE_CHECKING:
    import tokenizers
    import torch

    from xadapt.recipe import Recipe
    from xadapt.task_types.items import Batch, Item

Read = Callable[["torch.Tensor", "Batch", "Recipe"], Sequence["torch.Tensor"]]
"""[tokens, width] of a batch -> for each item [rows, width], through which gradients flow."""
BESIDE = 8
"""Tokens beside the right ones that are drawn of each window of a text, so that memory stays small."""
LABELLED = ("classification", "choice", "tagging", "span")
"""Task types whose training data say what is right of a vector."""


@dataclass(frozen=True)
class _Reading:
    """A task type that answers with vectors, so that the one prediction loop reads them."""

    kind: Any
    read: Read

    def encode(
        self,
        rows: Sequence[Any],
        tokenizer: "tokenizers.Tokenizer",
        recipe: "Recipe",
        labels: Sequence[str],
    ) -> list["Item"]:
        found: list[Item] = self.kind.encode(rows, tokenizer, recipe, labels)
        return found

    def batch(self, items: Sequence["Item"], random: np.random.Generator, recipe: "Recipe") -> "Batch":
        made: Batch = self.kind.batch(items, random, recipe)
        return made

    def outputs(
        self, head: None, hidden: "torch.Tensor", batch: "Batch", recipe: "Recipe"
    ) -> list[np.ndarray]:
        return [vectors.float().cpu().numpy() for vectors in self.read(hidden, batch, recipe)]


def sample(trained: Train | Ingredient, rows: int, context: Context) -> list[Any]:
    """At most `rows` training examples of a task, the same ones every time, in their order."""
    from xadapt.training.restore import read

    found = read(trained.data, context)
    if len(found) <= rows:
        return found
    drawn = np.random.default_rng(0).choice(len(found), rows, replace=False)
    return [found[place] for place in sorted(drawn)]


def seen(training: Train, rows: Sequence[Example], module: Maker | None, context: Context) -> Seen:
    """What the head of a target would see of `rows` on a module, or on the bare encoder."""
    return looked_at(training, rows, training, module, context)[1]


def looked_at(
    trained: Train | Ingredient, rows: Sequence[Example], like: Train, module: Maker | None, context: Context
) -> tuple[list["Item"], Seen]:
    """The items of `rows` of any task, and what its head would see of them on the encoder of `like`.

    Raises DataError where they are too few for a probe.
    """
    kind, labels = task(trained.task).type, labels_of(trained, rows)
    items, found = _vectors(like, rows, labels, module, context, READ[kind], kind, trained.recipe)
    made = [right(kind, item, len(labels)) for item in items]
    counts = [len(vectors) for vectors in found]
    groups = np.repeat(np.arange(len(items)) if kind == "span" else [i.example for i in items], counts)
    if (count := len(set(groups))) < 2:
        where = " with an answer" if kind == "span" else ""
        rest = f"{'row' if count == 1 else 'rows'}{where} of {len(rows)} looked at"
        said = f"{trained.task}: {count} training {rest}"
        raise DataError(said, "to judge modules by what a head would see takes two or more")
    return items, Seen(np.concatenate(found), np.concatenate(made), groups, kind in ("choice", "span"))


def labels_of(trained: Train | Ingredient, rows: Sequence[Example]) -> Sequence[str]:
    return task(trained.task).labels or examples.labels(rows)


def text_vector(trained: Train | Ingredient, like: Train, rows: int, context: Context) -> np.ndarray:
    """[width]: the mean over texts of the mean over tokens of the bare encoder's last layer.

    TextEmb of Vu et al. 2020, "Exploring and Predicting Transferability across NLP Tasks". `like` says on
    which encoder. Texts are cut as the task cuts them, pairs as it joins them.
    """
    what, found = task(trained.task), sample(trained, rows, context)
    _, vectors = _vectors(
        like, found, labels_of(trained, found), None, context, _means, what.type, trained.recipe
    )
    mean: np.ndarray = np.concatenate(vectors).mean(0)
    return mean


def _vectors(
    training: Train,
    rows: Sequence[Any],
    labels: Sequence[str],
    module: Maker | None,
    context: Context,
    read: Read,
    kind: str,
    recipe: "Recipe",
) -> tuple[list["Item"], list[np.ndarray]]:
    """The items of `rows`, and what `read` takes of each; those of which it takes nothing are left out."""
    from xadapt.modeling.slot import Slot
    from xadapt.task_types import task_type
    from xadapt.training.answering import Answering
    from xadapt.training.restore import base, method_of, over, slot_of, whole

    made = module or training
    ground = base(training.model, context, whole(module) if module else None, method_of(made), (module,))
    slot = over(training.below, slot_of(module, ground, context) if module else Slot(), ground, context)
    reading: Any = _Reading(task_type(kind), read)
    answering = Answering(reading, None, labels, recipe, ground.assembled([slot]), ground)
    items = answering.encode(rows)
    found = [answer.output for answer in answering.forward(items)]
    kept = [place for place, vectors in enumerate(found) if len(vectors)]
    return [items[place] for place in kept], [found[place] for place in kept]


def _sentences(hidden: "torch.Tensor", batch: "Batch", recipe: "Recipe") -> Sequence["torch.Tensor"]:
    """Of each sequence the vector that a sentence head reads."""
    from xadapt.modeling.heads import pool

    return _split(pool(hidden, batch.lengths, recipe.pooling), [len(i.sequences) for i in batch.items])


def _means(hidden: "torch.Tensor", batch: "Batch", recipe: "Recipe") -> Sequence["torch.Tensor"]:
    from xadapt.modeling.heads import pool

    return _split(pool(hidden, batch.lengths, "mean"), [len(i.sequences) for i in batch.items])


def _words(hidden: "torch.Tensor", batch: "Batch", recipe: "Recipe") -> Sequence["torch.Tensor"]:
    """Of each word its first token."""
    return _split(hidden[batch.targets["at"]], [len(item.detail) for item in batch.items])


def _ends(hidden: "torch.Tensor", batch: "Batch", recipe: "Recipe") -> Sequence["torch.Tensor"]:
    """Start, end and some other tokens of each window that has the answer."""
    parts = hidden.split(list(batch.lengths))
    return [part[_kept(item)] for part, item in zip(parts, batch.items, strict=True)]


def _split(rows: "torch.Tensor", sizes: Sequence[int]) -> Sequence["torch.Tensor"]:
    parts: Sequence[torch.Tensor] = rows.split(list(sizes))
    return parts


def _kept(item: "Item") -> np.ndarray:
    """Token numbers, ascending; none of a window without the answer."""
    if item.target == (0, 0):
        return np.empty(0, dtype=np.int64)
    inside = np.setdiff1d(np.flatnonzero(item.detail[:, 0] >= 0), item.target)
    drawn = np.random.default_rng(item.example).permutation(inside)[:BESIDE]
    return np.unique([*item.target, *drawn])


READ: dict[str, Read] = {
    "classification": _sentences,
    "choice": _sentences,
    "tagging": _words,
    "span": _ends,
}


def right(kind: str, item: "Item", labels: int) -> np.ndarray:
    """[rows, columns] of 0 and 1 for the vectors of one item, out of so many labels."""
    if kind == "choice":
        return np.eye(len(item.sequences))[:, [item.target]]
    if kind == "span":
        return np.asarray(_kept(item)[:, None] == np.array(item.target), dtype=np.float64)
    found: np.ndarray = np.eye(labels)[np.atleast_1d(item.target)]
    return found
