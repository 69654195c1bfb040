"""Measuring a device: lines through points, and stages that run through the code of any experiment."""

import time
from types import SimpleNamespace

import pytest

from xadapt.composition import Alone
from xadapt.experiment.models import planned
from xadapt.forecast import on_gpu
from xadapt.forecast.bench import Bench, Ran, train
from xadapt.forecast.measure import learning, line, predicting, side_by_side, training
from xadapt.forecast.model import Model, model
from xadapt.forecast.random_weights import random_model
from xadapt.forecast.reading import Reading
from xadapt.forecast.stepping import BESIDE
from xadapt.forecast.work import LEARNED, Forecaster, Work
from xadapt.memory.sizes import Sizes
from xadapt.recipe import Bottleneck, ModelSpec
from xadapt.sources.lock import Lock
from xadapt.stages.train import Train
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

from .plans import TOY, calibration


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


class Gpu(Bench):
    """A device on which a step takes the longer of host and tokens, and K trainings share the host."""

    host, token, beside, apart = 0.02, 1e-6, 0.15, 0.3

    def run(self, *stages):
        trained = [stage for stage in stages if isinstance(stage, Train)]
        tokens = sum({"mnli": 28, "squad": 48}[one.task] * one.recipe.batch for one in trained)
        step = max(self.host * (1 + self.beside * (len(trained) - 1)), self.token * tokens)
        rows = sum(one.data.rows[0].size for one in trained)
        stage = 0.5 * (1 + self.apart * (len(trained) - 1))
        return Ran(stage + 1e-4 * rows + step * self.steps, [(tokens, step)] * 3)


@pytest.fixture
def gpu(tmp_path):
    toy = planned(ModelSpec(name="toyworld"), Lock())
    return Gpu(toy, Context(store=Store(tmp_path)), time.perf_counter)


def test_a_gpu_is_measured_by_its_host_and_by_a_batch_that_keeps_it_busy(gpu):
    gpu.token = 2.5e-6
    on_gpu.pace(gpu)
    assert gpu.points[-1] == ("squad", 512) and gpu.steps == on_gpu.STEPS
    cost = training(gpu, Bottleneck(), Alone())
    assert (cost.step, cost.token) == pytest.approx((gpu.host, gpu.token))
    assert cost.row == pytest.approx(1e-4) and cost.stage == pytest.approx(0.5, rel=0.02)
    beside, apart = side_by_side(gpu, cost)
    assert beside == pytest.approx(gpu.beside) and apart == pytest.approx(gpu.apart, abs=0.02)
    costs, device = {"train bottleneck alone": cost}, {"memory": 24 * 2**30, "type": "cuda"}
    made = calibration(costs=costs, beside=beside, apart=apart, **device)
    for many, batch in ((1, 8), (9, 8), (9, 2000)):
        works = [
            Work(
                "train bottleneck alone",
                trained=100 * batch * 28.0,
                steps=100,
                model=Model("toyworld", TOY),
            )
        ] * many
        stages = [train(gpu, Bottleneck(), Alone(), batch=batch, seed=seed) for seed in range(many)]
        actual = gpu.run(*stages)
        spent = actual.seconds + (100 - gpu.steps) * actual.steps[0][1]
        assert made.together(works) == pytest.approx(spent, rel=0.05)


def test_a_gpu_that_nothing_keeps_busy_is_said_and_a_slow_one_is_measured_less(gpu):
    said = []
    gpu.token, gpu.say = 1e-9, said.append
    on_gpu.pace(gpu)
    assert len(said) == 1 and "busy" in said[0]
    slow = Gpu(gpu.model, gpu.context, gpu.clock)
    slow.token = 1e-3
    on_gpu.pace(slow)
    assert slow.steps == on_gpu.FEWER and slow.points == Bench.points and slow.tests == Bench.tests
    # Four short steps are the device's there: of the host they say nothing.
    assert side_by_side(slow, training(slow, Bottleneck(), Alone()))[0] == BESIDE


@pytest.mark.parametrize(("type", "name"), [("cuda", "xlm-roberta-large"), ("cpu", "toyworld")])
def test_a_gpu_is_measured_with_a_model_that_keeps_it_busy(tmp_path, monkeypatch, type, name):
    from cli import bench

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    placed = SimpleNamespace(device=SimpleNamespace(type=type))
    monkeypatch.setattr("xadapt.training.precision.accelerator", lambda *_: placed)
    monkeypatch.setattr(
        "xadapt.forecast.random_weights.random_model", lambda size, _: ModelSpec(name=size.name)
    )
    seen = []
    monkeypatch.setattr(
        "xadapt.forecast.measure.measure", lambda model, *_, **__: seen.append(model.name) or calibration()
    )
    bench.device(quiet=True)
    assert seen == [name]


@pytest.mark.slow
def test_the_way_of_a_gpu_runs_through_real_stages(tmp_path, monkeypatch):
    monkeypatch.setattr(on_gpu, "STEPS", 30)
    monkeypatch.setattr(on_gpu, "TESTED", 80)
    tiny = random_model(Model("tiny", Sizes(2, 64, 2, 128, 2500, 258)), tmp_path / "model")
    store = Store(tmp_path / "runs")
    store.prepare()
    bench = Bench(tiny, Context(store=store, device="cpu"), time.process_time)
    on_gpu.pace(bench)
    assert bench.every == 10 and bench.points[:3] == Bench.points
    cost = training(bench, Bottleneck(), Alone())
    assert cost.step > 0 and cost.token > 0
    assert all(0 <= share <= 1 for share in side_by_side(bench, cost))
    answer = predicting(bench, Bottleneck(), Alone())
    assert answer.stage + answer.token > 0


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
