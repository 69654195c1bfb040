"""Devices: how costs become seconds, and where calibrations are kept."""

import json
from dataclasses import replace

import pytest

from xadapt.errors import ConfigError, DataError, UnknownName
from xadapt.forecast import device as devices
from xadapt.forecast import machine
from xadapt.forecast.device import STATED, Cost, device, keep, place
from xadapt.forecast.loading import loadings
from xadapt.forecast.model import KNOWN, Model
from xadapt.forecast.reading import Reading
from xadapt.forecast.table import forecast
from xadapt.forecast.work import Forecaster, Work
from xadapt.memory.sizes import Sizes
from xadapt.workflow.record import package_versions

from .plans import SMALL, TOY, calibration, planned

TOY_MODEL = Model("toyworld", TOY)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_cost_adds_stage_steps_tokens_and_rows():
    work = Work("train bottleneck alone", rows=10, trained=1000, steps=5, model=TOY_MODEL)
    assert calibration().seconds(work) == pytest.approx(1.0 + 5 * 0.1 + 1000 * 1e-3)


def test_what_was_not_measured_costs_what_is_nearest():
    known = calibration()
    plain = known.seconds(Work("train bottleneck alone", trained=1000, steps=5, model=TOY_MODEL))
    assert known.seconds(Work("train ia3 alone", trained=1000, steps=5, model=TOY_MODEL)) == plain
    full = known.seconds(Work("train full alone", trained=1000, steps=5, model=TOY_MODEL))
    assert full == pytest.approx(plain + 0.5)
    assert known.seconds(Work("score mining")) == pytest.approx(0.01)


def test_a_prediction_goes_forward_alone_whatever_was_trained():
    known = calibration()
    every = [Work(f"predict {name} alone", read=1000, model=TOY_MODEL) for name in ("bottleneck", "full")]
    plain, full = map(known.seconds, every)
    assert full == plain == pytest.approx(0.5 + 1000 * 1e-4)


def test_what_stops_at_a_layer_costs_so_many_layers():
    known, large = calibration(), Model("large", KNOWN["xlm-roberta-large"])
    whole = Work("predict bottleneck alone", read=1000, model=large)
    tokens = [known.seconds(replace(whole, depth=share)) - 0.5 for share in (1.0, 14 / 24)]
    assert tokens[1] == pytest.approx(14 / 24 * tokens[0])


def test_queries_are_compared_with_candidates_at_a_cost():
    work = Work("predict bottleneck alone", read=1000, model=TOY_MODEL)
    searches = replace(work, pairs=1e9)
    for known in (calibration(), calibration(memory=2**34, type="cuda")):
        assert known.seconds(searches) > known.seconds(work) + 1.0


def test_fusion_costs_between_few_and_many_and_beyond():
    def seconds(mixed):
        work = Work("train bottleneck fuse", trained=1000, steps=0, mixed=mixed, model=TOY_MODEL)
        return calibration().seconds(work) - 1.0

    assert seconds(0.125) == pytest.approx(1.0) and seconds(3.0) == pytest.approx(3.0)
    assert 1.0 < seconds(1.0) < 2.0 < seconds(4.0)


def test_a_larger_model_costs_in_proportion():
    large = Model("large", KNOWN["xlm-roberta-large"])
    work = Work("train bottleneck alone", trained=1000, steps=0, model=TOY_MODEL)
    small = calibration().seconds(work) - 1.0
    ratio = large.forward(64) / TOY_MODEL.forward(64)
    assert calibration().seconds(replace(work, model=large)) - 1.0 == pytest.approx(ratio * small)


def test_a_stated_device_is_bound_by_its_host_or_by_its_operations():
    h200 = STATED["h200"]
    large = Model("large", KNOWN["xlm-roberta-large"])
    few = Work("train lora alone", trained=1e6, steps=1000, flops=1e6 * 1.2e9, model=large)
    # A thousand steps at 11 ms against 1.2e15 operations, of which the device does a third of 1e15 a second.
    assert h200.seconds(few) > 1000 * h200.launch
    many = replace(few, trained=1e9, flops=1e9 * 1.2e9)
    assert h200.seconds(many) == pytest.approx(1.2e18 / (h200.peak * h200.efficiency), rel=0.01)
    assert "assumed" in h200.basis


