"""What is said of the tasks is what the registry holds."""

import dataclasses
import re
from pathlib import Path

import pytest

from xadapt import catalogue
from xadapt.task import sources
from xadapt.tasks import task, tasks

README = Path(__file__).parents[1] / "README.md"


def test_the_table_in_the_readme_is_that_of_the_registry() -> None:
    assert catalogue.table() in README.read_text(encoding="utf-8"), "run `xadapt tasks --markdown`"


def test_the_table_has_a_row_of_equal_cells_for_every_task() -> None:
    head, rule, *rows = catalogue.table().splitlines()
    assert {row.split("`")[1] for row in rows} == set(tasks()) and len(rows) == len(tasks())
    assert {line.count("|") for line in (head, rule, *rows)} == {8}


@pytest.mark.parametrize("name", sorted(tasks()))
def test_everything_about_a_task_is_said(name: str) -> None:
    what = task(name)
    text = "\n".join(f"{key} {value}" for key, value in catalogue.lines(what))
    for said in (what.name, what.type, what.metric, what.license, what.quirks, *what.languages):
        assert said in text and said
    for source in (*sources(what.train), *sources(what.dev)):
        assert source.local in text
    assert not re.search(r"\bNone\b", text)


def test_a_place_has_its_revision_or_is_to_be_locked() -> None:
    pinned, *_ = catalogue.places(task("cosmos_qa"))
    assert pinned.text() == (
        "allenai/cosmos_qa default train @ ed50fe83db62b355759053b1cd5eef344ee371e0; "
        "cosmos_qa/en/train in a folder"
    )
    assert "nyu-mll/glue mnli train @ to be locked" in catalogue.places(task("mnli"))[0].text()
    assert catalogue.places(task("ccg"))[0].text() == "ccg/en/train in a folder"


def test_languages_that_differ_in_the_config_alone_are_one_place() -> None:
    (test,) = (place for place in catalogue.places(task("panx")) if place.part == "test")
    assert len(test.configs) == 48 == len(test.local) and " af ... uk (48) test @" in test.text()
    rounds = [place.split for place in catalogue.places(task("anli_plus")) if place.part == "train"]
    assert rounds == ["train", "train", "train_r1", "train_r2", "train_r3"]


def test_languages_that_xtreme_r_adds_stand_apart() -> None:
    wide = dataclasses.replace(task("panx"), wider=("az", "gu"))
    assert ("wider", "az gu (2, in XTREME-R)") in catalogue.lines(wide)
    (test,) = (place for place in catalogue.places(wide) if place.part == "test")
    assert test.local[-2:] == ("panx/az/test", "panx/gu/test")
    assert "| 40 + 2 |" in catalogue._row(wide)


def test_a_size_that_could_not_be_verified_is_said_to_be_so() -> None:
    assert ("sizes", "not verified") in catalogue.lines(task("qqp"))
    assert ("sizes", "train 1,104,934, dev 22,857") in catalogue.lines(task("anli_plus"))
    assert catalogue.facts(task("mnli"))["sizes"] == {"train": 392_702, "dev": 9_815, "test": None}
