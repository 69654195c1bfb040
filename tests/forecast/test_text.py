"""Figures as people read them, and what a forecast says beside its tables."""

from dataclasses import replace

import pytest

from xadapt.forecast.disk import Beside
from xadapt.forecast.reading import Reading
from xadapt.forecast.stated import STATED
from xadapt.forecast.table import forecast
from xadapt.forecast.text import clock, notes, number, scarce, size
from xadapt.forecast.work import Forecaster

from .plans import SMALL, calibration, planned

NOWHERE = SMALL.replace('name = "toyworld"', 'name = "somebody/unheard-of"\nrevision = "' + "0" * 40 + '"', 1)


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        (size(999.6e6), "1 GB"),
        (size(999.4e6), "999 MB"),
        (size(999.97e9), "1.0 TB"),
        (clock(3599), "1.00 h"),
        (clock(59.97), "1.0 min"),
        (clock(59.9), "59.9 s"),
        (number(9_999.7), "10 k"),
        (number(9_999.4), "9,999"),
    ],
)
def test_a_figure_is_rounded_before_its_unit_is_chosen(shown, written):
    assert shown == written


def of(text, folder, device):
    asked, plan = planned(folder, text)
    return plan, forecast(plan, plan.stages, asked, Forecaster(Reading()), device, plan.groups(1))


@pytest.mark.parametrize("device", [STATED["h200"], calibration()], ids=["stated", "calibrated"])
def test_a_model_of_unknown_size_has_no_time_and_is_named(tmp_path, device):
    _, found = of(NOWHERE, tmp_path, device)
    assert found.kinds["train"].seconds is found.kinds["predict"].seconds is found.total.seconds is None
    assert found.kinds["data"].seconds is not None and found.kinds["data"].seconds > 0
    assert found.facts()["total"]["hours"] is None
    (line,) = [line for line in notes(found, device, 2) if "unheard-of" in line]
    assert "size of somebody/unheard-of is not known" in line
    _, known = of(SMALL, tmp_path, device)
    assert known.total.seconds is not None and not any(
        "not known" in line for line in notes(known, device, 1)
    )


def test_workers_share_a_gpu_and_divide_cores(tmp_path):
    _, found = of(SMALL, tmp_path, STATED["h200"])
    assert not any("2 workers" in line for line in notes(found, STATED["h200"], 2))
    assert any("2 workers" in line for line in notes(found, calibration(), 2))


def test_what_a_store_holds_beside_its_stages_is_one_line(tmp_path):
    _, found = of(SMALL, tmp_path, None)

    def said(**sizes):
        return [line for line in notes(replace(found, beside=Beside(**sizes)), None, 1) if "beside" in line]

    (both,) = said(encoded=2e6, checkpoints=3e9)
    assert "2 MB of texts" in both and "3 GB of checkpoints" in both
    assert "texts" not in said(checkpoints=3e9)[0] and not said()


def test_a_disk_that_is_too_small_is_one_line(tmp_path):
    _, found = of(SMALL, tmp_path, None)
    assert found.needed > found.total.disk
    assert scarce(found, round(found.needed) + 1) == scarce(found, None) == ""
    more = replace(found, beside=Beside(encoded=6e9, checkpoints=3e9))
    assert (
        scarce(more, 8_000_000_000) == f"disk: {size(more.needed)} needed, 8 GB free: --store says where else"
    )
