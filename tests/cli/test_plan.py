"""`xadapt plan` as a user meets it."""

import json

import pytest

from tests.forecast.plans import SMALL, calibration
from xadapt.forecast.device import keep, place
from xadapt.forecast.machine import processor

from .calls import xadapt


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "small.toml").write_text(SMALL)
    return [str(tmp_path / "small.toml"), "--store", str(tmp_path / "runs")]


def test_without_a_calibration_there_are_tokens_and_no_time(small):
    done = xadapt("plan", *small)
    assert done.returncode == 0, done.stderr
    assert "xadapt bench device" in done.stdout and "in total" in done.stdout
    facts = json.loads(xadapt("plan", *small, "--json").stdout)
    assert facts["device"] is None and facts["total"]["hours"] is None
    assert facts["total"]["tokens"] > 1000 and facts["kinds"]["train"]["to_do"] == facts["stages"]["train"]


def test_a_stated_device_says_that_it_is_assumed(small):
    done = xadapt("plan", *small, "--device", "h200")
    assert done.returncode == 0 and "assumed 989 TFLOP/s" in done.stdout
    wrong = xadapt("plan", *small, "--device", "h20")
    assert wrong.returncode == 3 and wrong.stderr.startswith("error: --device h20") and "h200" in wrong.stderr
    assert xadapt("plan", *small, "--device", "calibrated").returncode == 2


def test_a_calibration_gives_hours_of_everything(small):
    keep(calibration())
    facts = json.loads(xadapt("plan", *small, "--workers", "2", "--json").stdout)
    assert facts["device"]["name"] == processor() and facts["device"]["workers"] == 2
    hours = [kind["hours"] for kind in facts["kinds"].values()]
    assert facts["total"]["hours"] == pytest.approx(sum(hours), abs=1e-3)
    assert {one["composition"] for one in facts["compositions"]} == {"baselines", "alone", "stack", "fuse"}
    assert facts["shared"] and all(len(one["targets"]) > 1 for one in facts["shared"])


@pytest.mark.parametrize("option", [("--memory", "lots"), ("--together", "2")])
def test_a_check_takes_nothing_that_says_how_to_run(small, option):
    done = xadapt("plan", *small, "--check", *option)
    assert done.returncode == 2 and " ".join(option) in done.stderr


def test_an_endless_amount_is_no_amount(small):
    done = xadapt("plan", *small, "--device", "h200", "--memory", "9" * 400 + "GB")
    assert done.returncode == 2 and "is no amount" in done.stderr and len(done.stderr) < 300


def test_a_check_of_nothing_says_so(small):
    done = xadapt("plan", *small, "--check")
    assert done.returncode == 0 and "nothing of this plan has run" in done.stdout


def test_what_a_run_within_an_amount_would_pick_is_one_line(small):
    done = xadapt("plan", *small, "--device", "h200", "--memory", "8GB", "--workers", "2")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("memory ")]
    assert line.startswith("memory 8.0 GB, 4.0 GB for each of 2 workers: passes of at most")
    assert "expected" in line and "most for: train" in line
    done = xadapt("plan", *small, "--device", "h200", "--memory", "8GB", "--json")
    facts = json.loads(done.stdout)["memory"]
    assert facts["budget_bytes"] == 8 * 2**30 and 0 < facts["expected_bytes"] < 2**30
    few = xadapt("plan", *small, "--device", "h200", "--memory", "1200MB", "--workers", "2")
    assert few.returncode == 6 and "--memory 1.2 GB, 600 MB for each of 2 workers: one example" in few.stderr
    assert xadapt("plan", *small, "--device", "h200", "--memory", "lots").returncode == 2


def test_calibrations_of_another_schema_end_no_plan(small):
    place().parent.mkdir(parents=True)
    place().write_text('[{"schema": 99}]')
    done = xadapt("plan", *small)
    assert done.returncode == 0 and done.stderr.count("\n") == 1 and "schema 99" in done.stderr
