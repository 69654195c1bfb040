"""Forecast against actual, on a store whose records say what a run would have left."""

import json
import os
from pathlib import Path

import pytest

from xadapt.forecast.check import check
from xadapt.forecast.reading import Reading
from xadapt.forecast.stated import STATED, Cost
from xadapt.forecast.text import checked
from xadapt.forecast.work import Forecaster
from xadapt.memory.reached import BEYOND, Resident
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


def test_of_a_resumed_training_the_steps_since_then_are_forecast(tmp_path):
    _, plan = planned(tmp_path)
    whole, tail = Store(tmp_path / "runs"), Store(tmp_path / "again")
    finished(whole, plan.stages)
    finished(tail, plan.stages, resumed_at_step=3)
    first, second = (check(plan, store, calibration(), None) for store in (whole, tail))
    assert any("resumed" in remark for remark in second.remarks)
    before, after = first.kinds["train"], second.kinds["train"]
    assert after.tokens == pytest.approx(before.tokens / 2) and after.seconds < before.seconds
    assert after.disk == before.disk
    # A record has as many digits as the seconds in it.
    first.kinds["predict"].actual_disk = second.kinds["predict"].actual_disk
    assert first.kinds["predict"] == second.kinds["predict"]


def test_the_record_itself_is_on_the_disk_too(ran):
    plan, store = ran
    pair = check(plan, store, None, None).total
    whole = sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())
    assert pair.actual_disk == whole


def test_times_of_another_device_are_remarked(tmp_path):
    _, plan = planned(tmp_path)
    store = Store(tmp_path / "runs")
    finished(store, plan.stages, device="cpu")
    for device, said in ((STATED["h200"], True), (calibration(), False)):
        remarks = check(plan, store, device, None).remarks
        assert any("ran on cpu" in remark and "h200" in remark for remark in remarks) == said


def test_trainings_side_by_side_that_cost_nothing_are_checked(tmp_path):
    _, plan = planned(tmp_path)
    store = Store(tmp_path / "runs")
    trainings = [stage for stage in plan.stages if isinstance(stage, Train)]
    finished(store, trainings[:2], together=[stage.digest for stage in trainings[:2]])
    free = calibration(costs={name: Cost() for name in calibration().costs})
    assert check(plan, store, free, None).kinds["train"].seconds == 0.0


def test_an_unreadable_record_is_named_and_the_rest_is_checked(ran):
    plan, store = ran
    victim = next(stage for stage in plan.stages if isinstance(stage, Train))
    (store.folder(victim.digest) / "record.json").write_text("{")
    found = check(plan, store, None, None)
    assert found.total.stages == len(plan.stages) - 1
    assert [remark for remark in found.remarks if victim.digest in remark and victim.title() in remark]
    reading = Reading(store)
    reading.learn(plan.stages, plan.stages)
    assert list(reading.unreadable) == [victim.digest]


HELD = {"expected_bytes": 900, "expected": {"weights": 400}}


@pytest.mark.parametrize(
    ("notes", "pair"),
    [
        ({"device": "cpu", "peak_memory_of": BEYOND}, (500, 600)),
        ({"device": "NVIDIA"}, (900, 600)),
        ({"device": "cpu"}, None),
    ],
)
def test_memory_is_compared_where_both_are_of_the_same(tmp_path, notes, pair):
    _, plan = planned(tmp_path)
    store = Store(tmp_path / "runs")
    finished(store, plan.stages, peak_memory_bytes=600, memory=HELD, **notes)
    found = check(plan, store, None, None)
    assert (found.kinds["train"].memory, found.kinds["train"].actual_memory) == (pair or (0, 0))
    assert any("whole process" in remark for remark in found.remarks) == (pair is None)
    head, *lines = checked(found)
    assert "disk" in head and "memory" in head and (" 500 B " in " ".join(lines)) == (pair == (500, 600))


def test_what_a_process_takes_counts_from_the_start():
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("the system cannot begin to count anew")
    held = bytearray(os.urandom(1 << 20)) * 60
    now = Resident()
    assert now.peak() < 20 << 20
    more = bytearray(os.urandom(1 << 20)) * 40
    assert len(held) > len(more)
    del more
    assert 38 << 20 < now.peak() < 80 << 20
    assert Resident(Path("/nowhere")).peak() is None
