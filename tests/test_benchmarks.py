"""XTREME's averages: languages, then tasks; never groups; what is missing is counted."""

import pytest

from xadapt import benchmarks
from xadapt.benchmarks import BENCHMARKS, Scores
from xadapt.tasks import tasks

COUNTS = {
    "xtreme": {
        "xnli": 15,
        "pawsx": 7,
        "udpos": 33,
        "panx": 40,
        "xquad": 11,
        "mlqa": 7,
        "tydiqa": 9,
        "bucc2018": 4,
        "tatoeba": 36,
    },
    "xtreme-r": {
        "xnli": 15,
        "xcopa": 11,
        "udpos": 38,
        "panx": 48,
        "xquad": 12,
        "mlqa": 7,
        "tydiqa": 9,
        "tatoeba": 41,
        "mewslix": 11,
    },
}


@pytest.mark.parametrize("name", COUNTS)
def test_tasks_and_the_number_of_their_languages_are_those_of_evaluate_py(name):
    found = BENCHMARKS[name]
    assert {task for task in found.tasks if task != "lareqa"} == COUNTS[name].keys()
    assert len(set(found.tasks)) == len(found.tasks) == {"xtreme": 9, "xtreme-r": 10}[name]
    for task in COUNTS[name].keys() & tasks().keys():
        codes = benchmarks.languages(tasks()[task], name)
        assert len(codes) == len(set(codes)) == COUNTS[name][task], task


def found(**values: list[float]) -> dict[str, Scores]:
    """Two scores are asked for of every task."""
    return {name: Scores(values.get(name, []), 2) for name in BENCHMARKS["xtreme"].tasks}


def test_the_overall_score_is_the_mean_of_tasks_not_of_groups():
    made = benchmarks.averages(
        BENCHMARKS["xtreme"],
        found(
            xnli=[10, 20],
            pawsx=[30, 30],
            udpos=[40, 40],
            panx=[50, 50],
            xquad=[60, 60],
            mlqa=[70, 70],
            tydiqa=[80, 80],
            bucc2018=[90, 90],
            tatoeba=[0, 100],
        ),
    )
    assert made.tasks["xnli"].value == 15
    assert made.groups["qa"].value == 70 and made.groups["classification"].value == 22.5
    assert made.overall.value == pytest.approx((15 + 30 + 40 + 50 + 60 + 70 + 80 + 90 + 50) / 9)
    assert made.overall.value != pytest.approx(sum(a.value or 0 for a in made.groups.values()) / 4)
    assert made.overall.text() == "53.9"


def test_what_is_missing_is_counted_in_every_average_above_it():
    made = benchmarks.averages(BENCHMARKS["xtreme"], found(xnli=[10], xquad=[60, 64]))
    assert made.tasks["xnli"].text() == "10.0 (1/2)" and made.tasks["pawsx"].text() == "missing"
    assert made.groups["classification"].text() == "10.0 (1/4)" and made.groups["qa"].text() == "62.0 (2/6)"
    assert made.groups["tagging"].text() == "missing" and made.overall.text("*") == "36.0* (3/18)"


def test_published_rows_are_of_tasks_of_their_benchmark_and_name_source_and_encoder():
    for benchmark in BENCHMARKS.values():
        for row in benchmark.published:
            assert row.values.keys() <= set(benchmark.tasks)
            assert benchmark.published_as and benchmark.published_model
