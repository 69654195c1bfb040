"""Measuring a device: lines through points, and stages that run through the code of any experiment."""

import time

import pytest

from xadapt.composition import Alone
from xadapt.experiment.models import planned
from xadapt.forecast.measure import Bench, learning, line, predicting, train, training
from xadapt.forecast.model import Model, model
from xadapt.forecast.random_weights import random_model
from xadapt.forecast.reading import Reading
from xadapt.forecast.work import LEARNED, Forecaster
from xadapt.memory.sizes import Sizes
from xadapt.recipe import Bottleneck, ModelSpec
from xadapt.sources.lock import Lock
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store


def test_a_line_through_points_is_never_below_zero():
    assert line([(0, 1.0), (10, 3.0), (20, 5.0)]) == pytest.approx((1.0, 0.2))
    assert line([(10, 1.0), (20, 3.0)]) == pytest.approx((0.0, 4 / 30)), "no negative start"
    assert line([(10, 3.0), (20, 1.0)]) == pytest.approx((2.0, 0.0)), "no negative slope"


def test_a_baseline_costs_less_beyond_what_it_learns_from():
    few, whole, more = 0.1 + 40 * 3e-4, 0.1 + LEARNED * 3e-4, 0.1 + LEARNED * (3e-4 + 2 * 1e-4)
    cost = learning([few, whole, more])
    assert (
        cost.row == pytest.approx(1e-4)
        and cost.step == pytest.approx(2e-4)
        and cost.stage == pytest.approx(0.1)
    )


@pytest.mark.slow
def test_a_training_and_its_predictions_are_measured(tmp_path):
    store = Store(tmp_path / "runs")
    store.prepare()
    toy = planned(ModelSpec(name="toyworld"), Lock())
    bench = Bench(toy, Context(store=store, device="cpu"), time.process_time, steps=5, scale=8)
    cost, answer = training(bench, Bottleneck(), Alone()), predicting(bench, Bottleneck(), Alone())
    # Five steps of a thousand tokens take more than a millisecond and less than a minute.
    assert 1e-3 < 5 * (cost.step + 1000 * cost.token) < 60
    assert 0 < answer.token < cost.token
    stage = train(bench, Bottleneck(), Alone(), batch=32, rows=72)
    bench.run(stage)
    forecast, actual = Forecaster(Reading()).work(stage), store.record(stage.digest).notes["tokens"]
    assert forecast.tokens == pytest.approx(actual, rel=0.15)


@pytest.mark.slow
def test_a_model_of_any_size_is_made_with_random_weights(tmp_path):
    tiny = Model("tiny", Sizes(2, 64, 2, 128, 2500, 258))
    made = random_model(tiny, tmp_path / "model")
    assert model(made) == tiny
    store = Store(tmp_path / "runs")
    store.prepare()
    bench = Bench(made, Context(store=store, device="cpu"), time.process_time, steps=3, scale=8)
    ran = bench.run(train(bench, Bottleneck(), Alone(), batch=1, rows=8))
    assert len(ran.steps) == 2 and all(tokens > 0 and spent > 0 for tokens, spent in ran.steps)
