"""`xadapt plan` as a user meets it."""

import json

import pytest

from tests.forecast.plans import SMALL, calibration
from xadapt.forecast.device import keep, place
from xadapt.forecast.machine import processor

from .calls import here


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "small.toml").write_text(SMALL)
    return [str(tmp_path / "small.toml"), "--store", str(tmp_path / "runs")]


def test_without_a_calibration_there_are_tokens_and_no_time(small):
    done = here("plan", *small)
    assert done.returncode == 0, done.stderr
    assert "xadapt bench device" in done.stdout and "in total" in done.stdout
    facts = json.loads(here("plan", *small, "--json").stdout)
    assert facts["device"] is None and facts["total"]["hours"] is None
    assert facts["total"]["tokens"] > 1000 and facts["kinds"]["train"]["to_do"] == facts["stages"]["train"]


def test_a_stated_device_says_that_it_is_assumed(small):
    done = here("plan", *small, "--device", "h200")
    assert done.returncode == 0 and "assumed 989 TFLOP/s" in done.stdout
    wrong = here("plan", *small, "--device", "h20")
    assert wrong.returncode == 3 and wrong.stderr.startswith("error: --device h20") and "h200" in wrong.stderr
    assert here("plan", *small, "--device", "calibrated").returncode == 2


def test_a_calibration_gives_hours_of_everything(small):
    keep(calibration())
    facts = json.loads(here("plan", *small, "--workers", "2", "--json").stdout)
    assert facts["device"]["name"] == processor() and facts["device"]["workers"] == 2
    hours = [kind["hours"] for kind in facts["kinds"].values()]
    assert facts["total"]["hours"] == pytest.approx(sum(hours), abs=1e-3)
    assert {one["composition"] for one in facts["compositions"]} == {"baselines", "alone", "stack", "fuse"}
    assert facts["shared"] and all(len(one["targets"]) > 1 for one in facts["shared"])


@pytest.mark.parametrize("option", [("--memory", "lots"), ("--together", "2")])
def test_a_check_takes_nothing_that_says_how_to_run(small, option):
    done = here("plan", *small, "--check", *option)
    assert done.returncode == 2 and " ".join(option) in done.stderr


def test_an_endless_amount_is_no_amount(small):
    done = here("plan", *small, "--device", "h200", "--memory", "9" * 400 + "GB")
    assert done.returncode == 2 and "is no amount" in done.stderr and len(done.stderr) < 300


def test_a_check_of_nothing_says_so(small):
    done = here("plan", *small, "--check")
    assert done.returncode == 0 and "nothing of this plan has run" in done.stdout


def test_what_a_run_within_an_amount_would_pick_is_one_line(small):
    done = here("plan", *small, "--device", "h200", "--memory", "8GB", "--workers", "2")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("memory ")]
    assert line.startswith("memory 8.0 GB, 4.0 GB for each of 2 workers: passes of at most")
    assert "expected" in line and "most for: train" in line
    done = here("plan", *small, "--device", "h200", "--memory", "8GB", "--json")
    facts = json.loads(done.stdout)["memory"]
    assert facts["budget_bytes"] == 8 * 2**30 and 0 < facts["expected_bytes"] < 2**30
    few = here("plan", *small, "--device", "h200", "--memory", "1200MB", "--workers", "2")
    assert few.returncode == 6 and "--memory 1.2 GB, 600 MB for each of 2 workers: one example" in few.stderr
    assert here("plan", *small, "--device", "h200", "--memory", "lots").returncode == 2


def test_the_memory_of_the_table_is_that_within_the_amount(small):
    def held(*words: str) -> dict[str, float]:
        done = here("plan", *small, "--device", "l4", "--together", "1", *words, "--json")
        facts = json.loads(done.stdout)
        peaks = {"total": facts["total"], "train": facts["kinds"]["train"]}
        return {name: of["peak_memory_bytes"] for name, of in peaks.items()} | facts.get("memory", {})

    whole, within = held(), held("--memory", "609MB")
    usable = 0.92 * 9 * 2**20
    assert 0 < within["train"] <= usable < whole["train"] and within["total"] == within["train"]
    # What needs most of all is what is pressed most or beside it.
    assert 0.5 * within["train"] < within["expected_bytes"] <= within["train"]
    assert held("--memory", "20GB")["train"] == whole["train"], "where nothing is scarce it is what it was"


def test_calibrations_of_another_schema_end_no_plan(small):
    place().parent.mkdir(parents=True)
    place().write_text('[{"schema": 99}]')
    done = here("plan", *small)
    assert done.returncode == 0 and done.stderr.count("\n") == 1 and "schema 99" in done.stderr
