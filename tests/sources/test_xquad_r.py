"""The release of XQuAD-R becomes the rows that LAReQA reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import here
from tests.stages.test_data import run
from xadapt.errors import DataError
from xadapt.sources import origins, xquad_r
from xadapt.stages.data import Data
from xadapt.task import sources
from xadapt.tasks import task

PARAGRAPH = {
    "context": "北京。Ab.",
    "sentence_breaks": [[0, 3], [3, 6]],
    "sentences": ["北京。", "Ab."],
    "qas": [{"id": "q1", "question": "?", "answers": [{"text": "A", "answer_start": 3}]}],
}


def release(folder: Path, *languages: str) -> Path:
    folder.mkdir()
    for language in languages:
        whole = {"data": [{"paragraphs": [PARAGRAPH]}, {"paragraphs": []}]}
        (folder / f"{language}.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder


def test_a_question_is_a_row_that_the_task_reads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert xquad_r.convert(release(tmp_path / "xquad-r", "ar", "zh"), data) == {"ar": 1, "zh": 1}
    what = task("lareqa")
    assert what.test
    places = origins(sources(what.test("zh")), "folder", data, None)
    found, notes = run(Data(task="lareqa", task_version=1, rows=places), tmp_path, data)
    assert notes == {"read": 2, "kept": 5, "dropped": {}}
    assert [each.text for each in found] == ["北京。", "Ab.", "北京。", "Ab.", "?"]
    assert [found[at].id for at in (1, 3)] == list(found[4].relevant)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"en\.json: not XQuAD-R"),
        ("[]", r"en\.json: not XQuAD-R"),
        (json.dumps({"data": [{"paragraphs": [{"context": "a"}]}]}), "field 'sentence_breaks' is missing"),
    ],
)
def test_another_form_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "en.json").write_text(text)
    with pytest.raises(DataError, match=said):
        xquad_r.convert(tmp_path, tmp_path / "data")


def test_the_command_tells_what_it_wrote_and_what_it_needs(tmp_path: Path) -> None:
    there: Any = release(tmp_path / "xquad-r", "en")
    done = here("tasks", "xquad-r", str(there), "--data", str(tmp_path / "data"), "--json")
    assert json.loads(done.stdout)["questions"] == {"en": 1}
    assert (tmp_path / "data" / "lareqa" / "en" / "test.jsonl").is_file()
    missing = here("tasks", "xquad-r", str(tmp_path), "--data", str(tmp_path / "data"))
    assert missing.returncode == 4 and "no .json file" in missing.stderr and "xquad-r" in missing.stderr
