"""What a GPU runs side by side, and what the forecast says of it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from cli.beside import planned as groups_of
from cli.beside import running
from xadapt.errors import ConfigError, DoesNotFit
from xadapt.forecast import packing
from xadapt.forecast.reading import Reading
from xadapt.forecast.stated import STATED, Cost
from xadapt.forecast.stepping import Steps, seconds
from xadapt.forecast.table import forecast
from xadapt.forecast.within import limit
from xadapt.forecast.work import Forecaster
from xadapt.memory.choose import usable
from xadapt.memory.estimate import How
from xadapt.stages.train import Train
from xadapt.training import budget
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

from .plans import calibration, planned

H200 = STATED["h200"]


def trained(plan, groups) -> list[list[Train]]:
    """The groups of trainings."""
    assert sorted(s.digest for group in groups for s in group) == sorted(plan.by_digest)
    return [list(group) for group in groups if isinstance(group[0], Train)]


@pytest.fixture
def small(tmp_path):
    return planned(tmp_path)


def test_a_gpu_takes_every_ready_training_and_a_processor_one(small):
    _, plan = small
    groups = trained(plan, groups_of(plan, None, H200, None))
    assert len(groups) == len({stage.depth for group in groups for stage in group}) == 2
    assert len({stage.task for stage in groups[0]}) > 1, "ragged ones, with lengths of their own"
    for device in (None, calibration()):
        assert all(len(group) == 1 for group in trained(plan, groups_of(plan, None, device, None)))
    assert [len(group) for group in trained(plan, groups_of(plan, None, H200, 2))[:2]] == [2, 2]
    assert packing.said(groups) == f"side by side: {sum(map(len, groups))} trainings, as " + ", ".join(
        f"1 x {size}" for size in sorted(map(len, groups), reverse=True)
    )
    assert packing.said([[group[0]] for group in groups]) is None


def test_trainings_on_the_same_batches_stand_together(small):
    _, plan = small
    for most in (2, 3, 5):
        for group in trained(plan, plan.groups(most)):
            data = [stage.alike() for stage in group]
            assert data == sorted(data, key=data.index), "no other one between two that are alike"
    deep = [group for group in trained(plan, plan.groups(3)) if group[0].depth == 3]
    assert any(len(group) == 3 and len({stage.data.digest for stage in group}) == 1 for group in deep)


def test_no_more_than_tokens_that_a_gpu_gains_from_and_memory(small, monkeypatch):
    _, plan = small
    forecaster = Forecaster(Reading())
    whole = [trained(plan, plan.groups(*packing.on_gpu(None, None, None, "bf16")))][0]
    works = [forecaster.work(stage) for stage in whole[0]]
    monkeypatch.setattr(packing, "SATURATING", sum(one.step for one in works) - 1)
    assert len(trained(plan, plan.groups(*packing.on_gpu(None, None, None, "bf16")))[0]) == len(whole[0]) - 1
    assert len(trained(plan, plan.groups(*packing.on_gpu(64, None, None, "bf16")))[0]) == len(whole[0])
    # What all of them hold, and one byte less.
    held = forecaster.peak(works)
    for less, size in ((0, len(works)), (1, len(works) - 1)):
        fits = packing.beside(None, "bf16", 1e9, held - less)
        assert len(trained(plan, plan.groups(64, fits))[0]) == size


def test_a_run_on_a_gpu_packs_into_its_memory(small, tmp_path, monkeypatch):
    _, plan = small
    context = Context(store=Store(tmp_path / "runs"), device="cpu")
    assert running(plan, context, None, "", 1, plan.stages) == (context, 1, None)
    assert running(plan, context, 3, "", 1, plan.stages) == (context, 3, None)
    monkeypatch.setattr("cli.beside._may_have_gpu", lambda device: True)
    assert running(plan, context, None, "", 1, plan.stages) == (context, 1, None), "there is none after all"
    monkeypatch.setattr(budget, "room", lambda context, workers: 24 * 2**30 // workers)
    for together in (None, 2):
        own, most, fits = running(plan, context, together, "", 1, plan.stages)
        assert own == context and most == (together or packing.MOST)
        assert plan.groups(most, fits) == groups_of(plan, None, STATED["rtx3090"], together)
    within, most, fits = running(plan, context, None, "2GB", 1, plan.stages)
    assert within.memory == 2 * 2**30 and max(map(len, plan.groups(most, fits))) > 1


@pytest.mark.parametrize("workers", [1, 2])
def test_what_an_allocator_cannot_use_is_taken_off_once(small, tmp_path, monkeypatch, workers):
    """24 GB, in a run and in the forecast of one."""
    _, plan = small
    budgets, whole = [], SimpleNamespace(total_memory=24 * 2**30)
    monkeypatch.setattr("cli.beside._may_have_gpu", lambda device: True)
    monkeypatch.setattr(budget, "where", lambda context: (torch.device("cuda"), How("bf16")))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *_: whole)
    monkeypatch.setattr(packing, "beside", lambda *given: budgets.append(given[-1]) or (lambda stages: True))
    context = Context(store=Store(tmp_path / "runs"), device="cpu")
    running(plan, context, None, "", workers, plan.stages)
    groups_of(plan, None, STATED["rtx3090"], None, workers=workers)
    assert budgets == [usable(24 * 2**30 // workers, "cuda")] * 2
    assert budgets[0] * workers > 20 * 2**30


def test_finished_trainings_are_no_reason_to_refuse_an_amount(small, tmp_path):
    _, plan = small
    trainings = [stage for stage in plan.stages if isinstance(stage, Train)]
    rest = [stage for stage in plan.stages if stage.kind == "score"]
    context = Context(store=Store(tmp_path / "runs"), device="cpu")
    for missing in (rest, []):
        within, *_ = running(plan, context, None, "600MB", 1, missing)
        assert within.memory == 600 * 2**20 and within.bits is None
        assert limit("600MB", plan.stages, 1, How("fp32"), "cpu", missing).how.bits is None
    for ask in (
        lambda: running(plan, context, None, "600MB", 1, trainings[-1:]),
        lambda: limit("600MB", plan.stages, 1, How("fp32"), "cpu", trainings[-1:]),
    ):
        with pytest.raises(DoesNotFit, match="--memory 600 MB: one example of"):
            ask()
    with pytest.raises(ConfigError, match="'lots' is no amount"):
        running(plan, context, None, "lots", 1, [])


def test_hours_and_memory_follow_what_runs_side_by_side(small):
    asked, plan = small
    missing = list(plan.stages)

    def of(together: int, device):
        forecaster = Forecaster(Reading(), device.precision)
        return forecast(plan, missing, asked, forecaster, device, groups_of(plan, None, device, together))

    bound = {name: Cost(step=0.5, token=1e-6) for name in calibration().costs}
    # Long steps of the host: they are what is shared, not loading an encoder, which is paid once.
    for device in (replace(H200, launch=50.0), replace(calibration(), memory=24 * 2**30, costs=bound)):
        one, many = of(1, device).kinds["train"], of(9, device).kinds["train"]
        assert many.seconds < 0.7 * one.seconds and many.tokens == one.tokens
        assert many.memory > 1.2 * one.memory
    assert of(9, H200).total.seconds == pytest.approx(sum(of(9, H200).seconds.values()))


def test_steps_side_by_side_share_their_overhead_until_each_is_over():
    long, short = Steps(10, 1.0, 0.5), Steps(4, 0.8, 0.25)
    assert seconds([long], 0.1, overlaps=False) == pytest.approx(15.0)
    assert seconds([long], 0.1, overlaps=True) == pytest.approx(10.0)
    both = 4 * (1.0 + 0.1 * 0.8 + 0.75) + 6 * 1.5
    assert seconds([short, long], 0.1, overlaps=False) == pytest.approx(both)
    busy = [Steps(5, 1.0, 0.9), Steps(5, 1.0, 0.9)]
    assert seconds(busy, 0.1, overlaps=True) == pytest.approx(5 * 1.8), (
        "the device is busy longer than the host"
    )


def test_a_step_of_one_training_is_what_it_was(small):
    _, plan = small
    device = calibration()
    for stage in plan.stages:
        if isinstance(stage, Train):
            work = Forecaster(Reading()).work(stage)
            cost = device.costs.get(work.cost)
            if cost:
                expected = cost.stage + cost.step * work.steps + cost.token * work.tokens
                assert device.seconds(work) == pytest.approx(expected)
