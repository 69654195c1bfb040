"""LogME against the density of the data itself, and the probe against what can and cannot be told."""

import numpy as np
import pytest
import torch

from xadapt.recommend.logme import evidence, logme
from xadapt.recommend.probe import probe
from xadapt.recommend.seen import Seen


def plain(features: np.ndarray, y: np.ndarray, alpha: float, beta: float) -> float:
    """log p(y | F) / n of y ~ N(0, I / beta + F F' / alpha), in n dimensions."""
    cover = np.eye(len(y)) / beta + features @ features.T / alpha
    density = torch.distributions.MultivariateNormal(torch.zeros(len(y)).double(), torch.from_numpy(cover))
    return float(density.log_prob(torch.from_numpy(y))) / len(y)


def rows(count: int, width: int, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(count + width)
    features = random.normal(size=(count, width))
    return features, features @ random.normal(size=(width, 2)) + noise * random.normal(size=(count, 2))


@pytest.mark.parametrize(("count", "width"), [(40, 5), (30, 30), (20, 50)])
def test_the_evidence_is_the_density_of_the_targets(count, width):
    features, targets = rows(count, width)
    for column, found in zip(targets.T, evidence(features, targets), strict=True):
        assert found.value == pytest.approx(plain(features, column, found.alpha, found.beta), abs=1e-6)


def test_no_other_alpha_and_beta_have_more_evidence():
    features, targets = rows(60, 8)
    for column, found in zip(targets.T, evidence(features, targets), strict=True):
        for a in (0.7, 0.95, 1.05, 1.4):
            for b in (0.7, 0.95, 1.05, 1.4):
                assert plain(features, column, a * found.alpha, b * found.beta) < found.value


def test_its_weights_are_those_of_the_ridge():
    features, targets = rows(40, 6)
    found = evidence(features, targets)[0]
    matrix = found.alpha * np.eye(6) + found.beta * features.T @ features
    ridge = np.linalg.solve(matrix, found.beta * features.T @ targets[:, 0])
    np.testing.assert_allclose(found.weights, ridge, rtol=1e-6)


def test_features_of_lower_rank_and_a_label_that_no_row_has():
    features, _ = rows(30, 4)
    labels = np.eye(3)[np.arange(30) % 2]
    twice = np.hstack([features, features])
    found = evidence(twice, labels[:, :2])[0]
    assert found.value == pytest.approx(plain(twice, labels[:, 0], found.alpha, found.beta), abs=1e-6)
    assert logme(twice, labels) == logme(twice, labels[:, :2])


def test_scale_does_not_count_and_what_tells_labels_apart_does():
    random = np.random.default_rng(0)
    label = np.arange(80) % 2
    right = np.eye(2)[label]
    noise = random.normal(size=(80, 6))
    telling = noise + 2 * label[:, None]
    assert logme(100 * telling, right) == pytest.approx(logme(telling, right), abs=1e-4)
    assert logme(telling, right) > logme(noise, right)


def test_features_that_are_zero_have_no_evidence():
    with pytest.raises(ValueError, match="zero throughout"):
        evidence(np.zeros((4, 2)), np.ones((4, 1)))


def test_the_probe_finds_labels_that_features_tell_and_no_others():
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 200)
    noise = random.normal(size=(200, 5))
    telling = noise + 4 * label[:, None]
    groups = np.arange(200)
    assert probe(Seen(telling, np.eye(2)[label], groups)) > 95
    assert 35 < probe(Seen(noise, np.eye(2)[label], groups)) < 65


def test_rows_of_one_example_are_on_one_side():
    """Each example has a vector of its own, which would give its label away."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 4)
    right = np.eye(2)[random.integers(0, 2, 60)][groups]
    own = random.normal(size=(60, 200))[groups]
    assert probe(Seen(own, right, np.arange(240))) > 95
    assert probe(Seen(own, right, groups)) < 70


def test_of_a_choice_only_what_differs_within_it_counts():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(80), 3)
    right = np.zeros((240, 1))
    right[np.arange(80) * 3 + random.integers(0, 3, 80)] = 1
    context = 50 * random.normal(size=(80, 4))[groups]
    seen = Seen(context + right + 0.2 * random.normal(size=(240, 4)), right, groups, among=True)
    assert probe(seen) > 95
    sums = np.add.reduceat(seen.centred.features, np.arange(80) * 3)
    np.testing.assert_allclose(sums, 0, atol=1e-9)
    shuffled = Seen(context, right, groups, among=True)
    assert 100 / 3 - 20 < probe(shuffled) < 100 / 3 + 20


def test_a_probe_of_one_example_is_refused():
    with pytest.raises(ValueError, match="two examples"):
        probe(Seen(np.ones((3, 2)), np.ones((3, 1)), np.zeros(3)))