def test_a_calibration_is_kept_found_and_replaced(cache):
    assert device(None, TOY_MODEL) is None
    with pytest.raises(ConfigError, match="calibrated"):
        device("calibrated", TOY_MODEL)
    assert keep(calibration()) == cache / "xadapt" / "devices.json"
    keep(calibration(date="2026-02-02"))
    keep(calibration(threads=2))
    assert [(made.threads, made.date) for made in devices.calibrations()] == [
        (2, "2026-01-01"),
        (1, "2026-02-02"),
    ]
    assert device(None, TOY_MODEL, 1) == calibration(date="2026-02-02")
    assert device("calibrated", TOY_MODEL, 2) == calibration(threads=2)


def test_the_model_of_like_size_is_taken():
    keep(calibration(model=Model("xlm-roberta-large", KNOWN["xlm-roberta-large"])))
    keep(calibration())
    found = device(None, Model("base", KNOWN["xlm-roberta-base"]), 1)
    assert found is not None and "xlm-roberta-large" in found.basis


def test_a_gpu_that_was_measured_comes_before_the_processor_beside_it(monkeypatch):
    monkeypatch.setattr(machine, "gpus", lambda: frozenset({"a GPU"}))
    large = Model("xlm-roberta-large", KNOWN["xlm-roberta-large"])
    keep(calibration(name="a GPU", model=large, memory=24 * 2**30, type="cuda", threads=16))
    keep(calibration())
    found = device(None, TOY_MODEL, 1)
    assert found is not None and found.name == "a GPU"
    assert device(machine.processor(), TOY_MODEL, 1) == calibration()


def test_an_unknown_device_and_a_broken_file_are_one_line():
    with pytest.raises(UnknownName, match="h200"):
        device("h20", None)
    place().parent.mkdir(parents=True)
    place().write_text("[1]")
    with pytest.raises(DataError, match="not a file of calibrations"):
        device("calibrated", None)


def test_without_a_name_a_calibration_is_of_this_machine(monkeypatch):
    keep(calibration(name="another processor"))
    keep(calibration(name="NVIDIA H200", type="cuda", memory=2**37, threads=8))
    said = []
    assert device(None, TOY_MODEL, 1, said.append) is None
    assert len(said) == 1 and "NVIDIA H200, another processor" in said[0]
    with pytest.raises(ConfigError, match="nothing was measured here"):
        device("calibrated", TOY_MODEL, 1)
    said.clear()
    assert device("another processor", TOY_MODEL, 2, said.append) == calibration(name="another processor")
    assert not said, "how many threads a process has here says nothing of another machine"
    keep(calibration())
    assert device(None, TOY_MODEL, 1) == calibration()
    monkeypatch.setattr(machine, "gpus", lambda: frozenset({"NVIDIA H200"}))
    assert device("calibrated", TOY_MODEL, 1).name == "NVIDIA H200", "as a run takes the GPU first"


def test_what_was_measured_otherwise_is_said():
    said = []
    keep(calibration(threads=2, packages={"torch": "1.0", "tokenizers": "0.1"}))
    assert device(None, TOY_MODEL, 1, said.append) is not None
    threads, versions = said
    assert "threads = 2" in threads and "torch 1.0, not 2." in versions and "tokenizers" not in versions
    said.clear()
    keep(calibration(packages=dict(package_versions())))
    assert device(None, TOY_MODEL, 1, said.append) == calibration(packages=dict(package_versions()))
    assert not said


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"costs": {}}, "train bottleneck alone"),
        ({"costs": {"train bottleneck alone": {"token": "much"}}}, "costs.train bottleneck alone.token"),
        ({"threads": "two"}, "threads"),
        ({"model": {"name": "toyworld", "sizes": {}}}, "model.sizes"),
        ({"model": {"name": "toyworld", "sizes": vars(Sizes(0, 0, 0, 0, 0))}}, "model.sizes"),
        ({"mixed": [1.0, 1.0]}, "mixed"),
    ],
)
def test_a_broken_calibration_is_one_line_that_names_the_place(change, named):
    keep(calibration())
    (facts,) = json.loads(place().read_text())
    place().write_text(json.dumps([facts | change]))
    with pytest.raises(DataError, match="not a file of calibrations") as told:
        devices.calibrations()
    assert named in told.value.message and "\n" not in told.value.message


