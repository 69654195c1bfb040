"""`xadapt submit` as a user meets it."""

import json

import pytest

from tests.cli.calls import here
from xadapt.workflow.store import Store

from . import made

TASKS = [word for name in made.TASKS for word in ("--task", name)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(experiment file, store folder)"""
    folder = tmp_path_factory.mktemp("submit")
    made.fill(made.load(folder), Store(folder / "runs"))
    return str(folder / "e.toml"), str(folder / "runs")


def submit(place, *words):
    return here("submit", place[0], "--store", place[1], *words)


def test_write_then_check_say_the_same(place, tmp_path):
    folder = str(tmp_path / "s")
    done = submit(place, "--composition", "alone", *TASKS, "--output", folder)
    assert done.returncode == 0, done.stderr
    assert "xnli" in done.stdout and "11 files, checked" in done.stdout
    assert "the toy world has its own languages" in done.stderr
    again = submit(place, "--composition", "alone", *TASKS, "--check", folder, "--json")
    facts = json.loads(again.stdout)
    assert again.returncode == 0 and len(facts["files"]) == 11
    assert (facts["benchmark"], facts["recipe"], facts["seed"]) == ("xtreme", "small", 1)
    assert all(len(each["digest"]) == 64 and 0 < each["value"] < 100 for each in facts["files"])
    path = tmp_path / "s/xnli/test-en.tsv"
    path.write_text(path.read_text().replace("neutral", "entailment"))
    changed = submit(place, "--composition", "alone", *TASKS, "--check", folder, "--json")
    assert changed.returncode == 5 and json.loads(changed.stdout)["error"]["code"] == 5


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--composition", "alone"], 2, "one of --output FOLDER"),
        (["--composition", "alone", "--output", "a", "--check", "b"], 2, "one of --output FOLDER"),
        (["--output", "a"], 2, "Missing option"),
        (["--composition", "aloen", "--output", "a"], 3, "did you mean 'alone'"),
        (["--composition", "alone", "--seed", "7", "--output", "a"], 3, "--seed: '7'"),
        (["--composition", "alone", "--task", "xnil", "--output", "a"], 3, "did you mean 'xnli'"),
        (["--composition", "alone", "--benchmark", "xtrem", "--output", "a"], 2, "xtrem"),
        (["--composition", "alone", "--output", "a"], 4, "mlqa (no target here)"),
        (["--composition", "fuse(all)", "--task", "pawsx", "--output", "a"], 4, "pawsx (has not run)"),
        (["--composition", "alone", "--task", "xnli", "--check", "nosuch"], 4, "nosuch"),
    ],
)
def test_each_fault_is_one_line_and_writes_nothing(place, tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    done = submit(place, *words)
    assert done.returncode == code, done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr and done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_left_as_it_is(place, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = submit(place, "--composition", "alone", *TASKS, "--output", str(tmp_path))
    assert done.returncode == 2 and "is there already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_saw_the_test_languages_is_no_submission(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(made.TEXT + '[recipe.small.task.pawsx]\nselect = "oracle"\n')
    words = ("--composition", "alone", "--task", "pawsx", "--output", str(tmp_path / "s"))
    done = here("submit", str(path), "--store", str(tmp_path / "runs"), *words)
    assert done.returncode == 4 and "pawsx (selected on data of its test language" in done.stderr
