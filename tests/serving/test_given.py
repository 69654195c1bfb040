"""What is given to `predict`: a file that is also the output, standard input, and rows that are none."""

import json
import os
import threading
from pathlib import Path

import pytest

import xadapt
from tests.serving.made import World
from tests.serving.test_commands import digest, typed
from xadapt.errors import ConfigError, DataError

ROW = {"text": "wa bo", "pair": "ti"}


@pytest.mark.parametrize("way", ["same", "relative", "link", "hard"])
def test_the_input_is_never_the_output(world: World, tmp_path: Path, monkeypatch, way: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text("text,pair\nwa bo,ti\n")
    out = tmp_path / "y.csv"
    if way == "link":
        out.symlink_to(file)
    elif way == "hard":
        out.hardlink_to(file)
    else:
        monkeypatch.chdir(tmp_path)
        out = file if way == "same" else Path("../" + tmp_path.name) / "x.csv"
    with pytest.raises(ConfigError, match=r"--output .*: is the --file that is read"):
        typed(world, "predict", digest(world, "xnli"), "--file", file, "--output", out)
    assert file.read_text() == "text,pair\nwa bo,ti\n" and not (tmp_path / ".x.csv.part").exists()


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "pipe"])
def test_rows_come_through_a_pipe(world: World, tmp_path: Path, name: str) -> None:
    text = json.dumps(ROW).encode() + b"\n"
    words = ("predict", digest(world, "xnli"), "--format", "jsonl", "--json", "--file")
    answers = xadapt.load(digest(world, "xnli"), world.store.root).predict([ROW])
    if name == "pipe":
        os.mkfifo(tmp_path / "pipe")
        writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(text,), daemon=True)
        writer.start()
        assert json.loads(typed(world, *words, tmp_path / "pipe"))["answers"] == answers
        writer.join()
        return
    read, write = os.pipe()
    saved = os.dup(0)
    os.write(write, text)
    os.close(write)
    os.dup2(read, 0)
    try:
        assert json.loads(typed(world, *words, name))["answers"] == answers
    finally:
        os.dup2(saved, 0)


def test_a_pipe_needs_its_format(world: World, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--file -: has no ending that says its format") as failed:
        typed(world, "predict", "mnli", "--file", "-")
    assert "--format jsonl" in failed.value.hint
    with pytest.raises(ConfigError, match=r"--format 'jsn'.*did you mean 'jsonl'"):
        typed(world, "predict", "mnli", "--file", "-", "--format", "jsn")
    with pytest.raises(ConfigError, match=r"--format says how --file is written"):
        typed(world, "predict", "mnli", "--text", "a", "--format", "csv")
    (tmp_path / "rows.data").write_text("text,pair\nwa bo,ti\n")
    words = ("--file", tmp_path / "rows.data", "--format", "csv", "--json")
    assert len(json.loads(typed(world, "predict", digest(world, "xnli"), *words))["answers"]) == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([None], "row 1: expected columns with their values, got None"),
        ([ROW, "text"], "row 2: expected columns with their values, got 'text'"),
        ("text", "expected a list of rows, got 'text'"),
        (ROW, "expected a list of rows, got {'text'"),
        (None, "expected a list of rows, got None"),
    ],
)
def test_what_is_no_row_says_so(world: World, rows, said: str) -> None:
    loaded = xadapt.load(digest(world, "xnli"), world.store.root)
    with pytest.raises(DataError, match=said):
        loaded.predict(rows)


def test_a_text_is_no_list_of_texts(world: World) -> None:
    loaded = xadapt.load(digest(world, "xnli"), world.store.root, vectors=True)
    with pytest.raises(DataError, match=r"expected a list of texts, got 'wa bo'"):
        loaded.vectors("wa bo")
    with pytest.raises(DataError, match=r"row 2: field 'text': None is not text"):
        loaded.vectors(["wa", None])
