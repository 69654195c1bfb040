"""Forecast against actual, on a store whose records say what a run would have left."""

import json

import pytest

from xadapt.forecast.check import check
from xadapt.forecast.reading import Reading
from xadapt.forecast.work import Forecaster
from xadapt.stages.data import Data
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.store import Store

from .plans import calibration, planned


def finished(store, stages, **more):
    """Records as of a run whose texts are twice as long as the table says, at 3 s a training."""
    forecaster = Forecaster(Reading())
    for stage in stages:
        work = forecaster.work(stage)
        with store.writing(stage) as made:
            made.out.joinpath("file").write_text("x" * 100)
            if isinstance(stage, Data):
                made.notes.update(kept=round(work.rows))
            if isinstance(stage, Predict):
                made.notes.update(tokens=round(2 * work.read), predicting_seconds=0.5)
            if isinstance(stage, Train):
                tokens, items = round(2 * work.trained), round(work.rows)
                made.notes.update(
                    tokens=tokens, steps=work.steps, items=items, training_seconds=3.0, threads=1
                )
                made.notes.update(more)


@pytest.fixture
def ran(tmp_path):
    _, plan = planned(tmp_path)
    store = Store(tmp_path / "runs")
    finished(store, plan.stages)
    return plan, store


def test_tokens_and_seconds_stand_beside_those_of_the_records(ran):
    plan, store = ran
    found = check(plan, store, calibration(), None)
    trainings = [stage for stage in plan.stages if isinstance(stage, Train)]
    pair = found.kinds["train"]
    assert pair.stages == len(trainings) and pair.actual_seconds == pytest.approx(3.0 * len(trainings))
    assert pair.tokens / pair.actual_tokens == pytest.approx(0.5, rel=1e-3)
    device = calibration()
    assert pair.seconds == pytest.approx(
        sum(device.seconds(Forecaster(Reading()).work(s)) for s in trainings)
    )
    assert found.total.stages == len(plan.stages)
    assert json.loads(json.dumps(found.facts()))["kinds"]["train"]["tokens"]["ratio"] == pytest.approx(
        0.5, rel=1e-3
    )


def test_what_ran_side_by_side_is_shared_out(tmp_path):
    _, plan = planned(tmp_path)
    store = Store(tmp_path / "runs")
    trainings = [stage for stage in plan.stages if isinstance(stage, Train)]
    finished(store, trainings[:2], together=[stage.digest for stage in trainings[:2]])
    assert check(plan, store, None, None).kinds["train"].actual_seconds == pytest.approx(3.0)


def test_what_has_run_says_the_tokens_of_what_is_to_do(ran, tmp_path):
    plan, store = ran
    blind, reading = Forecaster(Reading()), Reading(store)
    # One more stage of each kind on the same data, as with another seed.
    _, again = planned(tmp_path, "seeds = [2]\n" + (tmp_path / "small.toml").read_text(), "again.toml")
    new = [stage for stage in again.stages if stage not in store]
    reading.learn([*plan.stages, *again.stages], new)
    knowing = Forecaster(reading)
    for stage in new:
        if isinstance(stage, Train | Predict):
            assert knowing.work(stage).tokens == pytest.approx(2 * blind.work(stage).tokens, rel=0.01)


def test_a_resumed_training_is_named(tmp_path):
    _, plan = planned(tmp_path)
    store = Store(tmp_path / "runs")
    finished(store, plan.stages, resumed_at_step=3)
    assert any("resumed" in remark for remark in check(plan, store, None, None).remarks)
