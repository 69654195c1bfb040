"""`xadapt tasks`: the list, one task whole, and a CCGbank as rows."""

import json

from tests.sources.test_ccgbank import release
from xadapt.tasks import tasks

from .calls import here


def test_the_list_has_every_task_in_text_and_json():
    lines = here("tasks").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(tasks())
    listed = json.loads(here("tasks", "--json").stdout)
    assert [each["name"] for each in listed["tasks"]] == list(tasks()) and listed["schema_version"] == 1


def test_show_tells_where_a_task_comes_from():
    text = here("tasks", "show", "anli_plus").stdout
    assert "1,104,934" in text and "facebook/anli plain_text train_r3 @ to be locked" in text
    facts = json.loads(here("tasks", "show", "hellaswag", "--json").stdout)
    assert facts["sources"][0]["revision"] == "6002345709e0801764318f06bf06ce1e7d1a1fe3"
    assert facts["license"] == "MIT" and facts["quirks"]


def test_a_name_without_show_is_no_command():
    done = here("tasks", "panx")
    assert done.returncode == 2 and "No such command 'panx'" in done.stderr


def test_a_ccgbank_becomes_rows_where_the_task_looks_for_them(tmp_path):
    release(tmp_path / "bank")
    done = here("tasks", "ccgbank", str(tmp_path / "bank"), "--data", str(tmp_path / "data"), "--json")
    assert json.loads(done.stdout)["sentences"] == {"train": 38, "validation": 6, "test": 6}
    assert (tmp_path / "data/ccg/en/test.jsonl").is_file()
    missing = here("tasks", "ccgbank", str(tmp_path), "--data", str(tmp_path / "data"))
    assert missing.returncode == 4 and "no .auto file" in missing.stderr and "data/AUTO" in missing.stderr
