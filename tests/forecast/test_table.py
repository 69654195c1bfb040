"""What a plan costs by kind, by composition, and what its trainings are shared by."""

import pytest

from xadapt.composition import Multitask, Stack, WithText
from xadapt.forecast.reading import Reading
from xadapt.forecast.table import forecast, form
from xadapt.forecast.work import Forecaster
from xadapt.stages.train import Train

from .plans import calibration, planned


@pytest.fixture
def costs(tmp_path):
    asked, plan = planned(tmp_path)
    return plan, forecast(plan, plan.stages, asked, Forecaster(Reading()), calibration())


def test_kinds_and_compositions_add_up_to_the_same(costs):
    plan, found = costs
    assert found.total.stages == found.total.to_do == len(plan.stages)
    for name in ("stages", "tokens", "seconds", "disk", "trainings"):
        by_kind = getattr(found.total, name)
        assert sum(getattr(price.adds, name) for price in found.prices) == pytest.approx(by_kind)


def test_a_composition_pays_for_what_those_above_it_have_not(costs):
    _, found = costs
    price = {each.composition: each for each in found.prices}
    assert list(price) == ["baselines", "alone", "stack", "fuse"]
    # MNLI and SQuAD, whose modules are the targets of XNLI and XQuAD.
    assert price["alone"].adds.trainings == 2
    assert price["stack"].adds.trainings == 4 and price["stack"].alone.trainings == 6
    assert price["fuse"].adds.trainings == 2 and price["fuse"].alone.trainings == 4
    assert price["fuse"].alone.seconds > price["fuse"].adds.seconds


def test_xquad_and_mlqa_share_each_training_on_squad(costs):
    plan, found = costs
    shared = {one.digest: one.targets for one in found.shared}
    trained = [stage for stage in plan.stages if isinstance(stage, Train)]
    own = [stage for stage in trained if stage.task == "squad" and stage.base.parts]
    assert len(own) == 3
    # One number of English and one of qaa for XQuAD; MLQA has the same languages here.
    assert all(shared[stage.digest] == {"xquad": 2, "mlqa": 2} for stage in own)


def test_of_what_is_there_nothing_is_to_do(tmp_path):
    asked, plan = planned(tmp_path)
    found = forecast(plan, [], asked, Forecaster(Reading()), calibration())
    assert found.total.to_do == 0 and found.total.stages == len(plan.stages) and found.total.seconds is None


def test_a_composition_without_its_tasks():
    assert form(Stack(("mnli",))) == "stack"
    assert form(Stack((Multitask(("mnli", "squad")),))) == "stack(multitask)"
    assert form(Stack((WithText(("mnli",)),))) == "stack(one + mlm)"