def test_a_folder_in_place_of_calibrations_is_one_line():
    place().mkdir(parents=True)
    said = []
    assert device(None, TOY_MODEL, 1, said.append) is None
    assert len(said) == 1 and "cannot be read" in said[0]


def test_trainings_that_cost_nothing_stand_side_by_side(tmp_path):
    asked, plan = planned(tmp_path)
    free = calibration(costs={name: Cost() for name in calibration().costs})
    found = forecast(plan, plan.stages, asked, Forecaster(Reading()), free, plan.groups(4))
    assert found.kinds["train"].seconds == 0.0


@pytest.mark.parametrize("text", ["[1]", "{", '[{"schema": 99}]'])
def test_what_cannot_be_read_is_left_aside_with_one_line(text):
    place().parent.mkdir(parents=True)
    place().write_text(text)
    said = []
    assert device(None, None, warn=said.append) is None
    assert len(said) == 1 and str(place()) in said[0] and "\n" not in said[0]
    assert device("h200", None, warn=said.append) is STATED["h200"]


def test_a_calibration_of_before_is_read_as_it_was_meant(cache):
    keep(calibration())
    path = place()
    (facts,) = json.loads(path.read_text())
    facts.pop("apart")
    path.write_text(json.dumps([facts]))
    made = device(None, TOY_MODEL, 1)
    works = [Work("train bottleneck alone", trained=1000, steps=0, model=TOY_MODEL)] * 3
    assert made is not None and made.together(works) == pytest.approx(3 * made.together(works[:1]))


def test_calibrations_of_another_schema_stay_in_the_file():
    place().parent.mkdir(parents=True)
    place().write_text('[{"schema": 99}]')
    keep(calibration())
    assert {"schema": 99} in json.loads(place().read_text())
    assert device(None, TOY_MODEL, 1) == calibration()


def stages(text, folder):
    _, plan = planned(folder, text)
    return plan.stages, {stage.digest: Forecaster(Reading()).work(stage) for stage in plan.stages}


def test_stages_in_a_row_load_their_encoder_once(tmp_path):
    found, works = stages(SMALL, tmp_path)
    h200 = STATED["h200"]
    for workers in (1, 3):
        (spent,) = loadings(found, works, h200, workers).values()
        assert spent == pytest.approx(workers * h200.loading(TOY_MODEL), rel=1e-3)
    assert set(loadings(found, works, calibration()).values()) == {0.0}
    each = [h200.seconds(works[one.digest]) for one in found if one.kind == "predict"]
    assert max(each) < 1.0


def test_a_full_training_has_an_encoder_to_itself(tmp_path):
    text = SMALL.replace('["alone", "stack(each)", "fuse(all)"]', '["alone"]')
    text = text.replace('method = { name = "bottleneck", reduction_factor = 8 }', 'method = "full"')
    found, works = stages(text, tmp_path)
    begun = loadings(found, works, STATED["h200"], 4)
    trainings = [one.digest for one in found if one.kind == "train"]
    assert set(trainings) <= set(begun) and len(begun) <= 2 * len(trainings)
    assert {begun[one] for one in trainings} == {STATED["h200"].loading(TOY_MODEL)}


def test_towards_never_falls_below_zero():
    assert Cost(stage=1.0).towards(Cost(stage=0.0), 2.0) == Cost()
