"""Faults at the command line: some stages fail, a store is damaged, a fault of ours."""

import errno
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report import fakes
from tests.workflow.fakes import Word
from xadapt import experiment
from xadapt.cli import main, output
from xadapt.shipped import shipped
from xadapt.workflow.store import Store

from .calls import here

FOLDER = """
[model]
name = "toyworld"
[data]
world = "folder"
languages = ["en", "de"]
[recipe.a]
steps = 2
[target]
tasks = ["pawsx"]
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A data folder whose training data has a bad second line."""
    data = tmp_path / "data"
    row = {"id": 1, "sentence1": "a b", "sentence2": "a c", "label": 1}
    for place in ("en/train", "en/test", "de/test"):
        path = data / "paws-x" / f"{place}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row) + "\n")
    with (data / "paws-x/en/train.jsonl").open("a") as file:
        file.write('{"sentence1": "cut off\n')
    (tmp_path / "e.toml").write_text(FOLDER)
    return tmp_path


def test_a_malformed_row_fails_its_stage_and_the_rest_is_said_to_be_missing(folder):
    words = [str(folder / "e.toml"), "--data", str(folder / "data"), "--store", str(folder / "runs")]
    done = here("run", *words)
    assert done.returncode == 4 and "paws-x/en/train.jsonl:2: not JSON" in done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
    facts = json.loads(here("run", *words, "--json").stdout)
    assert [failure["stage"] for failure in facts["failed"]] == ["data pawsx"]
    assert facts["missing"] > 1 and facts["ran"] == 0, "both test sets were kept by the first run"
    report = here("report", *words)
    assert report.returncode == 0 and "train.jsonl:2: not JSON" in report.stdout


def test_a_result_that_was_changed_is_set_aside_aloud_and_made_again(folder):
    store = folder / "runs"
    words = [str(folder / "e.toml"), "--data", str(folder / "data"), "--store", str(store)]
    asked = experiment.load(words[0], None, folder / "data")
    data = next(cell.score.predictions.data for cell in asked.cells() if cell.score and cell.language == "de")
    only = ["--only", data.digest[:12]]
    assert "1 stage ran, 0 were there" in here("run", *words, *only).stderr
    (Store(store).folder(data.digest) / "record.json").write_text("{bro")
    again = here("run", *words, *only)
    assert again.returncode == 0 and f"made again: {data.title()}" in again.stderr
    assert str(store / ".quarantine") in "".join(again.stderr.split("\n")) and "1 stage ran" in again.stderr


def test_the_report_that_a_run_points_to_is_of_what_ran(folder):
    words = [str(folder / "e.toml"), "--data", str(folder / "data"), "--store", str(folder / "runs")]
    done = here("run", *words, "--set", 'data.languages=["de"]', "--set", "recipe.a.lr=3e-4")
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("see: "))
    shown = here(*shlex.split(line)[2:], "--json")
    assert shown.returncode == 0, shown.stderr
    assert {cell["language"] for cell in json.loads(shown.stdout)["cells"]} == {"de"}


def test_one_failed_stage_alone_ends_with_its_own_code(folder):
    words = [str(folder / "e.toml"), "--data", str(folder / "data"), "--store", str(folder / "runs")]
    digest = json.loads(here("run", *words, "--json").stdout)["failed"][0]["digest"]
    done = here("run", *words, "--only", digest[:12])
    assert done.returncode == 4 and ":2: not JSON" in done.stderr


def test_a_mended_file_is_another_input_and_runs(folder):
    words = [str(folder / "e.toml"), "--data", str(folder / "data"), "--store", str(folder / "runs")]
    before = json.loads(here("run", *words, "--json").stdout)["failed"][0]["digest"]
    path = folder / "data/paws-x/en/train.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    plan = json.loads(here("plan", *words, "--json").stdout)
    assert plan["missing"]["data"] == 1
    assert before[:12] not in here("report", *words).stdout


def test_verify_names_what_was_changed_and_repair_moves_it_aside(tmp_path):
    store = Store(tmp_path)
    for text in ("a", "b"):
        with store.writing(Word(text=text)) as work:
            (work.out / "text.txt").write_text(text)
    assert here("verify", "--store", str(tmp_path)).returncode == 0
    (store.folder(Word(text="a").digest) / "text.txt").write_text("x")
    done = here("verify", "--store", str(tmp_path))
    assert done.returncode == 5 and "text.txt: changed since it was written" in done.stdout
    done = here("verify", "--store", str(tmp_path), "--repair", "--json")
    assert done.returncode == 0 and len(json.loads(done.stdout)["moved"]) == 1
    again = json.loads(here("verify", "--store", str(tmp_path), "--json").stdout)
    counts = {"checked": 1, "unsealed": 0, "rescored": 0}
    assert again == {"schema_version": 1, **counts, "changed": [], "moved": []}
    path = store.folder(Word(text="b").digest) / "record.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "seal"}))
    assert "unsealed: 1 records" in here("verify", "--store", str(tmp_path)).stdout


