"""Embeddings of tasks: whose loss they are of, and what is alike."""

import numpy as np
import pytest
import torch

from xadapt.recommend.embedding import alike, squared, task_vectors
from xadapt.recommend.probe import Head, heads
from xadapt.recommend.question import data, trained_on
from xadapt.recommend.seen import Seen
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan


def of(made, name: str):
    """The embedding of a target, and its training."""
    asked = made.question(name)
    for outcome in run(Plan.of(list(dict.fromkeys(data(asked)))), made.context):
        assert outcome.error is None, outcome.error
    return task_vectors(asked.training, asked.training, 60, made.context), asked


@pytest.mark.parametrize("target", ["words", "quiz", "pick", "mood"])
def test_every_type_that_trains_on_labels_has_one_and_the_same_again(made, target):
    found, asked = of(made, target)
    layers = 4
    assert len(found) == 2 + 8 * layers
    every = np.concatenate(found)
    assert np.isfinite(every).all() and (every >= 0).all() and every.any()
    again = task_vectors(asked.training, asked.training, 60, made.context)
    for first, second in zip(found, again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_target_is_alike_to_the_module_of_its_own_task_alone(made):
    found, asked = of(made, "pick")
    said = {}
    for name, module in asked.modules.items():
        (one,) = trained_on(module)
        said[name] = alike(found, task_vectors(one, asked.training, 60, made.context))
    assert said["pick"] == pytest.approx(1) and 0 < said["mood"] < 0.99


def test_the_loss_is_that_of_a_normal_likelihood_up_to_a_constant():
    random = np.random.default_rng(0)
    head = Head(random.normal(size=4), random.normal(size=3), random.normal(size=(4, 3)))
    rows, right = random.normal(size=(2, 4)), np.eye(3)[[2, 0]]

    def likelihood(vectors: np.ndarray) -> float:
        mean = torch.from_numpy(head.usual + (vectors - head.middle) @ head.weights)
        density = torch.distributions.Normal(mean, 1.0).log_prob(torch.from_numpy(right))
        return float(density.sum(1).mean())

    moved = rows + random.normal(size=rows.shape)
    losses = [float(squared(torch.from_numpy(each), right, head, False)) for each in (rows, moved)]
    assert losses[1] - losses[0] == pytest.approx(likelihood(rows) - likelihood(moved))


def test_of_a_choice_what_all_have_in_common_counts_for_nothing():
    random = np.random.default_rng(0)
    head = Head(np.zeros(4), np.zeros(1), random.normal(size=(4, 1)))
    rows, right = torch.from_numpy(random.normal(size=(3, 4))), np.eye(3)[:, [1]]
    assert squared(rows, right, head, True) == pytest.approx(float(squared(rows + 5.0, right, head, True)))
    assert float(squared(rows, right, head, False)) != pytest.approx(
        float(squared(rows + 5.0, right, head, False))
    )


def test_the_head_of_a_row_was_fitted_without_its_group():
    random = np.random.default_rng(0)
    features, groups = random.normal(size=(40, 3)), np.repeat(np.arange(20), 2)
    right = np.eye(2)[random.integers(0, 2, 40)]
    folds, answering = heads(Seen(features, right, groups))
    assert all(len(set(folds[groups == group])) == 1 for group in range(20))
    changed = features.copy()
    changed[folds == 1] += 7.0
    other = heads(Seen(changed, right, groups))[1]
    np.testing.assert_array_equal(answering[1].weights, other[1].weights)
    assert not np.allclose(answering[0].weights, other[0].weights)


def test_scale_does_not_count_and_small_numbers_are_numbers():
    random = np.random.default_rng(0)
    first = [random.random(5).astype(np.float32), random.random(3).astype(np.float32), np.zeros(2)]
    small = [1e-25 * each for each in first]
    assert alike(first, small) == pytest.approx(1)
    apart = [np.eye(5)[0], np.eye(3)[1], np.zeros(2)]
    assert alike(apart, [np.eye(5)[1], np.eye(3)[1], np.ones(2)]) == pytest.approx(0.5)
    assert alike([np.zeros(2)], [np.ones(2)]) == 0
