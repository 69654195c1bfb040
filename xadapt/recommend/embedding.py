"""TaskEmb: what a task asks of the encoder, as vectors, and how much two tasks ask for the same.

Vu et al. 2020, "Exploring and Predicting Transferability across NLP Tasks", section 4: the empirical Fisher
information of the weights under the task's likelihood, by cosine. Theirs is of a model that was trained on
the task; here the encoder stays as it is and a head alone is fitted, as in Task2Vec (Achille et al. 2019), so
that a target need not be trained. The heads are those of the probe, whose likelihood is normal, and the one
that answers for a row was fitted without it: in-sample, the squared gradients of a head that has learnt its
few rows by heart are those of the few it has not.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xadapt.recommend.features import READ, labels_of, looked_at, right, sample
from xadapt.recommend.probe import Head, heads
from xadapt.stages.mixture import Ingredient
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.workflow.context import Context

if TYPE_CHECKING:
    import torch

    from xadapt.task_types.items import Batch

ITEMS = 100
"""Drawn of those that heads are fitted on: gradients are averaged over these, a backward for each."""


def task_vectors(trained: Train | Ingredient, like: Train, rows: int, context: Context) -> list[np.ndarray]:
    """The Fisher information of each bias and norm of the bare encoder, [its length], in the encoder's order.

    `like` says on which encoder. No module is on it, so nothing that has been trained enters, and the
    embedding of a target is made as that of an intermediate task is.
    """
    from xadapt.modeling.slot import Slot
    from xadapt.task_types import task_type
    from xadapt.training.fisher import fisher
    from xadapt.training.restore import base, method_of, over

    kind, drawn = task(trained.task).type, sample(trained, rows, context)
    items, seen = looked_at(trained, drawn, like, None, context)
    labels = len(labels_of(trained, drawn))
    true = [right(kind, item, labels) for item in items]
    folds, answering = heads(seen)
    fold_of = folds[np.cumsum([0, *map(len, true)])[:-1]]
    chosen = np.sort(np.random.default_rng(0).permutation(len(items))[:ITEMS])
    ground = base(like.model, context, None, method_of(like))
    assembled = ground.assembled([over(like.below, Slot(), ground, context)])

    def loss(hidden: "torch.Tensor", at: int, batch: "Batch") -> "torch.Tensor":
        (found,) = READ[kind](hidden, batch, trained.recipe)
        return squared(found, true[chosen[at]], answering[fold_of[chosen[at]]], seen.among)

    return fisher(
        [items[place] for place in chosen], loss, task_type(kind), trained.recipe, assembled, ground
    )


def squared(found: "torch.Tensor", true: np.ndarray, head: Head, among: bool) -> "torch.Tensor":
    """Vectors of one item, [rows, width], and what is right, [rows, columns] -> half the mean squared error.

    That is minus the log-likelihood, of a normal one of variance 1, up to a constant. Where one row is right
    `among` all, only what differs between them counts.
    """
    import torch

    middle, usual, weights = (torch.from_numpy(each).to(found) for each in head)
    wanted = torch.from_numpy(true).to(found)
    if among:
        found, wanted = found - found.mean(0), wanted - wanted.mean(0)
    errors = wanted - usual - (found - middle) @ weights
    return (errors**2).sum(1).mean() / 2


def alike(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> float:
    """The cosine for each vector of the encoder, and the mean of these: 0 to 1.

    Each counts the same, whatever its scale; those without any gradient under a task are left out.
    """
    pairs = [
        (a.astype(np.float64), b.astype(np.float64))
        for a, b in zip(first, second, strict=True)
        if a.any() and b.any()
    ]
    every = [a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairs]
    return float(np.mean(every)) if every else 0.0