def test_a_report_of_a_changed_score_shows_the_rest(tmp_path):
    asked, store = fakes.load(tmp_path), Store(tmp_path / "runs")
    fakes.fill(asked, store)
    score = next(cell.score for cell in asked.cells() if cell.score)
    (store.folder(score.digest) / "items.json").write_text("[]")
    done = here("report", str(tmp_path / "e.toml"), "--store", str(store.root), "--json")
    cells = json.loads(done.stdout)["cells"]
    assert [c["digest"] for c in cells if c["status"] == "failed"] == [score.digest]
    assert sum(c["status"] == "ok" for c in cells) > 40


def test_init_and_its_faults_speak_json(tmp_path):
    path = str(tmp_path / "my.toml")
    assert json.loads(here("init", path, "--json").stdout)["path"] == path
    again = here("init", path, "--json")
    assert again.returncode == 2 and json.loads(again.stdout)["error"]["code"] == 2


def test_want_of_memory_is_no_fault_of_ours(monkeypatch, capsys):
    def large(**_: object) -> None:
        raise RuntimeError("MPS backend out of memory (MPS allocated: 5.31 GB, max allowed: 6.77 GB)")

    monkeypatch.setattr(main, "app", large)
    monkeypatch.setattr(sys, "argv", ["xadapt", "recommend", "--json"])
    assert main._run() == 6
    shown = capsys.readouterr()
    error = json.loads(shown.out)["error"]
    assert error["code"] == 6 and error["message"].startswith("recommend: out of memory (MPS backend out of")
    assert "--device cpu" in error["hint"] and shown.err.count("\n") == 2


def test_a_fault_of_ours_is_one_line_and_a_log(monkeypatch, capsys):
    def broken(**_: object) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(main, "app", broken)
    monkeypatch.setattr(sys, "argv", ["xadapt", "tasks", "--json"])
    assert main._run() == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["message"] == "RuntimeError: odd"
    assert "Traceback" not in shown.err and shown.err.count("\n") == 2
    log = Path(json.loads(shown.out)["error"]["hint"].split()[-1])
    assert "Traceback" in log.read_text() and 'RuntimeError("odd")' in log.read_text()
    log.unlink()


@pytest.mark.parametrize(("columns", "tty", "width"), [(None, False, output.PIPE_WIDTH), ("40", False, 40)])
def test_a_pipe_keeps_lines_whole_unless_told_otherwise(monkeypatch, columns, tty, width):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty, raising=False)
    assert output.stdout().width == width


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "{}.toml"),
        ("plan", "demo", "--data", "{}"),
        ("plan", "demo", "--store", "{}"),
        ("plan", "demo", "--set", "model.name=own", "--set", "model.folder={}"),
        ("report", "demo", "--store", "{}"),
        ("doctor", "--store", "{}"),
    ],
)
def test_a_name_that_no_disk_takes_is_one_line(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["xadapt", *(word.format("x" * 300) for word in words)])
    assert main._run() == 2
    shown = capsys.readouterr()
    assert "xxx" in shown.err and "File name too long" in shown.err
    assert shown.err.count("\n") == 1 and shown.out == ""


def test_a_lock_that_cannot_be_read_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "my.toml").write_bytes(shipped()["starter"].read_bytes())
    (tmp_path / "my.lock").write_text("")
    read = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.suffix == ".lock":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    monkeypatch.setattr(sys, "argv", ["xadapt", "plan", str(tmp_path / "my.toml")])
    assert main._run() == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'my.lock'}: cannot be read (Permission denied)\n"


def test_a_store_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "runs").write_text("")
    done = here("run", "demo", "--store", str(tmp_path / "runs"))
    assert done.returncode == 2
    assert f"cannot keep a store at {tmp_path / 'runs'}" in done.stderr and "hint: choose" in done.stderr


def test_a_data_folder_must_be_there_even_where_it_is_not_needed(tmp_path):
    done = here("plan", "demo", "--data", str(tmp_path / "nope"))
    assert done.returncode == 4 and "nope: no such folder" in done.stderr


def test_a_reader_that_leaves_early_is_no_fault():
    line = [sys.executable, "-c", "from xadapt.cli.main import main; main()", "tasks", "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0
